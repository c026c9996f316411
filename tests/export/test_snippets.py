"""The Python of an export, run on pictures that are easy to read wrongly."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from core.data.images import read_image
from core.export.snippets import UPRIGHT, odd_pictures, resized
from core.models.transforms import Preprocess


def fed(path, preprocess):
    space = {}
    exec("import numpy as np\nfrom PIL import Image, ImageOps\n" + UPRIGHT, space)
    space |= {"image": space["upright"](path), "size": preprocess.size}
    exec(resized(preprocess), space)
    return np.asarray(space["image"])


@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_a_snippet_makes_of_a_picture_what_the_run_sees(mode, interpolation, tmp_path):
    plain = Preprocess(37, (0.5,) * 3, (0.5,) * 3, interpolation, mode, fill_color=9)
    for path in odd_pictures(tmp_path):
        ours = plain.evaluation_view(read_image(path)).permute(1, 2, 0).numpy()
        assert np.array_equal(fed(path, plain), ours), path.name


@pytest.mark.parametrize("kind", ["int32", "float32", "one", "uint16"])
def test_grey_of_more_than_8_bits_is_scaled_as_the_run_scales_it(kind, tmp_path):
    values = np.linspace(0, 70000, 40 * 40).reshape(40, 40)
    picture = {
        "int32": values.astype(np.int32),
        "float32": (values / 300).astype(np.float32),
        "one": (values / 70000).astype(np.float32),
        "uint16": (values / 2).astype(np.uint16),
    }[kind]
    Image.fromarray(picture).save(tmp_path / "deep.tiff")
    plain = Preprocess(40, (0.5,) * 3, (0.5,) * 3)
    ours = plain.evaluation_view(read_image(tmp_path / "deep.tiff")).permute(1, 2, 0).numpy()
    difference = np.abs(fed(tmp_path / "deep.tiff", plain).astype(int) - ours.astype(int))
    assert difference.max() <= (0 if kind == "uint16" else 1)


def test_what_is_told_of_a_picture_is_json():
    json.dumps(dataclasses.asdict(Preprocess(32, (0.5,) * 3, (0.5,) * 3)))
