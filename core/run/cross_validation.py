"""Cross-validated accuracy: every in-distribution image is measured by a head that never saw it.

A handful of test images gives an accuracy to ±30 points. Methods on frozen features train in
seconds, so each of k folds can be left out once; together the folds measure all images.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import Dataset, Item
from core.data.fewshot import FewShotTask, drawn_order, material_of
from core.data.prompts import resolve_templates
from core.errors import UserError
from core.evaluation.evaluate import labels_of
from core.events import result_of
from core.methods import METHODS, find
from core.models import zoo
from core.models.activation import settled_on
from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.results.intervals import wilson
from core.results.paired import changes
from core.results.untrained import Counted, CrossValidation, Share
from core.run.asked import USUAL_IN_FOLDS, is_quick

FOLDS = 5


def cross_validate(
    dataset: Dataset,
    method: str = USUAL_IN_FOLDS,
    model: str = "embedded",
    templates: str | tuple[str, ...] = "dataset",
    folds: int = FOLDS,
    params: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    clip: ClipModel | None = None,
) -> CrossValidation:
    """Accuracy of a method on frozen features, over all in-distribution images.

    Every fold is measured once. The head is chosen on the next fold and trained on the others. The
    interval is Wilson's over all images. Heads of different folds share training images, so it is a
    little too narrow. Groups of the data set stay in one fold. Raises `UserError` for a method that
    trains the tower, or if a class has fewer than three images.
    """
    started = time.perf_counter()
    if not is_quick(method):
        quick = ", ".join(name for name in METHODS if is_quick(name))
        raise UserError(
            f"cross-validation: {method} would train the image tower {folds} times. Methods on "
            f"frozen features take seconds: {quick}."
        )
    prompts = resolve_templates(templates, dataset.templates)
    notes = [*dataset.notes]
    parts = split_folds(dataset, folds, notes)
    clip = settled_on(clip or zoo.load(model, cache=ArrayCache(cache)), dataset, prompts)
    settings = find(method).Params.parse(dict(params or {}), method)
    hits: list[NDArray[np.bool_]] = []
    start: list[NDArray[np.bool_]] = []
    measured: list[Item] = []
    for number, part in enumerate(parts):
        task = _task(dataset, parts, number, prompts)
        fitting = find(method)(settings, clip, task)
        classifier = result_of(fitting.fit())
        head = LinearHead(fitting.zero_shot_prototypes(), clip.logit_scale)
        for found, one in ((hits, classifier), (start, clip.with_head(head))):
            _, logits = one.outputs_of(clip, task.root, part)
            found.append((logits.argmax(1).cpu() == labels_of(part)).numpy())
        measured += part
    after, before = np.concatenate(hits), np.concatenate(start)
    change = changes({"test": before}, {"test": after})["test"]
    return CrossValidation(
        **vars(_share(after)),
        method=method,
        model=model,
        folds=len(parts),
        zero_shot=_share(before),
        change=change,
        per_class=_per_class(dataset, measured, after),
        notes=notes,
        seconds=round(time.perf_counter() - started, 3),
    )


def split_folds(dataset: Dataset, folds: int, notes: list[str]) -> list[list[Item]]:
    """All in-distribution images in parts, with each class spread evenly and each group in one
    part.

    There are at most as many folds as the smallest class has images, and at least three: one to
    measure, one to choose, the rest to train.
    """
    if folds < 3:
        raise UserError(f"folds: at least 3 are needed (measure, choose, train), got {folds}.")
    material = material_of(dataset, None, notes)
    pool = {name: [*items] for name, items in material.pool.items()}
    for item in (*material.given_val, *material.given_test):
        pool[dataset.classes[item.label]].append(item)
    keys = material.groups.keys or {i.path: i.sha256 for items in pool.values() for i in items}
    groups = {name: len({keys[item.path] for item in items}) for name, items in pool.items()}
    name = min(groups, key=lambda one: groups[one])
    if groups[name] < 3:
        raise UserError(
            f"cross-validation: class '{name}' has {groups[name]} images or groups, and needs at "
            "least 3: one to measure, one to choose, one to train on. Add images of it."
        )
    parts: list[list[Item]] = [[] for _ in range(min(folds, groups[name]))]
    fold_of: dict[str, int] = {}
    for order in drawn_order(pool, dataset.classes, seed=0).values():
        held = [0] * len(parts)  # of this class
        for item in order:
            fold = fold_of.setdefault(keys[item.path], held.index(min(held)))
            parts[fold].append(item)
            held[fold] += 1
    return parts


def _task(
    dataset: Dataset, parts: Sequence[Sequence[Item]], number: int, prompts: tuple[str, ...]
) -> FewShotTask:
    """Fold `number` measures, the next one chooses, the others train."""
    chooses = (number + 1) % len(parts)
    train = [i for n, part in enumerate(parts) if n not in (number, chooses) for i in part]
    train.sort(key=lambda item: item.label)  # class by class, as a draw has them
    return FewShotTask(
        root=dataset.root,
        classes=dataset.classes,
        names=dataset.names,
        templates=prompts,
        shots=int(np.bincount([item.label for item in train]).max()),
        seed=0,
        train=tuple(train),
        val=tuple(parts[chooses]),
        test=tuple(parts[number]),
    )


def _share(hits: NDArray[np.bool_]) -> Share:
    n, correct = len(hits), int(hits.sum())
    low, high = wilson(correct, n)
    return Share(n=n, correct=correct, accuracy=correct / n, low=low, high=high)


def _per_class(
    dataset: Dataset, items: Sequence[Item], hits: NDArray[np.bool_]
) -> dict[str, Counted]:
    """By class folder."""
    found = dict.fromkeys(dataset.classes, (0, 0))
    for item, hit in zip(items, hits.tolist(), strict=True):
        correct, n = found[dataset.classes[item.label]]
        found[dataset.classes[item.label]] = (correct + hit, n + 1)
    return found
