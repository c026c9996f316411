"""Photos to measure with: JPEG files that no camera took, and few-shot tasks of them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.data.prompts import OPENAI_80
from tests.bench.speed.setting import Setting

DISTINCT = 24
"""Photos that are really made; the others are the same files under other names."""
MEGAPIXELS = (1.0, 12.0)
"""From an old phone's to a new one's."""
QUICK_MEGAPIXELS = (0.01, 0.02)


def photo_task(setting: Setting, classes: int, shots: int, val: int = 0) -> FewShotTask:
    """A task of `shots` photos a class to train on and `val` a class to choose on.

    Hashes are made up, one for each name: nothing here takes two photos for one.
    """
    files = write_photos(setting, classes * (shots + val))
    items = [
        Item(file.name, number % classes, hashlib.sha256(file.name.encode()).hexdigest())
        for number, file in enumerate(files)
    ]
    names = tuple(f"thing number {number}" for number in range(classes))
    return FewShotTask(
        root=files[0].parent,
        classes=names,
        names=names,
        templates=OPENAI_80[: setting.pick(80, 2)],
        shots=shots,
        seed=0,
        train=tuple(items[: classes * shots]),
        val=tuple(items[classes * shots :]),
        test=(),
    )


def write_photos(setting: Setting, count: int) -> Sequence[Path]:
    """`count` JPEG files in the setting's folder, their sizes spread evenly over `MEGAPIXELS`."""
    folder = setting.folder / "photos"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05}.jpg" for number in range(count)]
    least, most = QUICK_MEGAPIXELS if setting.quick else MEGAPIXELS
    for number, file in enumerate(files):
        if file.exists():
            continue
        if number < DISTINCT:
            share = (number * 7 % DISTINCT) / (DISTINCT - 1)  # any few photos have all sizes
            photo(least + share * (most - least), number).save(file, quality=90)
        else:
            os.link(files[number % DISTINCT], file)
    return files


def photo(megapixels: float, seed: int) -> Image.Image:
    """Soft shapes with grain, 4 to 3: in JPEG about as many bytes a pixel as a real photo."""
    random = np.random.default_rng(seed)
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
    pixels = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = random.integers(-9, 10, (height, width, 1), np.int16)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))
