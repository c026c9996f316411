"""The synthetic stress set: eight changes, such as night or blur, applied to the user's images.

The same image always gives the same pixels. The stress set is not an OOD domain: it shows how well
a model tolerates these changes, not how it does on real images from elsewhere.
"""

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:  # `dataset` imports pydantic, and decoder processes start faster without it
    from core.data.dataset import Item

IMAGES = 200
"""The largest number of images that each effect is applied to."""

Effect = Callable[[Image.Image, np.random.Generator], Image.Image]


def stressed(image: Image.Image, effect: str, content: str) -> Image.Image:
    """Applies `effect` to an RGB image and keeps its size; the hash `content` is the seed."""
    digest = sha256(f"{effect}/{content}".encode()).digest()
    return EFFECTS[effect](image, np.random.default_rng(int.from_bytes(digest[:8], "big")))


def stress_items(items: Sequence["Item"], most: int = IMAGES) -> list["Item"]:
    """At most `most` of the images, with the same number per class as far as possible."""
    by_class: defaultdict[int, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.sha256):
        by_class[item.label].append(item)
    rounds = max(map(len, by_class.values()), default=0)
    dealt = [own[i] for i in range(rounds) for own in by_class.values() if i < len(own)]
    return dealt[:most]


def _night(image: Image.Image, random: np.random.Generator) -> Image.Image:
    light = (np.asarray(image, np.float32) / 255) ** 2.2 * np.array([0.25, 0.3, 0.45])
    return _image(255 * (light + random.normal(0, 0.02, light.shape)))


def _blur(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.03 * min(image.size)))


def _jpeg(image: Image.Image, random: np.random.Generator) -> Image.Image:
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=8)
    return Image.open(packed).convert("RGB")


def _grey(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.convert("L").convert("RGB")


def _sketch(image: Image.Image, random: np.random.Generator) -> Image.Image:
    grey = image.convert("L")
    around = grey.filter(ImageFilter.GaussianBlur(max(1.0, 0.02 * min(image.size))))
    lines = np.asarray(grey, np.float32) / np.maximum(np.asarray(around, np.float32), 1)
    return _image(255 * np.clip(lines, 0, 1)[..., None].repeat(3, axis=2))


def _noise(image: Image.Image, random: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    return _image(pixels + random.normal(0, 40, pixels.shape))


def _crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Crops half of each side, at a random place."""
    width, height = (max(1, side // 2) for side in image.size)
    left = int(random.integers(0, image.width - width + 1))
    top = int(random.integers(0, image.height - height + 1))
    cut = image.crop((left, top, left + width, top + height))
    return cut.resize(image.size, Image.Resampling.BICUBIC)


def _background(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Replaces everything outside of a soft central ellipse by one random colour."""
    mask = Image.new("L", image.size)
    inset = (0.1 * image.width, 0.1 * image.height)
    box = (*inset, image.width - inset[0], image.height - inset[1])
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(0.03 * min(image.size)))
    colour = tuple(int(value) for value in random.integers(0, 256, 3))
    return Image.composite(image, Image.new("RGB", image.size, colour), mask)


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


EFFECTS: Mapping[str, Effect] = {
    "night": _night,
    "blur": _blur,
    "jpeg": _jpeg,
    "grey": _grey,
    "sketch": _sketch,
    "noise": _noise,
    "crop": _crop,
    "background": _background,
}
