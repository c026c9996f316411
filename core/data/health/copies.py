"""Finds images that exist more than once, byte for byte, and sorts them by the harm they do."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from core.data.dataset import Dataset, Item
from core.data.health.findings import Finding, Level, images_are
from core.errors import UserError

DomainItem = tuple[str, Item]
"""(name of the domain, item)."""

_KEPT_FIRST = ("test", "ood", "train", "val")
"""Of equal images in several domains, the one in the first of these stays, so that test sets stay
complete."""
_ALLOWED = "Leaks were allowed:"


def exact_copies(dataset: Dataset) -> Iterator[Finding]:
    """Findings about images with equal bytes."""
    groups = copies_of(dataset)
    found: dict[str, list[list[DomainItem]]] = defaultdict(list)
    for copies in groups:
        domains = {domain for domain, _ in copies}
        one_class = len({item.label for _, item in copies}) == 1
        if not one_class:
            found["two-classes"].append(copies)
        if is_leak(copies):
            found["leak"].append(copies)
        elif len(domains) > 1:
            found["shared"].append(copies)
        elif one_class:
            found["duplicate"].append(copies)
    for kind, (level, what, detail) in _SAID.items():
        if found[kind]:
            yield _finding(kind, level, found[kind], what, detail)
    if not groups:
        yield Finding("duplicate", "pass", "No image appears twice, within or across domains")


def refuse_leaks(dataset: Dataset, allowed: bool = False) -> tuple[str, ...]:
    """Raises `UserError` if training would use images that it is measured on. If that is `allowed`,
    returns the note for the record instead.
    """
    leaks = [copies for copies in copies_of(dataset) if is_leak(copies)]
    if not leaks:
        return ()
    example = " = ".join(item.path for _, item in leaks[0][:3])
    if allowed:
        return (
            f"{_ALLOWED} {images_are(len(leaks))} in both training and test data "
            f"({example}), and left out of training.",
        )
    raise UserError(
        f"data: {images_are(len(leaks))} in both training and test data ({example}). Leave one of "
        "each out (exclude in dataset.yaml, or the button in Data), or allow leaks, to train "
        "without them.",
        setting="allow_leaks",
    )


def leaks_noted(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes of a record that `refuse_leaks` wrote."""
    return tuple(note for note in notes if note.startswith(_ALLOWED))


def copies_of(dataset: Dataset) -> list[list[DomainItem]]:
    """The images that exist at least twice, each with all its places."""
    where: defaultdict[str, list[DomainItem]] = defaultdict(list)
    for domain in dataset.domains:
        for item in domain.items:
            where[item.sha256].append((domain.name, item))
    return [copies for copies in where.values() if len(copies) > 1]


def is_leak(copies: Sequence[DomainItem]) -> bool:
    """True if one of the copies is in train or val and another one in test or OOD."""
    roles = {role(domain) for domain, _ in copies}
    return bool(roles & {"train", "val"}) and bool(roles & {"test", "ood"})


def superfluous(copies: Sequence[DomainItem]) -> list[str]:
    """The copies to leave out: for a leak those in train and val, else all but one."""
    if is_leak(copies):
        return [item.path for domain, item in copies if role(domain) in ("train", "val")]
    ordered = sorted(copies, key=lambda placed: _KEPT_FIRST.index(role(placed[0])))
    return [item.path for _, item in ordered[1:]]


def role(domain: str) -> str:
    """The role of a domain: that of `ood/night` is `ood`."""
    return domain.partition("/")[0]


_SAID: Mapping[str, tuple[Level, str, str]] = {
    "leak": (
        "error",
        "in both training and test data",
        "Accuracy on training images means nothing. Training waits until one of each is left out, "
        "or until you allow it to train without them.",
    ),
    "two-classes": (
        "error",
        "in two classes at once",
        "Only one of the classes can be right. Leave out or move the wrong one.",
    ),
    "shared": (
        "warning",
        "in two domains",
        "Train and val, val and test, or two measured domains hold the same image.",
    ),
    "duplicate": (
        "warning",
        "more than once in a domain",
        "Copies count once as shots; in test they count more than once.",
    ),
}


def _finding(
    kind: str, level: Level, groups: Sequence[Sequence[DomainItem]], what: str, detail: str
) -> Finding:
    sides = tuple(tuple(item.path for _, item in copies) for copies in groups)
    # The bytes do not show which of two classes is right, so no copy is suggested to be left out.
    clear = () if kind == "two-classes" else groups
    return Finding(
        kind,
        level,
        f"{images_are(len(groups))} {what}",
        f"{detail} {' = '.join(sides[0][:3])}",
        tuple(path for group in sides for path in group),
        groups=sides,
        exclude=tuple(path for copies in clear for path in superfluous(copies)),
    )
