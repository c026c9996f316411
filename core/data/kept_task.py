"""The task of a run, kept in its folder: the images that trained, validated and tested.

A data set may change after a run. The images are found again by SHA-256, so that a training image
is never used as a test image later, and the test images stay the same.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.data.dataset import Dataset, Item
from core.data.fewshot import FewShotTask
from core.data.ingest import open_dataset
from core.durable import publish
from core.errors import UserError, unknown

SCHEMA = 1


@dataclass(frozen=True)
class KeptTask:
    """The task of a run, and all images that its weights have seen.

    The items of the task have the paths from the time of the run.
    """

    task: FewShotTask
    unused: frozenset[str]
    """SHA-256 of images of the data set that the run did not use."""
    trained: frozenset[str]
    """Images that trained these weights, or the weights that they were made of."""
    chosen: frozenset[str]
    """Images that validated these weights, or the weights that they were made of."""

    @classmethod
    def of(
        cls, task: FewShotTask, dataset: Dataset, below: Iterable["KeptTask"] = ()
    ) -> "KeptTask":
        """The kept task of a new run. `below` are the runs whose weights it starts from."""
        below = tuple(below)
        trained = _hashes(task.train).union(*(kept.trained for kept in below))
        chosen = _hashes(task.val).union(*(kept.chosen for kept in below))
        there = {item.sha256 for domain in dataset.domains for item in domain.items}
        return cls(task, frozenset(there - _hashes(_all(task))), trained, chosen)

    def now(self, task: FewShotTask, members: Sequence["KeptTask"]) -> "KeptTask":
        """The kept task of a combination, whose `task` is a part of this one."""
        unused = self.unused | (_hashes(_all(self.task)) - _hashes(_all(task)))
        trained = frozenset[str]().union(*(kept.trained for kept in members))
        chosen = frozenset[str]().union(*(kept.chosen for kept in members))
        return KeptTask(task, unused, trained, chosen)

    @property
    def seen(self) -> frozenset[str]:
        """Images that trained or validated: measuring on them would not be honest."""
        return self.trained | self.chosen

    def write(self, path: Path) -> None:
        """Writes `task.json` of a run atomically."""
        task = self.task
        payload = {
            "schema": SCHEMA,
            **{name: getattr(task, name) for name in _PLAIN},
            "images": {
                name: [[item.sha256, item.label, item.path] for item in items]
                for name, items in _domains(task).items()
            },
            **{name: sorted(getattr(self, name)) for name in ("unused", "trained", "chosen")},
        }
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        publish(path, lambda partial: partial.write_text(text, encoding="utf-8"))

    @classmethod
    def read(cls, path: Path) -> "KeptTask":
        """Reads `task.json`. Raises `UserError` if it is missing or damaged."""
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["schema"] != SCHEMA:
                raise ValueError(f"schema {found['schema']}, expected {SCHEMA}")
            items = {
                name: tuple(Item(place, label, sha) for sha, label, place in rows)
                for name, rows in found["images"].items()
            }
            plain = {name: _frozen(found[name]) for name in _PLAIN}
            task = FewShotTask(
                root=Path(),
                train=items.pop("train"),
                val=items.pop("val"),
                test=items.pop("test"),
                ood=items,
                **plain,
            )
            sets = (frozenset(found[name]) for name in ("unused", "trained", "chosen"))
            return cls(task, *sets)
        except FileNotFoundError:
            raise UserError(
                f"{path} is missing: it says which images the run learned from. An older run "
                "without this file has to be trained again."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}). Train the run again.") from None

    def found_in(self, dataset: Dataset) -> FewShotTask:
        """The task with the current paths of its images. Notes tell of removed and new images.

        Raises `UserError` if the classes have changed or no test image is left.
        """
        if dataset.classes != self.task.classes:
            raise UserError(_other_classes(self.task.classes, dataset))
        there: dict[str, list[Item]] = {}
        for item in (item for domain in dataset.domains for item in domain.items):
            there.setdefault(item.sha256, []).append(item)
        domains = _domains(self.task)
        now = {name: tuple(_found(items, there)) for name, items in domains.items()}
        if self.task.test and not now["test"]:
            raise UserError(
                f"data: none of the {len(self.task.test)} test images of the run is in "
                f"{dataset.root} any more. Put them back, or train again on what there is."
            )
        known = _hashes(_all(self.task)) | self.unused
        notes = [
            *_gone(domains, now, _hashes(dataset.excluded), self.task.classes),
            *_moved(domains, now),
            *_came(sum(sha not in known for sha in there)),
        ]
        return replace(
            self.task,
            root=dataset.root,
            train=now.pop("train"),
            val=now.pop("val"),
            test=now.pop("test"),
            ood=now,
            notes=(*self.task.notes, *notes),
        )

    def is_in(self, dataset: Dataset) -> bool:
        """True if the data set has the run's own images, also if the folder was moved or copied."""
        there = {item.sha256 for domain in dataset.domains for item in domain.items}
        return dataset.classes == self.task.classes and not there.isdisjoint(
            _hashes(self.task.test)
        )

    def unseen_in(self, dataset: Dataset) -> FewShotTask:
        """A task to measure on other data: all images that the run has not seen, with the run's
        class numbers. In-distribution images are those of the test folder, else of train.

        Raises `UserError` for a class that the run does not know, or if no image is left.
        """
        classes = self.task.classes
        for name in dataset.classes:
            if name not in classes:
                raise unknown("class", name, classes)
        number = [classes.index(name) for name in dataset.classes]
        domains = {
            domain.name: tuple(replace(item, label=number[item.label]) for item in domain.items)
            for domain in dataset.domains
        }
        ood = {name: items for name, items in domains.items() if name.startswith("ood/")}
        inside = domains.get("test") or domains.get("train", ())
        test = tuple(item for item in inside if item.sha256 not in self.seen)
        if inside and not test:
            raise UserError(
                f"data: the run learned from all {len(inside)} images of {dataset.root}. Measure "
                "on others."
            )
        seen = len(inside) - len(test)
        notes = (f"{seen} of {len(inside)} images are left out: the run learned from them.",)
        return replace(
            self.task,
            root=dataset.root,
            train=(),
            val=(),
            test=test,
            ood=ood,
            notes=(*dataset.notes, *(notes if seen else ())),
        )


