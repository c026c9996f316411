"""Folders of images as a visitor has them on disk."""

from pathlib import Path

from PIL import Image

from core.data.demo import write_demo


def folder_of(root: Path, *classes: str, images: int = 3) -> Path:
    """`root/<class>/<k>.jpg`: the same file names in every class, and no two images alike."""
    for i, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for k in range(images):
            colour = (40 * i % 256, 60 * k % 256, 120)
            Image.new("RGB", (64, 64), colour).save(root / name / f"{k}.jpg")
    return root


def thin_demo(root: Path, images: int = 3) -> Path:
    """The demo with few images of a class in each domain: it is trained on and measured quickly."""
    write_demo(root)
    for folder in {path.parent for path in root.glob("**/*.*") if path.parent != root}:
        for path in sorted(folder.iterdir())[images:]:
            path.unlink()
    return root
