"""What a data set is: domains over the same classes, each with a role, and how it was read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import printable, unknown
from core.results.records import GroupBy

Role = Literal["train", "val", "test", "ood"]
Side = Literal["train", "test", "val"]
SHARES: Mapping[Side, int] = {"train": 2, "test": 1, "val": 1}
"""How a class is split where nothing else is said; the first of equals is dealt to first."""


@dataclass(frozen=True)
class Item:
    """One labelled image. `path` is POSIX and relative to the root of its data set."""

    path: str
    label: int
    """Index into the classes."""
    sha256: str
    """Of the file's bytes, in hex: two items with equal hashes are the same image."""


@dataclass(frozen=True)
class Domain:
    """Images that come from one place. Named `train`, `val`, `test` or `ood/<name>`."""

    name: str
    role: Role
    items: tuple[Item, ...]


@dataclass(frozen=True)
class IngestReport:
    """How a folder, a zip or an upload was read, in sentences that a user is shown."""

    understood: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    """(path, reason). A path that ends in `/` is a folder with all that it holds."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # A file may be called anything, a line end or a reversal of the text that follows included.
        for name in ("understood", "warnings"):
            object.__setattr__(self, name, tuple(map(printable, getattr(self, name))))
        ignored = tuple((printable(path), printable(reason)) for path, reason in self.ignored)
        object.__setattr__(self, "ignored", ignored)

    def to_json(self) -> dict[str, Any]:
        """As JSON: `ignored` is a list of {path, reason}."""
        ignored = [{"path": path, "reason": reason} for path, reason in self.ignored]
        return {**asdict(self), "ignored": ignored}


def left_out(refused: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """One warning for files that look like images of the data set and cannot be used."""
    if not refused:
        return ()
    path, reason = refused[0]
    if len(refused) == 1:
        return (f"'{path}' was left out: {reason}.",)
    return (f"{len(refused)} files were left out, such as '{path}': {reason}.",)


@dataclass(frozen=True)
class Split:
    """On which side the images of the train folder are, where val or test is cut from it."""

    sides: Mapping[str, Side] = field(default_factory=dict)
    """SHA-256 of an image to its side. What is not listed was not there when this was decided."""
    shares: Mapping[Side, int] = field(default_factory=lambda: SHARES)
    """Parts of every class, such as 2 : 1 : 1."""
    group_by: GroupBy = "none"
    """What was kept together."""


@dataclass(frozen=True)
class Dataset:
    """Images of several domains over the same classes, read and hashed but not decoded."""

    root: Path
    """The folder that item paths are relative to."""
    title: str
    classes: tuple[str, ...]
    """Names of the class folders, sorted; an item's label is an index into them."""
    names: tuple[str, ...]
    """What each class is called in a prompt, in the order of `classes`."""
    templates: tuple[str, ...]
    """The data set's own prompt templates; empty when it has none."""
    allow_fewer: bool
    """Whether a class with fewer images than shots gives all it has instead of an error."""
    domains: tuple[Domain, ...]
    """`train` first, then `val` and `test` where they exist, then `ood/…` by name."""
    report: IngestReport
    excluded: tuple[Item, ...] = ()
    """Images that `dataset.yaml` leaves out. No domain holds them."""
    group_by: GroupBy = "none"
    """Which images belong together: a group is never split between train, val and test."""
    split: Split = field(default_factory=Split)
    """What was decided earlier about the images of `train`."""
    own_names: tuple[str, ...] = ()
    """What each class's folder says as it stands, where `names` may have read it as a code."""
    zip_names: str = ""
    """The encoding that names in a zip were taken to have; empty where they said it."""
    named_by_hand: frozenset[str] = frozenset()
    """Class folders that `dataset.yaml` names."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """(path, reason) of images that are left out since they cannot be read."""
    notes: tuple[str, ...] = ()
    """What a run on it has to say: warnings about images that it does not have."""

    def domain(self, name: str) -> Domain:
        """The domain called so, or a `UserError` that names those there are."""
        for domain in self.domains:
            if domain.name == name:
                return domain
        raise unknown("domain", name, [domain.name for domain in self.domains])

    def items(self, name: str) -> tuple[Item, ...]:
        """The images of a domain; none when the data set does not have it."""
        return next((domain.items for domain in self.domains if domain.name == name), ())

    def counts(self) -> dict[str, dict[str, int]]:
        """Images per domain and class folder. Every class is there, with 0 if need be."""
        counted = {domain.name: Counter(i.label for i in domain.items) for domain in self.domains}
        return {
            name: {folder: labels[index] for index, folder in enumerate(self.classes)}
            for name, labels in counted.items()
        }