def kept_task(kept: KeptTask, data: Path, cache: Path | None) -> FewShotTask:
    """The task of a run with the current state of its data. Raises `UserError` if that is gone."""
    if not data.exists():
        raise UserError(
            f"data: {data} had the images of this run, and it does not exist any more. "
            "Put it back, or measure the run on another folder."
        )
    return kept.found_in(open_dataset(data, cache))


def shared_task(first: FewShotTask, every: Sequence[KeptTask]) -> FewShotTask:
    """The task of one run without images that another run has used: validation images that any run
    trained on, and test images that any run trained or validated on.

    Runs with different seeds may have trained on each other's test images. Raises `UserError` if
    classes differ or no test image is left.
    """
    for other in every:
        if other.task.classes != first.classes:
            raise UserError(
                "data: the runs have different classes "
                f"({', '.join(first.classes[:3])} … and {', '.join(other.task.classes[:3])} …)."
            )
    trained = frozenset[str]().union(*(kept.trained for kept in every))
    chosen = frozenset[str]().union(*(kept.chosen for kept in every)) - _hashes(first.val)
    val = tuple(item for item in first.val if item.sha256 not in trained)
    test = tuple(item for item in first.test if item.sha256 not in trained | chosen)
    if first.test and not test:
        raise UserError(
            "data: every test image was used to train or choose one of these runs. Combine runs of "
            "one seed, or add a test folder."
        )
    notes = [
        f"{before - after} of {before} {name} images are left out: another run has used them."
        for name, before, after in (
            ("validation", len(first.val), len(val)),
            ("test", len(first.test), len(test)),
        )
        if after < before
    ]
    return replace(first, val=val, test=test, notes=(*first.notes, *notes))


_PLAIN = ("classes", "names", "templates", "shots", "seed", "notes", "unseen", "group_by")
"""Fields of a task that are JSON as they are."""


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _domains(task: FewShotTask) -> dict[str, tuple[Item, ...]]:
    return {"train": task.train, "val": task.val, "test": task.test, **task.ood}


def _all(task: FewShotTask) -> Iterable[Item]:
    return (item for items in _domains(task).values() for item in items)


def _hashes(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.sha256 for item in items)


def _found(items: Sequence[Item], there: dict[str, list[Item]]) -> Iterable[Item]:
    """The images that still exist; of several copies, the one at the old path."""
    for item in items:
        copies = there.get(item.sha256, ())
        if copies:
            yield next((copy for copy in copies if copy.path == item.path), copies[0])


def _gone(
    before: dict[str, tuple[Item, ...]],
    now: dict[str, tuple[Item, ...]],
    excluded: Collection[str],
    classes: Sequence[str],
) -> Iterable[str]:
    for name, items in before.items():
        left = _hashes(now[name])
        gone = [item for item in items if item.sha256 not in left]
        if gone:
            out = sum(item.sha256 in excluded for item in gone)
            why = "left out now" if out == len(gone) else "removed or left out now"
            where = f"{classes[gone[0].label]}: {gone[0].path}"
            yield (
                f"{len(gone)} of the {len(items)} {name} images that the run had "
                f"{'is' if len(gone) == 1 else 'are'} {why} ({where})."
            )


def _moved(before: dict[str, tuple[Item, ...]], now: dict[str, tuple[Item, ...]]) -> Iterable[str]:
    labels = {item.sha256: item.label for items in before.values() for item in items}
    changed = Counter(labels[i.sha256] != i.label for items in now.values() for i in items)[True]
    if changed:
        yield f"{changed} {'image has' if changed == 1 else 'images have'} another class now."


def _came(count: int) -> Iterable[str]:
    if count:
        yield (
            f"{count} {'image was' if count == 1 else 'images were'} added after the run: not "
            "measured, so that its numbers stay comparable. Train again to use them."
        )


def _other_classes(before: Sequence[str], dataset: Dataset) -> str:
    gone = [name for name in before if name not in dataset.classes]
    new = [name for name in dataset.classes if name not in before]
    told = [
        *([f"{', '.join(gone[:3])} {'is' if len(gone) == 1 else 'are'} gone"] if gone else []),
        *([f"{', '.join(new[:3])} {'is' if len(new) == 1 else 'are'} new"] if new else []),
    ]
    return (
        f"data: the classes in {dataset.root} are no longer those that the run was trained on "
        f"({'; '.join(told)})."
    )
