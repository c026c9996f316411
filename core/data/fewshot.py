"""Makes a C-way K-shot task of a data set: the images that train, validate and test."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.data.dataset import SHARES, Dataset, Item, Side
from core.data.grouped import ImageGroups, unused
from core.data.prompts import resolve_templates
from core.errors import UserError, unknown
from core.results.records import GroupBy


@dataclass(frozen=True)
class FewShotTask:
    """K shots per class, and the images to measure on. Train, val and test share no image."""

    root: Path
    """The folder that item paths are relative to."""
    classes: tuple[str, ...]
    names: tuple[str, ...]
    templates: tuple[str, ...]
    """The data set's own templates, or openai-80 if it has none."""
    shots: int
    seed: int
    train: tuple[Item, ...]
    """The shots, class by class. Each class is in draw order, so fewer shots are a prefix."""
    val: tuple[Item, ...]
    test: tuple[Item, ...]
    ood: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    """Domain (`ood/<name>`) to its images."""
    notes: tuple[str, ...] = ()
    """Sentences about images that were left out and classes that are short."""
    unseen: tuple[str, ...] = ()
    """Classes that have no training images on purpose (generalised zero-shot)."""
    group_by: GroupBy = "none"
    """The rule that kept images together."""

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
    sides: Mapping[str, Side] | None = None,
) -> FewShotTask:
    """Draws `shots` images per class by seed, and assigns the images that validate and test.

    With `sides` (SHA-256 to side, see `core.data.split`) the shots come from the training side.
    Images on the other sides stay there, unless there are more shots than training images. Without
    `sides`, the images that the shots leave become val and test, unless these are given as folders.

    A class draws by (seed, class name, content). So more classes, more shots or other file names do
    not change which images come first. `allow_fewer` and `group_by` None mean: as the data set
    says. A group of images is always on one side, for any number of shots. Classes in `unseen` give
    no shots and no validation images, and are measured like the others. Raises `UserError` if a
    class has too few images.
    """
    if shots < 1:
        raise UserError(f"shots: at least 1 per class is needed, got {shots}.")
    if seed < 0:
        raise UserError(f"seed: must be 0 or more, got {seed}.")
    notes: list[str] = []
    unseen = _unseen(dataset, unseen, notes)
    material = material_of(dataset, group_by, notes)
    drawn = drawn_order(material.pool, dataset.classes, seed)
    if sides is None:
        by_path = material.sides(seed, unseen)
    else:
        by_path = {i.path: sides[i.sha256] for order in drawn.values() for i in order}
    portions = {name: _ClassSides.of(order, by_path) for name, order in drawn.items()}
    taught = {name: own for name, own in portions.items() if name not in unseen}
    grouped = bool(material.groups.keys)
    allowed = dataset.allow_fewer if allow_fewer is None else allow_fewer
    keeps_apart = bool(material.given_test or grouped)
    # Groups never change sides. With fewer shots allowed, no image is taken from val or test.
    stays = grouped or (sides is not None and allowed)
    # Without a test of its own, a class keeps one image to test on.
    usable = {
        name: len(own.train) if stays else own.count - (not keeps_apart)
        for name, own in taught.items()
    }
    counts = _shots_per_class(usable, portions, dataset, shots, allowed, notes)
    counts |= dict.fromkeys(unseen, 0)
    split = {name: own.taking(counts[name], material) for name, own in portions.items()}
    # A class that is not trained on must not choose α or the epoch either, so its validation images
    # become test images where test is cut from train.
    split |= {name: split[name].measuring(not material.given_test) for name in unseen}
    train = [item for own in split.values() for item in own.train]
    chosen_on = [i for i in material.given_val if dataset.classes[i.label] not in unseen]
    val = [*chosen_on, *(item for own in split.values() for item in own.val)]
    test = [*material.given_test, *(item for own in split.values() for item in own.test)]
    if grouped and (idle := sum(len(own.train) for own in portions.values()) - len(train)):
        notes.append(unused(idle))
    if sides is not None and (moved := sum(sides[i.sha256] != "train" for i in train)):
        notes.append(_taken(moved, shots))
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
        group_by=material.groups.by,
    )


@dataclass(frozen=True)
class Material:
    """The images of a task: the pool to draw from, and the given validation and test images. No
    image is in two of them.
    """

    pool: Mapping[str, list[Item]]
    """Images of the train folder that may be used, by class folder."""
    given_val: list[Item]
    given_test: list[Item]
    groups: ImageGroups

    def sides(
        self,
        seed: int,
        unseen: Sequence[str] = (),
        shares: Mapping[Side, int] = SHARES,
        known: Mapping[str, Side] | None = None,
    ) -> dict[str, Side]:
        """Path to side, decided group by group; empty if images are not grouped."""
        given = bool(self.given_test), bool(self.given_val)
        return self.groups.sides(self.pool, seed, unseen, *given, shares, known)


def material_of(dataset: Dataset, group_by: GroupBy | None, notes: list[str]) -> Material:
    """Sorts the images of a data set by use. Adds a note for images that are left out."""
    groups = ImageGroups.of(dataset, dataset.group_by if group_by is None else group_by)
    given_test = [*dataset.items("test")]
    pool = _training_pool(dataset, notes)
    pool = {name: groups.apart_from(pool[name], given_test, name, notes) for name in pool}
    elsewhere = [*itertools.chain(*pool.values()), *given_test]
    clean_val = _validation(dataset, pool, notes)
    given_val = groups.apart_from(clean_val, elsewhere, "validation", notes)
    return Material(pool, given_val, given_test, groups)


