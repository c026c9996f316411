"""What plain CLIP scores on a data set before anything is split or trained: the first number a user
sees.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.data.cache import ArrayCache
from core.data.dataset import Dataset
from core.data.health.names import notes as name_notes
from core.data.health.names import read_by
from core.data.ingest import open_dataset
from core.data.prompts import resolve_templates
from core.errors import unknown
from core.evaluation.disagreement import disagreements
from core.evaluation.evaluate import flat, measure_outputs
from core.models import zoo
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes


def measure_zero_shot(
    data: Path,
    model: str,
    templates: str | tuple[str, ...] = "dataset",
    cache: Path | None = None,
    clip: ClipModel | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Zero-shot accuracy on every image: by domain, and by class over all in-distribution images.

    `clip` is the loaded model, where the caller keeps it warm. `names` are tried for these class
    folders, instead of those that the data set has.
    """
    started = time.perf_counter()
    dataset = named(open_dataset(data, cache), names or {})
    prompts = resolve_templates(templates, dataset.templates)
    clip = clip or zoo.load(model, cache=ArrayCache(cache))
    domains = {domain.name: domain.items for domain in dataset.domains if domain.items}
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
        "templates": list(prompts),
        "evaluation": evaluation.model_dump(mode="json"),
        "id_per_class": _in_distribution(dataset, evaluation.model_dump()["domains"]),
        "doubts": disagreements(measured, dataset),
        "names_read": asdict(read),
        "notes": list(name_notes(dataset.names, read)),
        "seconds": round(time.perf_counter() - started, 3),
    }


def named(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """The data set with other names for some class folders; a `UserError` for one it has not."""
    for folder in names:
        if folder not in dataset.classes:
            raise unknown("class", folder, dataset.classes)
    both = zip(dataset.classes, dataset.names, strict=True)
    return replace(dataset, names=tuple(names.get(folder, name) for folder, name in both))


def _in_distribution(dataset: Dataset, scores: dict[str, Any]) -> dict[str, list[int]]:
    """Class folder to [correct, n] over train, val and test."""
    totals = {folder: [0, 0] for folder in dataset.classes}
    for name in ("train", "val", "test"):
        for folder, (correct, n) in scores.get(name, {"per_class": {}})["per_class"].items():
            totals[folder][0] += correct
            totals[folder][1] += n
    return totals
