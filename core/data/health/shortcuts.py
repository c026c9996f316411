"""Finds shortcuts: image size, border or file source that predict the class.

A model may learn the shortcut instead of the class, and fails on images without it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.data.dataset import Dataset, Item
from core.data.glance import Glance
from core.data.grouped import source_of
from core.data.health.codes import kind_of
from core.data.health.findings import Finding
from core.data.names import fold
from core.results.intervals import wilson
from core.rounding import percent

NEIGHBOURS = 3
ABOVE_CHANCE = 0.15
"""A warning needs the lower end of the interval to be this far above chance."""
MOST_OF_A_CLASS = 200
MOST = 10_000
"""Most images that are used. Each is compared with all others; more would not add certainty."""
_FEWEST = 20
"""Fewest images for a check; with fewer, a share means nothing."""
_AT_ONCE = 512
_DEVICE = re.compile(
    r"(img|imgp|dsc|dscn|dscf|dcim|pxl|mvi|dji|gopr|cimg|pict|sam|wp|cam|camera|screenshot|scan"
    r"|whatsapp image)(?![^\W\d_])|(19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?!\d)",
    re.IGNORECASE,
)
"""File names of cameras and phones, and dates."""


def shortcuts(dataset: Dataset, glances: Mapping[str, Glance]) -> Iterator[Finding]:
    """One finding per kind of shortcut; each training image is predicted by the other images."""
    items = _sample(dataset, glances)
    if len(items) < _FEWEST:
        return
    labels = np.array([item.label for item in items])
    seen = [glances[item.path] for item in items]
    sizes = np.log([[g.width, g.height, g.width / g.height] for g in seen])
    borders = np.array([g.border for g in seen])
    probes = {
        "size": ("the size of the image", _by_neighbours(sizes, labels)),
        "border": ("the border of the image", _by_neighbours(borders, labels)),
    }
    sources = _sources(items, dataset)
    if _tell_of_more(sources, labels):
        probes["source"] = ("the source in the file's name or folder", _by_source(sources, labels))
    found = [
        finding
        for kind, (what, guesses) in probes.items()
        if (finding := _judge(kind, what, guesses, items, labels, dataset))
    ]
    yield from found
    if not found:
        what = ", ".join(what for what, _ in probes.values())
        yield Finding(
            "shortcut", "pass", "No shortcut found", f"None of these predicts the class: {what}."
        )


def _sample(dataset: Dataset, glances: Mapping[str, Glance]) -> list[Item]:
    """Readable training images, at most a fixed number per class, chosen by content."""
    most = min(MOST_OF_A_CLASS, max(NEIGHBOURS, MOST // len(dataset.classes)))
    by_class: defaultdict[int, list[Item]] = defaultdict(list)
    for item in sorted(dataset.items("train"), key=lambda item: item.sha256):
        if item.path in glances and len(by_class[item.label]) < most:
            by_class[item.label].append(item)
    return [item for label in sorted(by_class) for item in by_class[label]]


def _by_neighbours(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class predicted by the nearest other images (leave one out); -1 if they disagree."""
    spread = features.std(axis=0)
    if not spread.any():  # all images are the same in this feature
        return np.full(len(labels), -1)
    rows = (features / np.where(spread > 0, spread, 1)).astype(np.float32)
    squares = (rows**2).sum(axis=1)
    guesses = np.empty(len(rows), dtype=int)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        distance = squares - 2 * part @ rows.T  # the term that is constant per row is left out
        own = np.arange(len(part))
        distance[own, start + own] = np.inf
        guesses[start : start + len(part)] = [_majority(row) for row in labels[_lowest(distance)]]
    return guesses


def _lowest(distance: np.ndarray) -> np.ndarray:
    """Columns of the lowest values of each row, first of equals first. Overwrites `distance`."""
    own, found = np.arange(len(distance)), []
    for _ in range(NEIGHBOURS):
        found.append(distance.argmin(axis=1))
        distance[own, found[-1]] = np.inf
    return np.stack(found, axis=1)


def _majority(labels: np.ndarray) -> int:
    label, votes = Counter(labels.tolist()).most_common(1)[0]
    return label if votes > 1 else -1


def _by_source(sources: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """The class predicted by the other images of the same source; -1 without such images."""
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for source, label in zip(sources, labels.tolist(), strict=True):
        counts[source][label] += 1
    guesses = []
    for source, label in zip(sources, labels.tolist(), strict=True):
        if not source:
            guesses.append(-1)
            continue
        others = counts[source]
        others[label] -= 1
        ((commonest, votes),) = others.most_common(1)
        others[label] += 1
        guesses.append(commonest if votes else -1)
    return np.array(guesses)


def _sources(items: Sequence[Item], dataset: Dataset) -> list[str]:
    """The likely source of each image; `""` if its name only repeats the class, in words or as a
    number or code. Such a name is no shortcut, because no model sees file names.
    """
    found = []
    for item in items:
        folder = dataset.classes[item.label]
        source = source_of(item.path, folder)
        class_words = [set(fold(name).split()) for name in (folder, dataset.names[item.label])]
        words = set(fold(source).split())
        named = any(words <= known or known <= words for known in class_words)
        found.append("" if named or (kind_of(source) and not _DEVICE.match(source)) else source)
    return found


def _tell_of_more(sources: Sequence[str], labels: np.ndarray) -> bool:
    """True if sources are places, cameras or days, and not other words for the classes.

    Then a source has images of several classes, or a name as cameras give to files.
    """
    holds: defaultdict[str, set[int]] = defaultdict(set)
    for source, label in zip(sources, labels.tolist(), strict=True):
        holds[source].add(label)
    holds.pop("", None)
    return any(len(known) > 1 or _DEVICE.match(source) for source, known in holds.items())


def _judge(
    kind: str,
    what: str,
    guesses: np.ndarray,
    items: Sequence[Item],
    labels: np.ndarray,
    dataset: Dataset,
) -> Finding | None:
    """A finding if the guesses are clearly better than always guessing the commonest class."""
    right = guesses == labels
    n, hits = len(labels), int(right.sum())
    low, high = wilson(hits, n)
    chance = Counter(labels.tolist()).most_common(1)[0][1] / n
    if low < chance + ABOVE_CHANCE:
        return None
    told = {
        label: (int(right[labels == label].sum()), int((labels == label).sum()))
        for label in np.unique(labels).tolist()
    }
    worst = sorted(told, key=lambda label: -told[label][0] / told[label][1])
    named = [label for label in worst if wilson(*told[label])[0] > chance] or worst[:1]
    shown = ", ".join(f"{dataset.classes[i]} ({told[i][0]} of {told[i][1]})" for i in named[:5])
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    paths = [
        item.path for item, hit in zip(items, right, strict=True) if hit and item.label in named
    ]
    return Finding(
        f"shortcut-{kind}",
        "warning",
        f"The class can be guessed from {what}",
        f"This alone gives the class of {percent(hits / n, 0)} % of {n} training images "
        f"({percent(low, 0)} to "
        f"{percent(high, 0)} %, each left out in turn), chance {percent(chance, 0)} %: "
        f"{shown}{more}. A model may learn it instead of "
        "the class. Add images where it differs, or an OOD domain that shows the effect.",
        tuple(paths),
    )
