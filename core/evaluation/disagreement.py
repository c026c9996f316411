"""Finds images whose label zero-shot CLIP contradicts with confidence: some of them are
mislabelled.
"""

from typing import Any

import torch.nn.functional as F

from core.data.dataset import Dataset
from core.evaluation.evaluate import DetailedEvaluation, flat, labels_of

CONFIDENT = 0.9
"""Lowest probability of another class that counts; higher for a class of which CLIP is always
sure.
"""
OWN_AT_MOST = 0.05
"""Highest probability that may remain for the label's class."""
KNOWN_FROM = 0.5
"""Lowest zero-shot accuracy of a class for which CLIP's doubts count."""


def disagreements(measured: DetailedEvaluation, dataset: Dataset) -> list[dict[str, Any]]:
    """`{path, domain, label, says, confidence}` of every such image, the surest first.

    As in confident learning (Northcutt et al., arXiv 1911.00068), a class counts from its mean
    probability on the images with its label, and at least from `CONFIDENT`.
    """
    labels = labels_of(flat(measured.domains))
    shares = F.softmax(measured.logits.double(), dim=1)
    surest, said = shares.max(dim=1)
    own = shares.gather(1, labels[:, None])[:, 0]
    found = []
    usual, known = {}, {}
    for label in range(len(dataset.classes)):
        mine = labels == label
        usual[label] = float(own[mine].mean()) if mine.any() else 1.0
        known[label] = float((said[mine] == label).double().mean()) if mine.any() else 0.0
    domains = [name for name, items in measured.domains.items() for _ in items]
    for index, item in enumerate(flat(measured.domains)):
        other, confidence = int(said[index]), float(surest[index])
        if other == item.label or known[item.label] < KNOWN_FROM:
            continue
        if confidence >= max(CONFIDENT, usual[other]) and float(own[index]) <= OWN_AT_MOST:
            found.append(
                {
                    "path": item.path,
                    "domain": domains[index],
                    "label": dataset.classes[item.label],
                    "says": dataset.classes[other],
                    "confidence": round(confidence, 4),
                }
            )
    return sorted(found, key=lambda one: (-one["confidence"], one["path"]))
