"""The file of predictions is read as it was written, and damage gives an error."""

import numpy as np
import pytest

from core.data.dataset import Item
from core.errors import UserError
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions, hash_bytes

HASHES = ["ab" * 32, "00" * 31 + "ff"]


def predictions() -> Predictions:
    items = [Item(f"{n}.png", n, sha256) for n, sha256 in enumerate(HASHES)]
    night = DomainPredictions(
        hash_bytes(item.sha256 for item in items),
        np.array([0, 1], np.int32),
        {
            "zero-shot": ClassifierAnswers(
                np.array([1, 1], np.int32), np.array([0.4, 0.9], np.float32)
            ),
            "fine-tuned": ClassifierAnswers(
                np.array([0, 0], np.int32), np.array([0.7, 0.6], np.float32)
            ),
        },
    )
    return Predictions(("red_fox", "ötter"), {"test": night, "ood/night": night})


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "predictions.safetensors"
    predictions().write(path)
    read = Predictions.read(path)
    assert read.classes == ("red_fox", "ötter")
    assert list(read.domains) == ["test", "ood/night"]
    night = read.domains["ood/night"]
    assert [bytes(row).hex() for row in night.sha256] == HASHES
    assert night.labels.tolist() == [0, 1]
    assert night.answers["zero-shot"].predicted.tolist() == [1, 1]
    assert night.answers["fine-tuned"].confidence.tolist() == pytest.approx([0.7, 0.6])
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_hits_are_of_the_end_that_is_asked_for():
    night = predictions().domains["ood/night"]
    assert night.hits("zero-shot").tolist() == [False, True]
    assert night.hits().tolist() == [True, False]


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_a_missing_or_damaged_file_is_said(tmp_path, content):
    path = tmp_path / "predictions.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="missing or damaged"):
        Predictions.read(path)


def test_the_file_of_another_program_is_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "predictions.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(UserError, match="missing or damaged"):
        Predictions.read(path)
