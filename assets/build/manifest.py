"""Write assets/manifest.json: the hashes of what the build read and of what it wrote.

Run `python assets/build/manifest.py`, or with `--check` to compare what lies there with it. A
folder's digest is the SHA-256 of the lines `<sha256 of file>  <path in folder>`, sorted by path:
what `sha256sum` prints.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from render import DEMO
from sources import ASSETS, PACKAGES, sha256

MANIFEST = ASSETS / "manifest.json"
FILES = (
    "model/open_clip_config.json",
    "model/open_clip_model.safetensors",
    "demo/dataset.yaml",
    "wordnet/nouns.txt.xz",
)


def digest(folder: Path) -> dict[str, str | int]:
    """Number of images, their bytes, and one hash over all of them."""
    files = sorted(folder.rglob("*.webp"), key=lambda file: file.relative_to(folder).as_posix())
    lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    return {
        "images": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }


def manifest() -> dict[str, object]:
    """Inputs by what they are for, outputs by path below assets/."""
    domains = [DEMO / "train", DEMO / "val", DEMO / "test", *sorted((DEMO / "ood").iterdir())]
    outputs: dict[str, object] = {
        name: {"bytes": (ASSETS / name).stat().st_size, "sha256": sha256(ASSETS / name)}
        for name in FILES
    }
    outputs |= {domain.relative_to(ASSETS).as_posix(): digest(domain) for domain in domains}
    return {
        "inputs": {use: asdict(package) for use, package in PACKAGES.items()},
        "outputs": outputs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if parser.parse_args().check:
        same = json.loads(MANIFEST.read_text()) == manifest()
        raise SystemExit(0 if same else "assets/ differs from manifest.json")
    MANIFEST.write_text(json.dumps(manifest(), indent=2) + "\n")
