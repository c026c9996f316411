"""T10, images: from a folder to a checked data set, as it holds more and larger ones."""

import math
import os
from collections.abc import Generator
from functools import partial
from pathlib import Path

from PIL import Image

from core.data.glance import Glance
from core.data.health import check
from core.data.ingest import open_dataset
from core.events import Event, Stage
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import seconds
from tests.bench.speed.photos import photo
from tests.bench.speed.setting import Setting

PHOTOS, DISTINCT, MEGAPIXELS = 240, 24, 2.0
FILES = (1_000, 10_000, 100_000)
CLASSES = 20
QUALITY = 95
"""As a camera saves them: about 0.9 MB a photo."""
STRAIGHT = 1.15
"""Exponent up to which growth counts as linear: ten times the files, fourteen times the time."""


def measure_ingest(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """Photos of 2 MP a second, all that a check does; and how hashing grows with the files."""
    yield Stage("T10", "photos of 2 megapixels")
    pictures = [
        photo(setting.pick(200, 1) / 100, seed) for seed in range(setting.pick(DISTINCT, 4))
    ]
    photos = folder_of(setting, "photos-2mp", pictures, setting.pick(PHOTOS, 40))
    size = sum(path.stat().st_size for path in photos.rglob("*.jpg")) / setting.pick(PHOTOS, 40)
    checks = [seconds(partial(_checked, photos)) for _ in range(setting.repeats)]
    yield Stage("T10", "many small files")
    small = [picture.resize((64, 64)) for picture in pictures]
    counts = [setting.pick(count, count // 20) for count in FILES]
    took = []
    for count in counts:
        folder = folder_of(setting, f"{count}-files", small, count)
        took.append(min(seconds(partial(open_dataset, folder, decode=False)) for _ in range(3)))
    return [
        Figure(
            "T10",
            "photos of 2 MP from a folder to a checked data set",
            "photos/s",
            Target("at least", 150.0),
            tuple(setting.pick(PHOTOS, 40) / one for one in checks),
            "Listed, understood, hashed, every bit of each decoded, looked at and compared.",
            {"MB a photo": size / 1e6, "distinct photos": len(pictures)},
        ),
        Figure(
            "T10",
            "growth of listing, understanding and hashing with the files",
            "(exponent)",
            Target("at most", STRAIGHT),
            (growth(counts[0], took[0], counts[-1], took[-1]),),
            "Small files, of which many are the same under other names.",
            {f"s for {count} files": one for count, one in zip(counts, took, strict=True)},
        ),
    ]


def _checked(folder: Path) -> None:
    """What `evenkeel data check` does."""
    glances: dict[str, Glance] = {}
    check(open_dataset(folder, glances=glances), glances=glances)


def growth(few: float, took_few: float, many: float, took_many: float) -> float:
    """The exponent of a power law through two readings: 1 is linear, 0 is flat."""
    return math.log(took_many / took_few) / math.log(many / few)


def folder_of(
    setting: Setting, name: str, pictures: list[Image.Image], count: int, classes: int = CLASSES
) -> Path:
    """A data set of `count` JPEG files; the pictures take turns."""
    root = setting.folder / name
    files: list[Path] = []
    for number in range(count):
        path = root / "train" / f"class {number % classes}" / f"photo {number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < len(pictures):
            pictures[number].save(path, quality=QUALITY)
        else:
            os.link(files[number % len(pictures)], path)
        files.append(path)
    return root
