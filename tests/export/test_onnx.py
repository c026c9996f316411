"""The ONNX file, run by onnxruntime."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from core.errors import UserError
from core.export import onnx as exporting
from core.export.onnx import export_onnx


@pytest.fixture(scope="module")
def exported(vit, tmp_path_factory):
    return export_onnx(vit, tmp_path_factory.mktemp("onnx"))


def session(exported):
    path = str(exported.folder / "model.onnx")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("count", [1, 5])
def test_any_number_of_images_gives_the_classifiers_logits(exported, vit, count):
    images = torch.randn(count, 3, 32, 32)
    logits, embedding = session(exported).run(None, {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), vit.classifier(images), atol=2e-3, rtol=0)
    features = vit.classifier.features(images)
    torch.testing.assert_close(torch.from_numpy(embedding), features, atol=2e-5, rtol=0)


def test_it_was_verified_on_real_images_one_by_one_and_together(exported):
    assert exported.verified
    assert {d.output for d in exported.differences} == {
        "image features",
        "logits",
        "logits one by one",
        "logits of photos",
    }
    assert "clean process with onnxruntime" in exported.check


def test_the_file_says_how_to_prepare_an_image_and_what_the_classes_are(exported, vit):
    told = session(exported).get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == ["red_fox", "otter", "owl"]
    assert json.loads(told["names"]) == ["red fox", "otter", "owl"]
    assert json.loads(told["preprocess"]) == {
        "size": 32,
        "mean": list(vit.clip.preprocess.mean),
        "std": list(vit.clip.preprocess.std),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }


def test_a_tower_with_folded_batch_norms_is_exported_too_and_stays_folded(resnet, tmp_path):
    from core.models.folding import FoldedConv2d

    assert export_onnx(resnet, tmp_path).verified
    tower = resnet.classifier.tower
    assert any(isinstance(module, FoldedConv2d) for module in tower.modules())


def test_a_damaged_weight_is_caught(vit, tmp_path, monkeypatch):
    """One number of the file changed after it was written: verification must not pass."""
    write = exporting._write

    def write_damaged(source, path):
        write(source, path)
        model = onnx.load(path)
        weight = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] += 3
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
        onnx.save(model, path)

    monkeypatch.setattr(exporting, "_write", write_damaged)
    with pytest.raises(UserError, match=r"not the run's: .*logits .*allowed 2e-03"):
        export_onnx(vit, tmp_path)
