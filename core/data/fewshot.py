"""From a data set to a C-way K-shot task: which images teach, which choose, which measure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.data.dataset import Dataset, Item
from core.data.grouped import Groups, unused
from core.data.prompts import resolve_templates
from core.errors import UserError, unknown
from core.records import GroupBy


@dataclass(frozen=True)
class FewShotTask:
    """K shots per class and what to measure on. No image is in two of train, val and test."""

    root: Path
    """The folder that item paths are relative to."""
    classes: tuple[str, ...]
    names: tuple[str, ...]
    templates: tuple[str, ...]
    """The data set's own, or openai-80 when it has none."""
    shots: int
    seed: int
    train: tuple[Item, ...]
    """The shots, class by class, each class in the order it was drawn: fewer shots are a prefix."""
    val: tuple[Item, ...]
    test: tuple[Item, ...]
    ood: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    """Domain (`ood/<name>`) to its images."""
    notes: tuple[str, ...] = ()
    """What was left out or cut short, in sentences."""
    unseen: tuple[str, ...] = ()
    """Classes that have no training images on purpose (generalised zero-shot)."""
    group_by: GroupBy = "none"
    """What was kept together."""

    @property
    def seen(self) -> tuple[int, ...]:
        """Labels of the classes that are trained on, ascending."""
        return tuple(i for i, name in enumerate(self.classes) if name not in self.unseen)


def sample_task(
    dataset: Dataset,
    shots: int,
    seed: int,
    allow_fewer: bool | None = None,
    unseen: Sequence[str] = (),
    group_by: GroupBy | None = None,
) -> FewShotTask:
    """Draw `shots` images per class by seed; what is left gives val and test where none are given.

    A class draws by (seed, class name, content), so neither more classes, nor more shots, nor
    other file names change what comes first. `allow_fewer` and `group_by` None mean as the data set
    says; of a group that images are kept together by, all are on one side whatever the shots are.
    Classes named in `unseen` give no shots and are measured like the others. Raises `UserError`
    when a class is short.
    """
    if shots < 1:
        raise UserError(f"shots: at least 1 per class is needed, got {shots}.")
    if seed < 0:
        raise UserError(f"seed: must be 0 or more, got {seed}.")
    allow_fewer = dataset.allow_fewer if allow_fewer is None else allow_fewer
    notes: list[str] = []
    unseen = _unseen(dataset, unseen, notes)
    by = dataset.group_by if group_by is None else group_by
    groups = Groups.of(dataset, by)
    given_test = dataset.items("test")
    pool = _training_pool(dataset, notes)
    pool = {name: groups.apart_from(pool[name], given_test, name, notes) for name in pool}
    elsewhere = [*itertools.chain(*pool.values()), *given_test]
    clean_val = _validation(dataset, pool, notes)
    given_val = groups.apart_from(clean_val, elsewhere, "validation", notes)
    drawn = _draw(pool, dataset.classes, seed)
    sides = groups.sides(pool, seed, unseen, bool(given_test), bool(given_val))
    may_teach = {
        name: [item for item in order if sides.get(item.path, "train") == "train"]
        for name, order in drawn.items()
    }
    taught = {name: items for name, items in may_teach.items() if name not in unseen}
    has_test = bool(given_test or sides)
    counts = _shots_per_class(taught, dataset, shots, allow_fewer, has_test, notes)
    counts |= dict.fromkeys(unseen, 0)

    train, val, test = [], list(given_val), list(given_test)
    for name, order in drawn.items():
        train += may_teach[name][: counts[name]]
        if sides:
            test += [item for item in order if sides[item.path] == "test"]
            val += [item for item in order if sides[item.path] == "val"]
            continue
        rest = order[counts[name] :]
        # Test takes from the end, so that more shots only take images away from it.
        n_test = 0 if given_test else len(rest) if given_val else (len(rest) + 1) // 2
        test += rest[len(rest) - n_test :]
        val += [] if given_val else rest[: len(rest) - n_test]
    if sides and (idle := sum(map(len, may_teach.values())) - len(train)):
        notes.append(unused(idle))
    if not val:
        notes.append("No validation images are left: alpha cannot be chosen on validation.")
    return FewShotTask(
        root=dataset.root,
        classes=dataset.classes,
        names=dataset.names,
        templates=resolve_templates("dataset", dataset.templates),
        shots=shots,
        seed=seed,
        train=tuple(train),
        val=tuple(val),
        test=tuple(test),
        ood={d.name: d.items for d in dataset.domains if d.role == "ood"},
        notes=tuple(notes),
        unseen=unseen,
        group_by=by,
    )


