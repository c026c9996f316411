"""Both towers and the gate in one file, run by onnxruntime."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from core.errors import UserError
from core.export import steady_onnx as exporting
from core.export.steady_onnx import export_steady_onnx, familiarity_of, mixed_probabilities
from core.models.gates import Gate
from tests.export.conftest import source_of, steady_source
from tests.mutants import Mutant


@pytest.fixture(scope="module")
def exported(steady_vit, tmp_path_factory):
    return export_steady_onnx(steady_vit, tmp_path_factory.mktemp("steady-onnx"))


def session(exported):
    path = str(exported.folder / "model.onnx")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("count", [1, 5])
def test_any_number_of_images_gives_what_the_steady_classifier_says(exported, steady_vit, count):
    images = steady_vit.zero_shot.images[:count]
    names = ["probabilities", "familiarity", "tuned_share"]
    found = session(exported).run(names, {"images": images.numpy()})
    answers, familiarity, share = steady_vit.steady.judged(images)
    for theirs, ours in zip(found, (answers.exp(), familiarity, share), strict=True):
        torch.testing.assert_close(torch.from_numpy(theirs), ours, atol=1e-4, rtol=0)


def test_its_pictures_are_of_both_kinds_so_that_all_of_it_was_verified(exported, steady_vit):
    own = steady_vit.own()
    assert own["familiarity"].min() < 0.4 < 0.6 < own["familiarity"].max()
    torch.testing.assert_close(own["probabilities"].sum(1), torch.ones(8))
    assert exported.verified
    assert {one.output for one in exported.differences} == {
        name + ask
        for name in ("probabilities", "familiarity", "tuned_share")
        for ask in ("", " one by one", " of photos")
    }


def test_the_file_says_what_the_gate_means_beside_what_an_encoder_says(exported, steady_vit):
    metadata = session(exported).get_modelmeta().custom_metadata_map
    told = {name: json.loads(text) for name, text in metadata.items()}
    assert told["names"] == ["red fox", "otter", "owl"]
    assert told["preprocess"]["size"] == 32
    assert (told["mixing"], told["alpha"]) == ("steady", 0.8)
    assert told["gate"]["unfamiliar"] == 0.25
    assert told["gate"]["temperatures"] == {"zero-shot": 1.5, "tuned": 0.5}
    assert "similarity of an image to the training images" in told["gate"]["familiarity"]


def test_the_frozen_towers_early_layers_are_in_the_file_once(exported):
    graph = onnx.load(exported.folder / "model.onnx").graph
    patches = [node for node in graph.node if node.op_type == "Conv"]
    assert len(patches) == 2  # one embedding a tower


@pytest.mark.parametrize("build", ["tiny_resnet", "embedded"])
def test_convolutional_towers_are_exported_too(request, tmp_path, build):
    model = build if build == "embedded" else request.getfixturevalue(build)
    assert export_steady_onnx(steady_source(source_of(model)), tmp_path).verified


def test_a_changed_gate_is_caught(steady_vit, tmp_path, monkeypatch):
    """The training images in the file moved after it was written: verification must not pass."""
    write = exporting._write

    def write_damaged(source, path):
        write(source, path)
        model = onnx.load(path)
        shape = tuple(source.steady.gate.bank.shape)
        [bank] = [one for one in model.graph.initializer if tuple(one.dims) in (shape, shape[::-1])]
        values = numpy_helper.to_array(bank) + np.array(0.5, numpy_helper.to_array(bank).dtype)
        bank.CopyFrom(numpy_helper.from_array(values, bank.name))
        onnx.save(model, path)

    monkeypatch.setattr(exporting, "_write", write_damaged)
    with pytest.raises(UserError, match=r"not the run's: .*familiarity .*allowed 1e-03"):
        export_steady_onnx(steady_vit, tmp_path)


def test_probabilities_are_mixed_by_share_each_at_its_temperature():
    before, after = torch.tensor([[0.0, 0.0]]), torch.log(torch.tensor([[4.0, 1.0]]))
    found = mixed_probabilities(before, after, torch.tensor([0.25]), (1.0, 1.0))
    torch.testing.assert_close(found, torch.tensor([[0.575, 0.425]]))  # 3/4 · 0.5 + 1/4 · 0.8
    warm = mixed_probabilities(after, before, torch.tensor([0.0]), (2.0, 1.0))
    torch.testing.assert_close(warm, torch.tensor([[2 / 3, 1 / 3]]))
    cool = mixed_probabilities(before, after, torch.tensor([1.0]), (1.0, 0.5))
    torch.testing.assert_close(cool, torch.tensor([[16 / 17, 1 / 17]]))


def test_familiarity_by_products_is_the_gates_own():
    draw = torch.Generator().manual_seed(0)
    bank, rows = (torch.randn(n, 6, generator=draw) for n in (9, 4))
    gate = Gate(torch.full((6,), 0.2), torch.full((6,), 1.7), bank, 2.0, 0.6, 3, ["x"])
    torch.testing.assert_close(familiarity_of(gate, rows), gate(rows))
    same = bank * gate.std + gate.mean  # the images of the bank themselves: no distance to one
    torch.testing.assert_close(familiarity_of(gate, same), gate(same))


MUTANTS = [
    Mutant(
        "core.export.steady_onnx",
        "(1 - share) * (before",
        "share * (before",
        test_probabilities_are_mixed_by_share_each_at_its_temperature,
    ),
    Mutant(
        "core.export.steady_onnx",
        "(before / cold).softmax(1) + share * (after / warm)",
        "(before / warm).softmax(1) + share * (after / cold)",
        test_probabilities_are_mixed_by_share_each_at_its_temperature,
    ),
    Mutant(
        "core.export.steady_onnx",
        "- 2 * rows @ bank.T",
        "+ 2 * rows @ bank.T",
        test_familiarity_by_products_is_the_gates_own,
    ),
    Mutant(
        "core.export.steady_onnx",
        ".clamp(min=0).sqrt()",
        ".clamp(min=0)",
        test_familiarity_by_products_is_the_gates_own,
    ),
    Mutant(
        "core.export.steady_onnx",
        "(gate.threshold - distances.float())",
        "(distances.float() - gate.threshold)",
        test_familiarity_by_products_is_the_gates_own,
    ),
]