@dataclass(frozen=True)
class _ClassSides:
    """The images of one class by side, each side in draw order."""

    train: list[Item]
    val: list[Item]
    test: list[Item]
    decided: bool
    """True if val and test are fixed; False if they are the images that the shots leave."""

    @classmethod
    def of(cls, order: Sequence[Item], sides: Mapping[str, Side]) -> "_ClassSides":
        if not sides:
            return cls([*order], [], [], decided=False)
        by_side: dict[Side, list[Item]] = {"train": [], "val": [], "test": []}
        for item in order:
            by_side[sides[item.path]].append(item)
        return cls(**by_side, decided=True)

    @property
    def count(self) -> int:
        return len(self.train) + len(self.val) + len(self.test)

    def measuring(self, cut: bool) -> "_ClassSides":
        """Without validation images. If the test side is `cut` from train, they join the test."""
        return replace(self, val=[], test=[*self.val, *self.test] if cut else self.test)

    def taking(self, shots: int, given: Material) -> "_ClassSides":
        """With this number of shots.

        If nothing is decided yet, the rest is halved between val and test, unless these are given
        as folders; test gets the odd image. If the sides are decided, extra shots come from val and
        test, and no image is added to these.
        """
        if not self.decided:
            rest = self.train[shots:]
            n_test = (len(rest) + 1) // 2 if not given.given_val else len(rest)
            # Test takes from the end, so that more shots only take images away from it.
            cut = len(rest) if given.given_test else len(rest) - n_test
            val = [] if given.given_val else rest[:cut]
            return replace(self, train=self.train[:shots], val=val, test=rest[cut:])
        # Extra shots come from val and test. Of what is left, test keeps half, and the odd image.
        left = self.count - max(shots, len(self.train))
        n_val = min(len(self.val), left - min(len(self.test), (left + 1) // 2))
        from_val, from_test = len(self.val) - n_val, len(self.test) - (left - n_val)
        taken = [*self.val[:from_val], *self.test[:from_test]]
        return replace(
            self,
            train=[*self.train[:shots], *taken],
            val=self.val[from_val:],
            test=self.test[from_test:],
        )


def _unseen(dataset: Dataset, names: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The unseen classes in the order of the data set. Raises `UserError` for an unknown name."""
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
    """Images per class that may train: each once, and none that is also in test or OOD."""
    measuring = {i.sha256 for d in dataset.domains if d.role in ("test", "ood") for i in d.items}
    items = dataset.items("train")
    clean = [item for item in items if item.sha256 not in measuring]
    _note(notes, len(items) - len(clean), "training", "also in test or an OOD domain")

    labels: dict[str, set[int]] = {}
    for item in clean:
        labels.setdefault(item.sha256, set()).add(item.label)
    clear = [item for item in clean if len(labels[item.sha256]) == 1]
    _note(notes, len(clean) - len(clear), "training", "in two classes at once")

    unique = {item.sha256: item for item in reversed(clear)}  # reversed: the first copy stays
    _note(notes, len(clear) - len(unique), "training", "a copy of another one")
    pool: dict[str, list[Item]] = {name: [] for name in dataset.classes}
    for item in unique.values():
        pool[dataset.classes[item.label]].append(item)
    return pool


def _validation(
    dataset: Dataset, pool: dict[str, list[Item]], notes: list[str]
) -> tuple[Item, ...]:
    """The given validation images that are in no other domain. Training keeps an image of both."""
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


def drawn_order(
    pool: Mapping[str, list[Item]], classes: Sequence[str], seed: int
) -> dict[str, list[Item]]:
    """The images of every class in the order in which the seed draws them.

    The order depends on content, not on paths or other classes, so it survives renamed files and
    added classes.
    """
    drawn = {}
    for name in classes:
        entropy = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
        items = sorted(pool[name], key=lambda item: item.sha256)
        order = np.random.default_rng([seed, entropy]).permutation(len(items))
        drawn[name] = [items[i] for i in order]
    return drawn


def _shots_per_class(
    usable: Mapping[str, int],
    portions: Mapping[str, _ClassSides],
    dataset: Dataset,
    shots: int,
    allow_fewer: bool,
    notes: list[str],
) -> dict[str, int]:
    """The number of shots of each class. Raises `UserError` if a class is short and must not be."""
    short = {name: n for name, n in usable.items() if n < shots}
    if short:
        name = min(short, key=lambda name: short[name])
        if short[name] < 1:
            raise _nothing_to_learn_from(name, portions[name].count, dataset)
        if not allow_fewer:
            raise _too_few(name, portions[name].count, short, shots)
        shown = ", ".join(f"{name} ({n})" for name, n in list(short.items())[:10])
        more = f" and {len(short) - 10} more" if len(short) > 10 else ""
        notes.append(f"Classes with fewer than {shots} shots use all they have: {shown}{more}.")
    return {name: min(n, shots) for name, n in usable.items()}


def _taken(count: int, shots: int) -> str:
    are = (
        "1 validation or test image is" if count == 1 else f"{count} validation or test images are"
    )
    return (
        f"{are} trained on, to reach {shots} shots: this run measures on fewer images than others."
    )


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
        "or allow fewer shots to use what there is."
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
