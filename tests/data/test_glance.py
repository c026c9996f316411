"""The summary of a reduced image agrees with that of the full one and refuses the same files."""

import random

import numpy as np
import pytest
from PIL import Image

from core.data import glance
from core.data.glance import look
from core.data.images import UnreadableImage, read_image

SEVERAL_TIMES_TOO_LARGE = (517, 655)
"""Neither side is a multiple of what a JPEG is reduced by."""


def scene(size, seed=0):
    """An image with soft light, hard edges and a little noise."""
    width, height = size
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 256, (5, 4, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    pixels[height // 4 : height // 2, width // 3 :] //= 3
    pixels += random.integers(-12, 13, (height, width, 1), dtype=np.int16)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def whole(path, monkeypatch):
    """The slow reference: the summary of the full image, not reduced."""
    with monkeypatch.context() as patch:
        patch.setattr(glance, "_ENOUGH", 10**6)
        return look(path, "an image")


def correlation(one, other):
    pixels = (np.frombuffer(each.tiny, np.uint8).reshape(-1, 3) for each in (one, other))
    first, second = ((each - each.mean(0)).ravel() for each in pixels)
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_look_at_less_agrees_with_a_look_at_the_whole(tmp_path, monkeypatch, suffix, orientation):
    path = tmp_path / f"scene.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene(SEVERAL_TIMES_TOO_LARGE).save(path, exif=exif)
    fast, slow = look(path, "an image"), whole(path, monkeypatch)
    assert fast.size == slow.size == read_image(path).size
    assert correlation(fast, slow) > 0.9999
    assert np.abs(np.subtract(fast.border, slow.border)).max() < 1
    assert fast != slow, "the control: they were not taken in the same way"


def test_the_tolerance_would_notice_a_look_that_is_not_upright(tmp_path):
    scene(SEVERAL_TIMES_TOO_LARGE).save(tmp_path / "one.png")
    scene(SEVERAL_TIMES_TOO_LARGE).rotate(180).save(tmp_path / "other.png")
    looks = [look(tmp_path / name, name) for name in ("one.png", "other.png")]
    assert correlation(*looks) < 0.9


def test_a_small_image_is_looked_at_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "small.jpg"
    scene((200, 150)).save(path)
    assert look(path, "an image") == whole(path, monkeypatch)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_damaged_jpeg_is_refused_as_when_it_is_read_whole(tmp_path, progressive):
    path = tmp_path / "damaged.jpg"
    scene((300, 260)).save(path, progressive=progressive)
    data = path.read_bytes()
    draw = random.Random(0)
    verdicts = []
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(draw.choice((1, 1, 20))):
            changed[draw.randrange(2, len(data))] = draw.randrange(256)
        path.write_bytes(changed[: draw.choice((len(data), draw.randrange(len(data))))])
        verdicts.append((_reason(look, path), _reason(read_image, path)))
    assert all(fast == slow for fast, slow in verdicts)
    refused = sum(slow is not None for _, slow in verdicts)
    assert 10 < refused < 55, "the control: some are refused and some are not"


def _reason(read, path):
    try:
        read(path, "damaged.jpg")
    except UnreadableImage as error:
        return error.reason
    return None
