"""Fixtures that write small data sets as real files in milliseconds."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

Tree = Callable[..., Path]


def write_png(path: Path, number: int) -> None:
    """A small PNG with different bytes for every number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = (number % 256, number // 256 % 256, number // 65536)
    Image.new("RGB", (40, 40), colour).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """`tree({"train/fox": 3})` writes three different images there and returns the root."""

    def write(counts: Mapping[str, int], name: str = "set", start: int = 0) -> Path:
        root, number = tmp_path / name, start
        root.mkdir(parents=True, exist_ok=True)
        for folder, count in counts.items():
            for index in range(count):
                number += 1
                write_png(root / folder / f"img{index}.png", number)
        return root

    return write
