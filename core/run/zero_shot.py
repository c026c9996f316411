"""Zero-shot accuracy on a data set, before anything is split or trained: the first number a user
sees.
"""

import itertools
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.data.dataset import Dataset
from core.data.health.names import notes as name_notes
from core.data.health.names import read_by
from core.data.prompts import resolve_templates
from core.data.split import split_domains
from core.errors import unknown
from core.evaluation.disagreement import disagreements
from core.evaluation.evaluate import DetailedEvaluation, flat, labels_of, measure_outputs
from core.models import zoo
from core.models.activation import settled_on
from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes


def measure_zero_shot(
    dataset: Dataset,
    model: str,
    templates: str | tuple[str, ...] = "dataset",
    cache: Path | None = None,
    clip: ClipModel | None = None,
    activation: str = "auto",
) -> dict[str, Any]:
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
    return {
        "classes": list(dataset.names),
        "folders": list(dataset.classes),
        "model": model,
        "activation": clip.activation,
        "templates": list(prompts),
        "evaluation": evaluation.model_dump(mode="json"),
        "hits": _hits(measured),
        "id_per_class": _in_distribution(dataset, evaluation.model_dump()["domains"]),
        "doubts": disagreements(measured, dataset),
        "names_read": asdict(read),
        "notes": [*clip.notes, *name_notes(dataset.names, read)],
        "seconds": round(time.perf_counter() - started, 3),
    }


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


def _in_distribution(dataset: Dataset, scores: dict[str, Any]) -> dict[str, list[int]]:
    """Class folder to [correct, n] over train, val and test."""
    totals = {folder: [0, 0] for folder in dataset.classes}
    for name in ("train", "val", "test"):
        for folder, (correct, n) in scores.get(name, {"per_class": {}})["per_class"].items():
            totals[folder][0] += correct
            totals[folder][1] += n
    return totals