def _unseen(dataset: Dataset, names: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The unseen classes in the order of the data set's, or a `UserError` for a wrong name."""
    for name in names:
        if name not in dataset.classes:
            raise unknown("unseen: class", name, dataset.classes)
    unseen = tuple(name for name in dataset.classes if name in names)
    if unseen and len(dataset.classes) - len(unseen) < 2:
        raise UserError(
            f"unseen: at least two classes must be trained on, and {len(unseen)} of "
            f"{len(dataset.classes)} are unseen. Name fewer."
        )
    if unseen:
        listed = ", ".join(unseen[:10]) + (f" and {len(unseen) - 10} more" if unseen[10:] else "")
        notes.append(f"Unseen classes are not trained on: {listed}.")
    return unseen


def _training_pool(dataset: Dataset, notes: list[str]) -> dict[str, list[Item]]:
    """Images per class that may teach: no copies of what measures, and each only once."""
    measuring = {i.sha256 for d in dataset.domains if d.role in ("test", "ood") for i in d.items}
    items = dataset.items("train")
    clean = [item for item in items if item.sha256 not in measuring]
    _note(notes, len(items) - len(clean), "training", "also in test or an OOD domain")

    labels: dict[str, set[int]] = {}
    for item in clean:
        labels.setdefault(item.sha256, set()).add(item.label)
    clear = [item for item in clean if len(labels[item.sha256]) == 1]
    _note(notes, len(clean) - len(clear), "training", "in two classes at once")

    unique = {item.sha256: item for item in reversed(clear)}
    _note(notes, len(clear) - len(unique), "training", "a copy of another one")
    pool: dict[str, list[Item]] = {name: [] for name in dataset.classes}
    for item in unique.values():
        pool[dataset.classes[item.label]].append(item)
    return pool


def _validation(
    dataset: Dataset, pool: dict[str, list[Item]], notes: list[str]
) -> tuple[Item, ...]:
    """The given validation images that are nowhere else. Training keeps an image that both have."""
    elsewhere = {i.sha256 for d in dataset.domains if d.role != "val" for i in d.items}
    elsewhere |= {item.sha256 for items in pool.values() for item in items}
    given = dataset.items("val")
    clean = tuple(item for item in given if item.sha256 not in elsewhere)
    _note(notes, len(given) - len(clean), "validation", "also in train, test or an OOD domain")
    return clean


def _note(notes: list[str], count: int, kind: str, why: str) -> None:
    if count:
        subject = f"1 {kind} image is" if count == 1 else f"{count} {kind} images are"
        notes.append(f"{subject} left out: {why}.")


def _draw(pool: dict[str, list[Item]], classes: Sequence[str], seed: int) -> dict[str, list[Item]]:
    """Every class's images in the order in which they are drawn."""
    drawn = {}
    for name in classes:
        entropy = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
        items = sorted(pool[name], key=lambda item: item.sha256)
        order = np.random.default_rng([seed, entropy]).permutation(len(items))
        drawn[name] = [items[i] for i in order]
    return drawn


def _shots_per_class(
    drawn: dict[str, list[Item]],
    dataset: Dataset,
    shots: int,
    allow_fewer: bool,
    has_test: bool,
    notes: list[str],
) -> dict[str, int]:
    """How many shots each class gives; a `UserError` when one is short and may not be."""
    kept_for_test = 0 if has_test else 1
    usable = {name: len(items) - kept_for_test for name, items in drawn.items()}
    short = {name: n for name, n in usable.items() if n < shots}
    if short:
        name = min(short, key=lambda name: short[name])
        if short[name] < 1:
            raise _nothing_to_learn_from(name, len(drawn[name]), dataset)
        if not allow_fewer:
            raise _too_few(name, len(drawn[name]), short, shots)
        shown = ", ".join(f"{name} ({n})" for name, n in list(short.items())[:10])
        more = f" and {len(short) - 10} more" if len(short) > 10 else ""
        notes.append(f"Classes with fewer than {shots} shots use all they have: {shown}{more}.")
    return {name: min(n, shots) for name, n in usable.items()}


def _too_few(name: str, images: int, short: dict[str, int], shots: int) -> UserError:
    kept = "" if short[name] == images else " (1 image is kept to test on)"
    if images < shots:
        problem = f"class '{name}' has {_images(images)}, {shots} are needed"
    else:
        problem = f"class '{name}' has {_images(images)}, which leaves none to test on"
    others = len(short) - 1
    also = (
        f", and {others} more {'class is' if others == 1 else 'classes are'} short"
        if others
        else ""
    )
    return UserError(
        f"shots: {problem}{also}. Lower the shots to {short[name]}{kept}, add images, "
        "or pass --allow-fewer to use what there is."
    )


def _nothing_to_learn_from(name: str, images: int, dataset: Dataset) -> UserError:
    if images == 1:
        return UserError(
            f"class '{name}' has 1 image and there is no test folder: no number of shots works. "
            "Add images (2 are needed: one to learn from, one to test on) or a test folder."
        )
    label = dataset.classes.index(name)
    found = sum(item.label == label for item in dataset.items("train"))
    if not found:
        return UserError(f"class '{name}' has no readable training image. Add images of it.")
    return UserError(
        f"class '{name}' has no image to learn from: all {found} are also in test, in an OOD "
        "domain or in another class. Add other images of it."
    )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
