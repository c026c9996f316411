"""One classifier on all domains of a task."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.evaluation.metrics import score
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.records import DomainScore, Evaluation

Domains = Mapping[str, Sequence[Item]]


def domains_of(task: FewShotTask) -> dict[str, Sequence[Item]]:
    """What is measured: `val`, `test` and every `ood/<name>` that has images."""
    everything: dict[str, Sequence[Item]] = {"val": task.val, "test": task.test, **task.ood}
    return {name: items for name, items in everything.items() if items}


def evaluate(classifier: Classifier, clip: ClipModel, task: FewShotTask) -> Evaluation:
    """Score every domain by the classifier's features of all evaluation images."""
    domains = domains_of(task)
    features = clip.features_of(classifier, task.root, flat(domains))
    return evaluate_features(classifier, features, domains, task.classes)


def evaluate_features(
    classifier: Classifier, features: Tensor, domains: Domains, classes: Sequence[str]
) -> Evaluation:
    """Score unit features (N, D) that stand in the order of `flat(domains)`."""
    logits = classifier.logits_from(features)
    scores: dict[str, DomainScore] = {}
    start = 0
    for name, items in domains.items():
        labels = torch.tensor([item.label for item in items])
        scores[name] = score(logits[start : start + len(items)], labels, classes)
        start += len(items)
    return summarise(scores)


def summarise(scores: Mapping[str, DomainScore]) -> Evaluation:
    """`id` is the accuracy on `test` (on all in-distribution images of a data set that has no test
    yet); `ood` the unweighted mean over the out-of-distribution domains.
    """
    ood = [score.accuracy for name, score in scores.items() if name.startswith("ood/")]
    inside = [score for name, score in scores.items() if not name.startswith("ood/")]
    measured = [scores["test"]] if "test" in scores else inside
    return Evaluation(
        domains=dict(scores),
        id=sum(score.correct for score in measured) / sum(score.n for score in measured),
        ood=sum(ood) / len(ood) if ood else None,
    )


def flat(domains: Domains) -> list[Item]:
    """All items, domain after domain."""
    return [item for items in domains.values() for item in items]
