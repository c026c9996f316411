"""Findings about files: unreadable images, sizes, and files that were left out."""

from collections.abc import Iterator, Mapping

from core.data.dataset import Dataset
from core.data.glance import Glance
from core.data.health.findings import Finding, images
from core.data.images import is_image_name

SMALL_PIXELS = 32


def readable(
    glances: Mapping[str, Glance], refused: Mapping[str, str], left_out: int = 0
) -> Iterator[Finding]:
    """Findings about unreadable images and about image sizes. `left_out` is the number of images
    that were left out before because they are unreadable.
    """
    if refused:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in list(refused.items())[:5])
        yield Finding(
            "unreadable",
            "error",
            f"{images(len(refused))} cannot be read",
            f"{reasons}{'; …' if len(refused) > 5 else ''}. Replace or remove them.",
            tuple(refused),
            exclude=tuple(refused),
        )
    else:
        other = "other " if left_out else ""
        yield Finding("unreadable", "pass", f"All {len(glances)} {other}images can be read")
    if glances:
        yield _sizes({path: seen.size for path, seen in glances.items()})


def _sizes(sizes: dict[str, tuple[int, int]]) -> Finding:
    smallest, largest = min(sizes.values(), key=min), max(sizes.values(), key=max)
    title = f"All images are {smallest[0]} × {smallest[1]} pixels"
    if smallest != largest:
        title = f"From {smallest[0]} × {smallest[1]} to {largest[0]} × {largest[1]} pixels"
    small = tuple(path for path, size in sizes.items() if min(size) < SMALL_PIXELS)
    if not small:
        return Finding("size", "pass", title)
    detail = f"{images(len(small))} have a side under {SMALL_PIXELS} pixels and show few details."
    return Finding("size", "warning", title, detail, small, exclude=small)


def ingest(dataset: Dataset) -> Iterator[Finding]:
    """Findings about warnings of the reader, ignored files, and images that the user left out."""
    for warning in dataset.report.warnings:
        yield Finding("layout", "warning", warning)
    ignored = dataset.report.ignored
    if ignored:
        pictures = any(path.endswith("/") or is_image_name(path) for path, _ in ignored)
        shown = "; ".join(f"{path}: {reason}" for path, reason in ignored[:5])
        yield Finding(
            "ignored",
            "warning" if pictures else "pass",
            f"{len(ignored)} {'file or folder is' if len(ignored) == 1 else 'files or folders are'}"
            " ignored",
            shown + ("; …" if len(ignored) > 5 else ""),
            tuple(path for path, _ in ignored),
        )
    if dataset.excluded:
        yield Finding(
            "excluded",
            "pass",
            f"{images(len(dataset.excluded))} left out by hand",
            "They stay where they are, and can be included again.",
            tuple(item.path for item in dataset.excluded),
        )


FEW_IMAGES = 8
UNBALANCED = 4
"""A larger ratio of largest to smallest class gives a warning."""


def class_sizes(dataset: Dataset) -> Iterator[Finding]:
    """Findings about classes with few training images, and classes of very different size."""
    counts = dataset.counts()["train"]
    few = {name: n for name, n in counts.items() if n < FEW_IMAGES}
    if few:
        shown = ", ".join(f"{name} ({n})" for name, n in few.items())
        yield Finding(
            "few-images",
            "warning",
            f"{len(few)} of {len(counts)} classes {'has' if len(few) == 1 else 'have'} fewer than "
            f"{FEW_IMAGES} training images",
            f"{shown}. With so few images, results vary much between seeds.",
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


def missing(dataset: Dataset) -> Iterator[Finding]:
    """Findings about domains that lack a class, and about a data set without OOD domains."""
    for name, counts in dataset.counts().items():
        absent = [folder for folder, n in counts.items() if not n]
        if absent:
            yield Finding(
                "missing-class",
                "error" if name == "train" else "warning",
                f"{name} lacks {len(absent)} of {len(counts)} classes",
                f"No images of: {', '.join(absent)}.",
            )
    if not any(domain.role == "ood" for domain in dataset.domains):
        yield Finding(
            "no-ood",
            "warning",
            "No OOD domain",
            "Without images from elsewhere, a loss of robustness stays hidden. "
            "Add ood/<domain>/<class>/*. Until then runs measure synthetic changes of your own "
            "images (night, blur, …), which is not the same.",
        )
