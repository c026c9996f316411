"""Python for users of an export: turns a picture into the model's input, without our packages.

The code is shown with an export and also verifies it: `core.export.verify` runs it in a clean
process, on pictures of the run and on unusual ones.
"""

from core.models.transforms import Preprocess

PHOTO = '"photo.jpg"'
"""The picture in every snippet. All lines before it load the model."""

UPRIGHT = '''def upright(path):
    """The photo as the run sees it: turned upright, 8 bits a channel, transparency over white."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode[0] in "IF":  # more than 8 bits
        most = 65535 if ";16" in image.mode else image.convert("F").getextrema()[1]
        levels = (1, 255, 65535, most) if image.mode == "F" else (255, 65535, most)
        share = 255 / next(level for level in levels if level >= most)
        image = image.convert("F").point(lambda grey: grey * share + 0.5).convert("L")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")'''

_RESIZED = {
    "shortest": """short = min(image.size)
width, height = (int(size * side / short) for side in image.size)
image = image.resize((width, height), Image.Resampling.{interpolation})
left, top = round((width - size) / 2), round((height - size) / 2)
image = image.crop((left, top, left + size, top + size))""",
    "squash": "image = image.resize((size, size), Image.Resampling.{interpolation})",
    "longest": """ratio = max(image.size) / size
width, height = (round(side / ratio) for side in image.size)
image = image.resize((width, height), Image.Resampling.{interpolation})
square = Image.new("RGB", (size, size), ({fill}, {fill}, {fill}))
square.paste(image, ((size - width) // 2, (size - height) // 2))
image = square""",
}


def resized(preprocess: Preprocess) -> str:
    """Python that brings `image` to `size`, as open_clip does for this model."""
    bilinear = preprocess.interpolation == "bilinear"
    return _RESIZED[preprocess.resize_mode].format(
        interpolation="BILINEAR" if bilinear else "BICUBIC", fill=preprocess.fill_color
    )
