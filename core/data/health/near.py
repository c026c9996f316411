"""Finds images that are nearly the same: resized, compressed again, or the next video frame."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.data.dataset import Dataset
from core.data.glance import TINY, Glance
from core.data.health.copies import DomainItem, is_leak, superfluous
from core.data.health.findings import Finding, images_are

CORRELATED = 0.996
"""Two images whose tiny copies correlate at least this much are nearly the same. On the demo's
1,680 drawings, an image and its JPEG of quality 40, or of half the size, correlate above 0.9975;
two different ones below 0.9953."""
_FLAT = 4.0
"""A tiny copy with a smaller deviation (of 255) is too flat to compare."""
_REACH = np.sqrt(2 * (1 - CORRELATED)) + 1e-3
"""Largest distance of two unit rows that correlate. 1e-3 is for the error of float32 products."""
_AXES = 24
_SAMPLE = 4096
_AT_ONCE = 512
_LITTLE_GAINED = 0.9
"""A set is not split if one side would be a larger share of it than this."""


def near_copies(dataset: Dataset, glances: Mapping[str, Glance]) -> Iterator[Finding]:
    """Findings about nearly equal images with different bytes: leaks first, then the others."""
    placed = [
        (domain.name, item)
        for domain in dataset.domains
        for item in domain.items
        if item.path in glances
    ]
    groups = [
        group
        for group in _alike(placed, [glances[item.path].tiny for _, item in placed])
        if len({item.sha256 for _, item in group}) > 1
    ]
    leaks = [group for group in groups if is_leak(group)]
    others = [group for group in groups if not is_leak(group)]
    how = f"Their {TINY} × {TINY} copies correlate at {CORRELATED:g} or more."
    if leaks:
        yield _finding(
            "near-leak",
            leaks,
            "in both training and test data in nearly the same form",
            f"{how} The measured accuracy is better than it will be on new images.",
        )
    if others:
        yield _finding(
            "near-duplicate",
            others,
            "more than once in nearly the same form",
            f"{how} They add almost nothing new.",
        )
    if not groups:
        yield Finding("near-duplicate", "pass", "No two images are nearly the same")


def _finding(kind: str, groups: Sequence[Sequence[DomainItem]], what: str, detail: str) -> Finding:
    sides = tuple(tuple(item.path for _, item in group) for group in groups)
    return Finding(
        kind,
        "warning",
        f"{images_are(len(groups))} {what}",
        f"{detail} {' ≈ '.join(sides[0][:3])}",
        tuple(path for group in sides for path in group),
        groups=sides,
        exclude=tuple(path for group in groups for path in _clearly_superfluous(group)),
    )


def _clearly_superfluous(group: Sequence[DomainItem]) -> list[str]:
    """The images to leave out; none if the classes differ, because a person must decide then."""
    one_class = len({item.label for _, item in group}) == 1
    return superfluous(group) if one_class or is_leak(group) else []


def _alike(placed: Sequence[DomainItem], tiny: Sequence[bytes]) -> list[list[DomainItem]]:
    """Groups of images that are linked by near equality, also through a third image."""
    if not placed:
        return []
    different = {copy: number for number, copy in enumerate(dict.fromkeys(tiny))}
    rows = _comparable(list(different))
    root = _linked_rows(rows).tolist()
    groups: defaultdict[int, list[DomainItem]] = defaultdict(list)
    for one, copy in zip(placed, tiny, strict=True):
        number = different[copy]
        if rows[number].any():  # images of a single colour cannot be compared
            groups[root[number]].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _linked_rows(rows: np.ndarray) -> np.ndarray:
    """For each row, the lowest number of all rows linked to it by near equality, itself included.

    Unit rows that correlate are at most `_REACH` apart, and so are their projections on a few axes.
    Only rows with close projections are compared: comparing all pairs of 100,000 images would take
    minutes.
    """
    root = np.arange(len(rows))
    shadows = rows @ _widest_axes(rows)
    for part in _neighbourhoods(shadows):
        for start in range(0, len(part), _AT_ONCE):
            some = part[start : start + _AT_ONCE]
            close = _distances(shadows[some], shadows[part]) <= _REACH**2
            own = np.arange(len(some))
            close[own, start + own] = False
            one, other = some[close.any(axis=1)], part[close.any(axis=0)]
            if len(one):
                alike = np.nonzero(rows[one] @ rows[other].T >= CORRELATED)
                root = _linked(root, one[alike[0]], other[alike[1]])
    return root


def _widest_axes(rows: np.ndarray) -> np.ndarray:
    """Orthogonal directions in which the images differ most, as columns."""
    some = rows[:: max(1, len(rows) // _SAMPLE)]
    _, directions = np.linalg.eigh(some.T @ some)
    return directions[:, -_AXES:].astype(rows.dtype)


def _neighbourhoods(shadows: np.ndarray) -> list[np.ndarray]:
    """Sets of row numbers. Any two close rows are together in at least one set.

    A set is split along its widest axis. Rows near the cut go to both sides, so that no close pair
    is separated.
    """
    found, waiting = [], [np.arange(len(shadows))]
    while waiting:
        part = waiting.pop()
        places = shadows[part]
        place = places[:, places.std(axis=0).argmax()]
        cut = np.median(place)
        sides = part[place <= cut + _REACH / 2], part[place >= cut - _REACH / 2]
        if len(part) <= _AT_ONCE or max(map(len, sides)) > _LITTLE_GAINED * len(part):
            found.append(part)
        else:
            waiting += sides
    return found


def _distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances of every row in `ones` to every row in `others`."""
    return (ones**2).sum(1)[:, None] + (others**2).sum(1) - 2 * ones @ others.T


def _comparable(tiny: Sequence[bytes]) -> np.ndarray:
    """Unit rows whose products are correlations; zeros for images of a single colour."""
    rows = np.stack([np.frombuffer(each, np.uint8) for each in tiny]).astype(np.float32)
    rows = rows.reshape(len(tiny), -1, 3)
    rows = (rows - rows.mean(axis=1, keepdims=True)).reshape(len(tiny), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    plain = length < _FLAT * np.sqrt(rows.shape[1])
    return np.where(plain, 0, rows / np.maximum(length, 1e-9))


def _linked(root: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The lowest index that each image is linked to, with these pairs added."""
    while True:
        a, b = root[one], root[other]
        if (a == b).all():
            return root
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not ((nearer := root[root]) == root).all():
            root = nearer
