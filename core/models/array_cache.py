"""`ArrayCache`: arrays that cost a forward pass, stored on disk as raw bytes and never as
pickles.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
import numpy as np
import torch
from torch import Tensor

SIZE_LIMIT_BYTES = 8 << 30


class ArrayDisk(diskcache.Disk):
    """Stores arrays as raw bytes. A file that somebody changed can give a wrong number, but never
    run code.
    """

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        """Write an array's bytes; anything else is refused."""
        if not isinstance(value, bytes):
            raise TypeError(f"the array cache stores bytes, got {type(value).__name__}")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        """Read bytes back; a row that claims to be a pickle is refused."""
        if mode == diskcache.core.MODE_PICKLE:
            raise ValueError("the array cache holds a pickled value, which it never wrote")
        return super().fetch(mode, filename, value, read)


class ArrayCache:
    """Tensors by what they were computed from: a key is any JSON value that names every input of
    the computation.

    Without a folder, the cache lives only as long as the process.
    """

    def __init__(self, folder: Path | None) -> None:
        self._disk: diskcache.Cache | None = None
        self._memory: dict[str, Tensor] = {}
        if folder is not None:
            self._disk = diskcache.Cache(
                str(folder / "arrays"), disk=ArrayDisk, size_limit=SIZE_LIMIT_BYTES
            )

    @property
    def is_kept(self) -> bool:
        """True if a later process finds what this one stores."""
        return self._disk is not None

    def holds(self, key: Any) -> bool:
        """True if `get` finds the tensor and does not have to compute it."""
        digest = _digest(key)
        return digest in self._memory if self._disk is None else digest in self._disk

    def get(self, key: Any, compute: Callable[[], Tensor]) -> Tensor:
        """The tensor for `key`, computed at most once. It comes back on the CPU."""
        digest = _digest(key)
        if self._disk is None:
            if digest not in self._memory:
                self._memory[digest] = compute().detach().cpu()
            return self._memory[digest]
        stored = self._disk.get(digest)
        if stored is not None:
            return _from_bytes(stored)
        tensor = compute().detach().cpu().contiguous()
        self._disk.set(digest, _to_bytes(tensor))
        return tensor

    def close(self) -> None:
        """Close the database."""
        if self._disk is not None:
            self._disk.close()


def _digest(key: Any) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _to_bytes(tensor: Tensor) -> bytes:
    array = tensor.numpy()
    header = json.dumps({"dtype": str(array.dtype), "shape": array.shape}).encode()
    return len(header).to_bytes(4, "big") + header + array.tobytes()


def _from_bytes(stored: bytes) -> Tensor:
    size = int.from_bytes(stored[:4], "big")
    header = json.loads(stored[4 : 4 + size])
    array = np.frombuffer(stored, dtype=header["dtype"], offset=4 + size)
    return torch.from_numpy(array.reshape(header["shape"]).copy())
