"""`Dataset`: domains over the same classes, each with a role, and a report of how it was read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from core.errors import printable, unknown
from core.params import JsonObject
from core.results.records import GroupBy

Role = Literal["train", "val", "test", "ood"]
Side = Literal["train", "test", "val"]
SHARES: Mapping[Side, int] = {"train": 2, "test": 1, "val": 1}
"""The default parts of every class. Of sides that are equally short of images, the first in this
order gets the next one."""


@dataclass(frozen=True)
class Item:
    """One labelled image. `path` is POSIX and relative to the root of its data set."""

    path: str
    label: int
    """Index into the classes."""
    sha256: str
    """Hash of the file's bytes, in hex: two items with equal hashes are the same image."""


@dataclass(frozen=True)
class Domain:
    """Images that come from one place. Named `train`, `val`, `test` or `ood/<name>`."""

    name: str
    role: Role
    items: tuple[Item, ...]


@dataclass(frozen=True)
class IngestReport:
    """The report on how a folder, zip or upload was read, as sentences for the user."""

    understood: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    """(path, reason). A path that ends in `/` is a folder with everything in it."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # A file name may contain line ends, or marks that reverse the text after them.
        for name in ("understood", "warnings"):
            object.__setattr__(self, name, tuple(map(printable, getattr(self, name))))
        ignored = tuple((printable(path), printable(reason)) for path, reason in self.ignored)
        object.__setattr__(self, "ignored", ignored)

    def to_json(self) -> JsonObject:
        """As JSON: `ignored` is a list of {path, reason}."""
        ignored = [{"path": path, "reason": reason} for path, reason in self.ignored]
        return {**asdict(self), "ignored": ignored}


def left_out(refused: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """One warning for files that look like images of the data set but cannot be used."""
    if not refused:
        return ()
    path, reason = refused[0]
    if len(refused) == 1:
        return (f"'{path}' was left out: {reason}.",)
    return (f"{len(refused)} files were left out, such as '{path}': {reason}.",)


@dataclass(frozen=True)
class Split:
    """The side of each image of the train folder, if val or test is cut from it."""

    sides: Mapping[str, Side] = field(default_factory=dict)
    """SHA-256 of an image to its side. Images that came later are not listed."""
    shares: Mapping[Side, int] = field(default_factory=lambda: SHARES)
    """Parts of every class, such as 2 : 1 : 1."""
    group_by: GroupBy = "none"
    """The rule that kept images together."""


@dataclass(frozen=True)
class Dataset:
    """Images of several domains over the same classes, read and hashed but not decoded."""

    root: Path
    """The folder that item paths are relative to."""
    title: str
    classes: tuple[str, ...]
    """Names of the class folders, sorted; an item's label is an index into them."""
    names: tuple[str, ...]
    """The name of each class in a prompt, in the order of `classes`."""
    templates: tuple[str, ...]
    """The data set's own prompt templates; empty if it has none."""
    allow_fewer: bool
    """True if a class with fewer images than shots uses all it has instead of an error."""
    domains: tuple[Domain, ...]
    """`train` first, then `val` and `test` if they exist, then `ood/…` by name."""
    report: IngestReport
    excluded: tuple[Item, ...] = ()
    """Images that `dataset.yaml` leaves out. No domain contains them."""
    group_by: GroupBy = "none"
    """The rule that groups images: a group is never split between train, val and test."""
    split: Split = field(default_factory=Split)
    """The stored split of the images of `train`."""
    own_names: tuple[str, ...] = ()
    """The name of each class folder, without the words that `names` may have read out of a code."""
    zip_names: str = ""
    """The encoding that was guessed for names in a zip; empty if the zip declared it."""
    named_by_hand: frozenset[str] = frozenset()
    """Class folders that `dataset.yaml` names."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """(path, reason) of images that are left out because they cannot be read."""
    notes: tuple[str, ...] = ()
    """Warnings about missing images; every run on this data set repeats them."""

    def domain(self, name: str) -> Domain:
        """The domain of this name. The `UserError` for an unknown name lists the domains."""
        for domain in self.domains:
            if domain.name == name:
                return domain
        raise unknown("domain", name, [domain.name for domain in self.domains])

    def items(self, name: str) -> tuple[Item, ...]:
        """The images of a domain; empty if the data set does not have it."""
        return next((domain.items for domain in self.domains if domain.name == name), ())

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of images per domain and class folder. Every class is listed, also with 0."""
        counted = {domain.name: Counter(i.label for i in domain.items) for domain in self.domains}
        return {
            name: {folder: labels[index] for index, folder in enumerate(self.classes)}
            for name, labels in counted.items()
        }
