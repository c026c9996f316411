"""Weights from strangers: a file that is not what it says is one sentence, and nothing runs."""

import io
import json
import pickle
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from core.errors import UserError
from core.models.zoo import load


class Bomb:
    """Leaves a canary in the working directory when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("canary"),)


def header(table, body=b"", size=None):
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + body


def one(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


EIGHT = bytes(8)
SAFETENSORS = {
    "empty": b"",
    "short": b"\1\2\3",
    "text": b"<html>not found</html>",
    "a pickle": pickle.dumps(Bomb()),
    "a torch file": saved({"a": Bomb()}),
    "header of 2^60": header({}, size=2**60),
    "header of 101 MB": header(b" " * 101_000_000),
    "header cut": header({"a": one()}, size=999),
    "header no json": header(b"{]"),
    "header a list": header([1]),
    "header that nests": header(b'{"a":' * 2000),
    "body cut": header({"a": one()}, EIGHT[:4]),
    "body too long": header({"a": one()}, EIGHT * 2),
    "overlap": header({"a": one(), "b": one()}, EIGHT),
    "hole": header({"a": one(), "b": one(offsets=(16, 24))}, EIGHT * 3),
    "shape that overflows": header({"a": one(shape=(2**32, 2**32))}, EIGHT),
    "shape that mismatches": header({"a": one(shape=(3,))}, EIGHT),
    "unknown type": header({"a": one(dtype="PICKLE")}, EIGHT),
    "offsets reversed": header({"a": one(offsets=(8, 0))}, EIGHT),
    "no tensor of the model": save({"other": torch.zeros(2)}),
    "a tensor of another size": save({"logit_scale": torch.zeros(7)}),
}
TORCH = {
    "a pickle": pickle.dumps(Bomb()),
    "a torch file that runs code": saved({"state_dict": Bomb()}),
    "a torch file of old that runs code": pickle.dumps({"logit_scale": Bomb()}, protocol=2),
    "text": b"<html>not found</html>",
    "empty": b"",
    "cut": saved({"a": torch.zeros(9)})[:300],
    "a list": saved([1, 2]),
    "nothing in it": saved({}),
    "no tensor of the model": saved({"other": torch.zeros(2)}),
}


def assert_refused(name, tmp_path):
    with pytest.raises(UserError) as caught:
        load(name, device="cpu")
    assert "could not be loaded" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert not list(tmp_path.rglob("canary*")), "a pickle was run"


@pytest.fixture
def folder(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_a_folder_with_hostile_safetensors_is_one_sentence(folder, tmp_path, kind):
    (weights,) = folder.glob("*.safetensors")
    weights.write_bytes(SAFETENSORS[kind])
    assert_refused(str(folder), tmp_path)


@pytest.mark.parametrize("kind", TORCH)
def test_a_hostile_torch_file_is_one_sentence(folder, tmp_path, monkeypatch, kind):
    from open_clip import factory

    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny", config)
    (tmp_path / "weights.pt").write_bytes(TORCH[kind])
    assert_refused(f"tiny/{tmp_path / 'weights.pt'}", tmp_path)


def test_the_canary_would_sing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.load(io.BytesIO(saved({"a": Bomb()})), weights_only=False)
    assert (tmp_path / "canary").exists()
