"""Build the data that the settings of steady mixing were chosen on: other concepts, other styles.

Run `python assets/build/tuning.py FOLDER`. Writes five data sets to FOLDER, about 4 MB each. None
of their images are in the demo: they show the 17 classes that the quick demo leaves out, taught in
styles that the embedded model was never shown (OpenMoji) or knows well (Noto v1). OpenMoji is
CC-BY-SA-4.0 and is not shipped. Half of the concepts, drawn by a hash, teach; the other half
measures, in every style.
"""

from __future__ import annotations

import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import yaml
from catalogue import CLASSES, Concept, concepts, drawings, plain_code
from PIL import Image
from render import TEMPLATES, draw
from sources import ASSETS, Package, read_all

sys.path.insert(0, str(ASSETS.parent))

from core.data.demo import QUICK_CLASSES

OPENMOJI = Package(
    "npm",
    "openmoji",
    "17.0.0",
    "openmoji-17.0.0.tgz",
    "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
    "CC-BY-SA-4.0",
)
FEWEST = 7
"""Taught drawings that a class needs."""
SETS = {
    "emoji-black": ("openmoji-black", ("emojione", "noto-v1", "fxemoji", "openmoji-color")),
    "emoji-colour": ("openmoji-color", ("openmoji-black", "noto-v1", "fxemoji", "emojione")),
    "emoji-noto": ("noto-v1", ("emojione", "openmoji-black", "high-contrast")),
}
"""Name of the data set to the style that is taught and those that measure."""
RENAMED = {"emoji-names-none": 1, "emoji-names-half": 2}
"""The same as `emoji-colour` with every class, or every second, under a name that says nothing: a
base model that hardly knows the classes."""

Drawn = dict[str, Image.Image]


def main(folder: Path) -> None:
    """Write all data sets."""
    wanted = [c for c in concepts() if c.kind in set(CLASSES) - set(QUICK_CLASSES)]
    styles = {style for reference, others in SETS.values() for style in (reference, *others)}
    drawn = {style: _draw(style, wanted) for style in sorted(styles)}
    kinds = {c.slug: c.kind for c in wanted}
    for name, (reference, others) in SETS.items():
        taught = Counter(kinds[slug] for slug in drawn[reference] if _teaches(slug))
        kept = [kind for kind in CLASSES if taught[kind] >= FEWEST]
        _lay_out(
            folder / name, reference, others, drawn, {s: k for s, k in kinds.items() if k in kept}
        )
        _settings(folder / name, {kind: CLASSES[kind][0] for kind in kept})
    for name, every in RENAMED.items():
        source = folder / "emoji-colour"
        kept = sorted(path.name for path in (source / "train").iterdir())
        for path in source.rglob("*.webp"):
            target = folder / name / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        names = {
            kind: f"kind number {number}" if number % every == 0 else CLASSES[kind][0]
            for number, kind in enumerate(kept)
        }
        _settings(folder / name, names)


def _draw(style: str, wanted: list[Concept]) -> Drawn:
    """Every concept that the style has, on white; of equal drawings one, of the taught if any."""
    if style.startswith("openmoji-"):
        files = read_all(OPENMOJI, f"{style.removeprefix('openmoji-')}/svg/")
        by_code = {plain_code(name.removesuffix(".svg")): data for name, data in files.items()}
        codes = {c.slug: plain_code(c.hexcode) for c in wanted}
        found = {slug: by_code[code] for slug, code in codes.items() if code in by_code}
    else:
        found = drawings(style, wanted)
    kept: dict[bytes, str] = {}
    pictures = {slug: _on_white(draw(data)) for slug, data in found.items()}
    for slug in sorted(pictures, key=lambda slug: (not _teaches(slug), slug)):
        kept.setdefault(pictures[slug].tobytes(), slug)
    print(f"{style:14} {len(kept)} drawings")
    return {slug: pictures[slug] for slug in kept.values()}


def _lay_out(
    out: Path,
    reference: str,
    others: tuple[str, ...],
    drawn: dict[str, Drawn],
    kinds: dict[str, str],
) -> None:
    parts = [("train", reference, True), ("test", reference, False)]
    parts += [(f"ood/{style}", style, False) for style in others]
    for part, style, teaches in parts:
        for slug, picture in drawn[style].items():
            if slug in kinds and _teaches(slug) == teaches:
                path = out / part / kinds[slug] / f"{slug}.webp"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture.save(path, quality=90, method=4)


def _settings(out: Path, names: dict[str, str]) -> None:
    settings = {
        "title": out.name, "classes": names, "templates": TEMPLATES, "allow_fewer": True
    }  # fmt: skip
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    (out / "dataset.yaml").write_text(text, "utf-8")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _teaches(slug: str) -> bool:
    return int(sha256(slug.encode()).hexdigest(), 16) % 2 == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
