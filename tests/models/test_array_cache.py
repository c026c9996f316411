"""The array cache: computes once, serves later processes, never unpickles."""

import pickle
import sqlite3

import pytest
import torch

from core.models.array_cache import ArrayCache


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.uint8])
def test_what_comes_back_is_what_was_computed(tmp_path, dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    cache = ArrayCache(tmp_path)
    cache.get({"k": 1}, lambda: tensor)
    cache.close()
    again = ArrayCache(tmp_path).get({"k": 1}, lambda: pytest.fail("computed twice"))
    assert torch.equal(again, tensor)
    assert again.dtype == dtype


def test_another_key_is_computed_anew(tmp_path):
    cache = ArrayCache(tmp_path)
    cache.get({"view": 1}, lambda: torch.zeros(1))
    assert cache.get({"view": 2}, lambda: torch.ones(1)).item() == 1


def test_a_planted_pickle_is_refused_and_does_not_run(tmp_path):
    cache = ArrayCache(tmp_path)
    cache.get({"k": 1}, lambda: torch.zeros(1))
    cache.close()
    canary = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    with sqlite3.connect(tmp_path / "arrays" / "cache.db") as database:
        database.execute("update Cache set mode = 4, value = ?", (pickle.dumps(Bomb()),))
    with pytest.raises(ValueError, match="pickled"):
        ArrayCache(tmp_path).get({"k": 1}, lambda: torch.zeros(1))
    assert not canary.exists()
