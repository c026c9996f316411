"""A data set as the model sees it before any training: zero-shot accuracy, labels that zero-shot
contradicts, and a preview of spurious prototypes.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch.nn.functional as F

from core.data.dataset import Dataset
from core.data.health.names import notes as name_notes
from core.data.health.names import read_by
from core.data.prompts import resolve_templates
from core.data.split import split_domains
from core.errors import unknown
from core.evaluation.evaluate import DetailedEvaluation, flat, labels_of, measure_outputs
from core.evaluation.projections import PrototypeTrail, shown_items
from core.models import zoo
from core.models.activation import settled_on
from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes, context_prototypes
from core.models.spurious import correct
from core.results.records import Evaluation
from core.results.untrained import Counted, Doubt, Prototypes, ZeroShotScores

CONFIDENT = 0.9
"""Lowest probability of another class that counts; higher for a class of which CLIP is always
sure.
"""
OWN_AT_MOST = 0.05
"""Highest probability that may remain for the label's class."""
KNOWN_FROM = 0.5
"""Lowest zero-shot accuracy of a class for which CLIP's doubts count."""


def disagreements(measured: DetailedEvaluation, dataset: Dataset) -> list[Doubt]:
    """Every such image, the surest first.

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
                Doubt(
                    path=item.path,
                    domain=domains[index],
                    label=dataset.classes[item.label],
                    says=dataset.classes[other],
                    confidence=round(confidence, 4),
                )
            )
    return sorted(found, key=lambda one: (-one.confidence, one.path))


def measure_zero_shot(
    dataset: Dataset,
    model: str,
    templates: str | tuple[str, ...] = "dataset",
    cache: Path | None = None,
    clip: ClipModel | None = None,
    activation: str = "auto",
) -> ZeroShotScores:
    """Zero-shot accuracy on every image: by domain, and by class over all in-distribution images.

    The domains are those of a run: missing val and test are cut from the training images. So the
    number to beat is measured on the same images as the run.

    `clip` is the loaded model, if the caller keeps it.
    """
    started = time.perf_counter()
    prompts = resolve_templates(templates, dataset.templates)
    clip = clip or zoo.load(model, cache=ArrayCache(cache), activation=activation)
    clip = settled_on(clip, dataset, prompts)
    domains = split_domains(dataset)
    head = LinearHead(class_prototypes(clip, dataset.names, prompts), clip.logit_scale)
    features = clip.evaluation_features(dataset.root, flat(domains))
    logits = clip.with_head(head).logits_from(features)
    measured = measure_outputs(features, logits, domains, dataset.classes)
    evaluation = measured.evaluation
    read = read_by(dataset.names, prompts, clip.tokens)
    return ZeroShotScores(
        classes=list(dataset.names),
        folders=list(dataset.classes),
        model=model,
        activation=clip.activation,
        templates=list(prompts),
        evaluation=evaluation,
        hits=_hits(measured),
        id_per_class=_in_distribution(dataset, evaluation),
        doubts=disagreements(measured, dataset),
        names_read=read,
        notes=[*clip.notes, *name_notes(dataset.names, read)],
        seconds=round(time.perf_counter() - started, 3),
    )


def named(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """The data set with other names for some class folders; a `UserError` for an unknown folder."""
    for folder in names:
        if folder not in dataset.classes:
            raise unknown("class", folder, dataset.classes)
    both = zip(dataset.classes, dataset.names, strict=True)
    return replace(dataset, names=tuple(names.get(folder, name) for folder, name in both))


def _hits(measured: DetailedEvaluation) -> dict[str, bool]:
    """SHA-256 of every in-distribution image to whether it was answered rightly: from these, the
    accuracy on any other split follows.
    """
    right = measured.logits.argmax(1) == labels_of(flat(measured.domains))
    pairs = zip(flat(measured.domains), right.tolist(), strict=True)
    inside = sum(
        len(items) for name, items in measured.domains.items() if not name.startswith("ood/")
    )
    return {item.sha256: hit for item, hit in itertools.islice(pairs, inside)}


def _in_distribution(dataset: Dataset, evaluation: Evaluation) -> dict[str, Counted]:
    """By class folder, over train, val and test."""
    totals = dict.fromkeys(dataset.classes, (0, 0))
    for name in ("train", "val", "test"):
        score = evaluation.domains.get(name)
        for folder, (right, n) in score.per_class.items() if score else ():
            before = totals[folder]
            totals[folder] = (before[0] + right, before[1] + n)
    return totals


def preview_prototypes(
    clip: ClipModel, dataset: Dataset, templates: str | Sequence[str], seed: int = 0
) -> Prototypes:
    """The first state of a run's prototype plot, with FD-Align's default correction."""
    texts = resolve_templates(templates, dataset.templates)
    clip = settled_on(clip, dataset, texts)
    contexts = context_prototypes(clip, dataset.names, texts)
    spurious = correct(contexts, seed)
    trail = PrototypeTrail(contexts, texts, spurious, clip.logit_scale, dataset.classes)
    train = dataset.items("train")
    shown = [train[i] for i in shown_items([item.label for item in train])]
    features = clip.evaluation_features(dataset.root, shown)
    trail.look(0, 0, features, labels_of(shown))
    return trail.prototypes
