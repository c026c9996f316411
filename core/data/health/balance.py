"""Checks that every class has images, and enough of them."""

from collections.abc import Iterator

from core.data.dataset import Dataset
from core.data.health.findings import Finding

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
