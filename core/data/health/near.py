"""Images that are nearly the same: another size, another compression, the next frame of a video."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.data.dataset import Dataset
from core.data.glance import TINY, Glance
from core.data.health.copies import Placed, is_leak, superfluous
from core.data.health.findings import Finding, images_are

CORRELATED = 0.996
"""Of tiny copies, from which on two images count as nearly the same. On the demo's 1,680 drawings
an image and its JPEG of quality 40, or half its size, correlate above 0.9975; two different ones
below 0.9953."""
_FLAT = 4.0
"""Deviation of a tiny copy in levels of 255, below which there is nothing to compare."""
_REACH = np.sqrt(2 * (1 - CORRELATED)) + 1e-3
"""Distance of unit rows that correlate; the last is room for the error of float32 products."""
_AXES = 24
_SAMPLE = 4096
_AT_ONCE = 512
_LITTLE_GAINED = 0.9
"""A set is not split when one side would be more than this share of it."""


def near_copies(dataset: Dataset, glances: Mapping[str, Glance]) -> Iterator[Finding]:
    """Nearly equal images whose bytes differ: what teaches beside what measures, then the rest."""
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
            "taught and measured in nearly the same form",
            f"{how} The measured accuracy is better than it will be on new images.",
        )
    if others:
        yield _finding(
            "near-duplicate",
            others,
            "there in nearly the same form again",
            f"{how} They teach, or count, almost nothing new.",
        )
    if not groups:
        yield Finding("near-duplicate", "pass", "No two images are nearly the same")


def _finding(kind: str, groups: Sequence[Sequence[Placed]], what: str, detail: str) -> Finding:
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


def _clearly_superfluous(group: Sequence[Placed]) -> list[str]:
    """None where the classes differ: which of them is right, a person must say."""
    one_class = len({item.label for _, item in group}) == 1
    return superfluous(group) if one_class or is_leak(group) else []


def _alike(placed: Sequence[Placed], tiny: Sequence[bytes]) -> list[list[Placed]]:
    """Sets of images that are linked by near equality."""
    if not placed:
        return []
    different = {copy: number for number, copy in enumerate(dict.fromkeys(tiny))}
    rows = _comparable(list(different))
    root = _linked_rows(rows).tolist()
    groups: defaultdict[int, list[Placed]] = defaultdict(list)
    for one, copy in zip(placed, tiny, strict=True):
        number = different[copy]
        if rows[number].any():  # two images of one colour have nothing to compare
            groups[root[number]].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _linked_rows(rows: np.ndarray) -> np.ndarray:
    """For each row the lowest number of a row that it is linked to by near equality, itself at
    least.

    Unit rows that correlate are at most `_REACH` apart, and so are their shadows on a few axes.
    Only rows whose shadows are close are multiplied: all with all takes minutes for 100,000 images.
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
    """Orthogonal directions along which the images differ most, as columns."""
    some = rows[:: max(1, len(rows) // _SAMPLE)]
    _, directions = np.linalg.eigh(some.T @ some)
    return directions[:, -_AXES:].astype(rows.dtype)


def _neighbourhoods(shadows: np.ndarray) -> list[np.ndarray]:
    """Sets of row numbers, such that any two rows which are close share one at least.

    A set is split where it is widest, and what lies near the cut goes to both sides.
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
    """Squared, of every one to every other."""
    return (ones**2).sum(1)[:, None] + (others**2).sum(1) - 2 * ones @ others.T


def _comparable(tiny: Sequence[bytes]) -> np.ndarray:
    """Rows whose products are correlations; zeros where an image is of one colour."""
    rows = np.stack([np.frombuffer(each, np.uint8) for each in tiny]).astype(np.float32)
    rows = rows.reshape(len(tiny), -1, 3)
    rows = (rows - rows.mean(axis=1, keepdims=True)).reshape(len(tiny), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    plain = length < _FLAT * np.sqrt(rows.shape[1])
    return np.where(plain, 0, rows / np.maximum(length, 1e-9))


def _linked(root: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The lowest index that each image is linked to, after these pairs were linked as well."""
    while True:
        a, b = root[one], root[other]
        if (a == b).all():
            return root
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not ((nearer := root[root]) == root).all():
            root = nearer
