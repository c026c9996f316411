"""What a person should know about a data set before training on it."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from core.data.dataset import Dataset, Item
from core.data.images import UnreadableImage, is_image_name, read_image

FEW_IMAGES = 8
UNBALANCED = 4
"""Largest class over smallest, from which on it is worth a word."""
SMALL_PIXELS = 32

_THREADS = min(4, os.cpu_count() or 1)

Level = Literal["error", "warning", "pass"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "pass")


@dataclass(frozen=True)
class Finding:
    """One thing found, good or bad."""

    kind: str
    """What was looked at, for code: `unreadable`, `leak`, `duplicate`, `two-classes`, …"""
    level: Level
    title: str
    detail: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class HealthReport:
    """All findings, errors first."""

    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What should be mended before training."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def to_json(self) -> dict[str, Any]:
        """Findings, and how many there are of each level."""
        levels = Counter(finding.level for finding in self.findings)
        return {
            "counts": {level: levels[level] for level in _LEVELS},
            "findings": [asdict(finding) for finding in self.findings],
        }


Measure = Callable[[Path, str], tuple[int, int]]
"""Width and height of the image in a file, called by its name in errors, once it has been decoded.

Raises `UnreadableImage`.
"""


def _measure_here(path: Path, name: str) -> tuple[int, int]:
    return read_image(path, name).size


def check(dataset: Dataset, measure: Measure = _measure_here) -> HealthReport:
    """Look at every image of every domain. Decodes all of them, so it takes a while."""
    findings = [
        *_decoding(dataset, measure),
        *_copies(dataset),
        *_class_sizes(dataset),
        *_domains(dataset),
        *_ingest(dataset),
    ]
    return HealthReport(tuple(sorted(findings, key=lambda found: _LEVELS.index(found.level))))


def _decoding(dataset: Dataset, measure: Measure) -> Iterator[Finding]:
    items = [item for domain in dataset.domains for item in domain.items]

    def size_or_reason(item: Item) -> tuple[int, int] | str:
        try:
            return measure(dataset.root / item.path, item.path)
        except UnreadableImage as error:
            return error.reason

    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(zip(items, pool.map(size_or_reason, items), strict=True))
    bad = [(item.path, reason) for item, reason in found if isinstance(reason, str)]
    sizes = {item.path: size for item, size in found if not isinstance(size, str)}
    if bad:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in bad[:5])
        yield Finding(
            "unreadable",
            "error",
            f"{_images(len(bad))} cannot be read",
            f"{reasons}{'; …' if len(bad) > 5 else ''}. Replace or remove them.",
            tuple(path for path, _ in bad),
        )
    else:
        yield Finding("unreadable", "pass", f"All {len(items)} images can be read")
    if sizes:
        yield _sizes(sizes)


def _sizes(sizes: dict[str, tuple[int, int]]) -> Finding:
    smallest, largest = min(sizes.values(), key=min), max(sizes.values(), key=max)
    title = f"All images are {smallest[0]} × {smallest[1]} pixels"
    if smallest != largest:
        title = f"From {smallest[0]} × {smallest[1]} to {largest[0]} × {largest[1]} pixels"
    small = tuple(path for path, size in sizes.items() if min(size) < SMALL_PIXELS)
    if not small:
        return Finding("size", "pass", title)
    detail = f"{_images(len(small))} have a side under {SMALL_PIXELS} pixels: little to see there."
    return Finding("size", "warning", title, detail, small)


def _copies(dataset: Dataset) -> Iterator[Finding]:
    """Equal bytes, by what they spoil."""
    where: defaultdict[str, list[tuple[str, Item]]] = defaultdict(list)
    for domain in dataset.domains:
        for item in domain.items:
            where[item.sha256].append((domain.name, item))
    groups = [copies for copies in where.values() if len(copies) > 1]
    leaks, shared, within, two_classes = [], [], [], []
    for copies in groups:
        domains = {domain for domain, _ in copies}
        paths = [item.path for _, item in copies]
        measured = {name for name in domains if name == "test" or name.startswith("ood/")}
        if len({item.label for _, item in copies}) > 1:
            two_classes.append(paths)
        if measured and domains & {"train", "val"}:
            leaks.append(paths)
        elif len(domains) > 1:
            shared.append(paths)
        elif len({item.label for _, item in copies}) == 1:
            within.append(paths)
    if leaks:
        yield _copies_finding(
            "leak",
            "error",
            leaks,
            "to learn from also measured",
            "Accuracy on images that were trained on says nothing. A run leaves these out of "
            "training; better remove one of each.",
        )
    if two_classes:
        yield _copies_finding(
            "two-classes",
            "error",
            two_classes,
            "in two classes at once",
            "Only one of the classes can be right. Remove the wrong one.",
        )
    if shared:
        yield _copies_finding(
            "shared",
            "warning",
            shared,
            "in two domains",
            "Train and val, val and test, or two measured domains hold the same image.",
        )
    if within:
        yield _copies_finding(
            "duplicate",
            "warning",
            within,
            "more than once in a domain",
            "Copies count once as shots; in test they count more than once.",
        )
    if not groups:
        yield Finding("duplicate", "pass", "No image is there twice, within or across domains")


def _copies_finding(
    kind: str, level: Level, groups: Sequence[Sequence[str]], what: str, detail: str
) -> Finding:
    example = " = ".join(groups[0][:3])
    paths = tuple(path for group in groups for path in group)
    verb = "is" if len(groups) == 1 else "are"
    return Finding(
        kind, level, f"{_images(len(groups))} {verb} {what}", f"{detail} {example}", paths
    )


def _class_sizes(dataset: Dataset) -> Iterator[Finding]:
    counts = dataset.counts().get("train", {})
    few = {name: n for name, n in counts.items() if n < FEW_IMAGES}
    if few:
        shown = ", ".join(f"{name} ({n})" for name, n in few.items())
        yield Finding(
            "few-images",
            "warning",
            f"{len(few)} of {len(counts)} classes have fewer than {FEW_IMAGES} training images",
            f"{shown}. With so few, results differ much between seeds.",
        )
    else:
        yield Finding("few-images", "pass", f"Every class has {FEW_IMAGES} or more training images")
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] > UNBALANCED * counts[least]:
        yield Finding(
            "unbalanced",
            "warning",
            "Some classes have many more images than others",
            f"{most} has {counts[most]}, {least} has {counts[least]}. The same number of shots is "
            "drawn from each; a test split off from train stays unbalanced.",
        )
    else:
        yield Finding("unbalanced", "pass", f"From {counts[least]} to {counts[most]} a class")


def _domains(dataset: Dataset) -> Iterator[Finding]:
    for name, counts in dataset.counts().items():
        missing = [folder for folder, n in counts.items() if not n]
        if missing:
            yield Finding(
                "missing-class",
                "error" if name == "train" else "warning",
                f"{name} lacks {len(missing)} of {len(counts)} classes",
                f"No images of: {', '.join(missing)}.",
            )
    if not any(domain.role == "ood" for domain in dataset.domains):
        yield Finding(
            "no-ood",
            "warning",
            "No OOD domain",
            "Without images from elsewhere nobody sees whether robustness was lost. "
            "Add ood/<domain>/<class>/*.",
        )


def _ingest(dataset: Dataset) -> Iterator[Finding]:
    for warning in dataset.report.warnings:
        yield Finding("layout", "warning", warning)
    ignored = dataset.report.ignored
    if ignored:
        images = any(path.endswith("/") or is_image_name(path) for path, _ in ignored)
        shown = "; ".join(f"{path}: {reason}" for path, reason in ignored[:5])
        yield Finding(
            "ignored",
            "warning" if images else "pass",
            f"{len(ignored)} {'file or folder is' if len(ignored) == 1 else 'files or folders are'}"
            " ignored",
            shown + ("; …" if len(ignored) > 5 else ""),
            tuple(path for path, _ in ignored),
        )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
