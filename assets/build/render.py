"""Draw every concept in every style at 128 px and lay out the demo data set.

Run `python assets/build/render.py`. All drawings go to the work folder with their alpha
(pretraining reads them there); the demo's own go to assets/demo on white, with dataset.yaml.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections import Counter
from pathlib import Path

import resvg_py
import yaml
from catalogue import CLASSES, ID_STYLE, OOD_STYLES, STYLES, concepts, drawings
from PIL import Image
from sources import ASSETS, work_folder
from split import Split, make_split

SIZE = 128
DEMO = ASSETS / "demo"
# The captions of pretraining use other wordings too (captions.py); these are the plain ones.
TEMPLATES = ["an icon of a {}.", "a picture of a {}.", "an emoji of a kind of {}.", "a {}."]


def draw(data: bytes) -> Image.Image:
    """An SVG or WebP drawing as a square RGBA image of SIZE pixels, centred, alpha kept."""
    if not data.startswith(b"RIFF"):
        # Twice the size, then down: smoother thin lines than drawing small.
        data = bytes(
            resvg_py.svg_to_bytes(svg_string=data.decode(), width=2 * SIZE, skip_system_fonts=True)
        )
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    image.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIZE, SIZE), (255, 255, 255, 0))
    square.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
    return square


def on_white(path: Path) -> Image.Image:
    """An image with its transparent parts white, as RGB.

    The demo ships so: black lines on a dark page would be invisible, and a reader that drops alpha
    would turn them into black squares.
    """
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def draw_all() -> dict[str, set[str]]:
    """Writes WORK/images/<style>/<slug>.webp for all styles; returns which slugs each style has."""
    wanted = concepts()
    drawn = {}
    for style in STYLES:
        folder = work_folder() / "images" / style
        folder.mkdir(parents=True, exist_ok=True)
        found = drawings(style, wanted)
        for slug, data in found.items():
            # Method 6 is 90 times slower and 2 % smaller.
            draw(data).save(folder / f"{slug}.webp", quality=90, method=4)
        drawn[style] = set(found)
        print(f"{style:14} {len(found)} drawings")
    return drawn


def lay_out(split: Split) -> None:
    """Puts the demo's drawings on white into their folders and writes dataset.yaml."""
    shutil.rmtree(DEMO, ignore_errors=True)
    parts = [("train", ID_STYLE, split.train), ("val", ID_STYLE, split.val)]
    parts += [("test", ID_STYLE, split.test)]
    parts += [(f"ood/{style}", style, split.ood(style)) for style in OOD_STYLES]
    for part, style, slugs_of in parts:
        for kind, slugs in slugs_of.items():
            (DEMO / part / kind).mkdir(parents=True)
            for slug in slugs:
                name = f"{slug}.webp"
                image = on_white(work_folder() / "images" / style / name)
                image.save(DEMO / part / kind / name, quality=90, method=4)
    description = {
        "title": "Emoji in five styles",
        "classes": {kind: display for kind, (display, _) in CLASSES.items()},
        "templates": TEMPLATES,
        # Small classes have as few as five training images; they give what they have.
        "allow_fewer": True,
    }
    text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
    (DEMO / "dataset.yaml").write_text("# Made by assets/build/render.py\n" + text)


def check(folder: Path) -> None:
    """Refuses a layout in which the same bytes occur twice; prints its counts and size."""
    files = sorted(folder.rglob("*.webp"))
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    by_digest: dict[str, list[str]] = {}
    for digest, file in zip(digests, files, strict=True):
        by_digest.setdefault(digest, []).append(str(file.relative_to(folder)))
    doubled = [names for names in by_digest.values() if len(names) > 1]
    if doubled:
        raise SystemExit(f"identical images: {doubled}")
    counts = Counter(str(file.relative_to(folder).parent.parent) for file in files)
    print(dict(counts), f"{sum(f.stat().st_size for f in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    lay_out(make_split(concepts(), draw_all()))
    check(DEMO)
