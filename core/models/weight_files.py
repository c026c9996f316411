"""Reads files of weights in the formats that people have. Every tensor gets a dotted name; no code
runs.

Reads safetensors, files of `torch.save` (zip and the older format: state dicts, checkpoints around
them, whole models), TorchScript archives and plain pickles of arrays. Tensors stay in the
memory-mapped file until somebody copies them, so the optimiser's state costs no memory.
"""

import io
import json
import mmap
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.models.described_tensors import Unreadable, dtype_of, storages_in, tensors_in
from core.models.inert_pickle import NotInert, read_pickle

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".tar", ".pkl")
"""The suffixes of files of weights."""
_MOST_HEADER = 100_000_000
"""The most bytes of a safetensors header; safetensors itself refuses more."""
_MOST_PICKLE = 256 << 20
_MOST_CODE = 32 << 20
_LEGACY = 0x1950A86A20F9469CFC6C
"""The number at the start of the older format of `torch.save`."""
_OTHER_FILES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (kind, re.compile(magic))
    for kind, magic in (
        (
            "a Git LFS pointer: a note that stands for the weights. Fetch the file itself with "
            "`git lfs pull`",
            rb"version https://git-lfs",
        ),
        (
            "a web page, not weights. Download the file itself",
            rb"(?i)\s*<(!doctype html|html|head|body|\?xml)",
        ),
        ("compressed. Unpack it first", rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd"),
        ("a GGUF file, which holds no PyTorch weights", rb"GGUF"),
        ("an HDF5 file, which holds no PyTorch weights", rb"\x89HDF"),
        ("a tar archive. Unpack it first", rb"(?s).{257}ustar"),
        ("a JSON document, not weights", rb"\s*[\[{]\s*[\"}\]]"),
    )
)


@dataclass(frozen=True)
class WeightFile:
    """The content of a file of weights."""

    tensors: Mapping[str, Tensor]
    """Tensors by dotted name, however deep they were nested."""
    code: str = ""
    """The functions of a TorchScript archive: to be read, never run."""


def read_weight_file(path: Path) -> WeightFile:
    """Every tensor of a file. Raises `Unreadable` if it is damaged, cut off or something else.

    The suffix `.safetensors` is trusted; otherwise the content decides the format.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(1024)
    kind = _kind(head, size)
    if path.suffix.lower() == ".safetensors" and kind is not _safetensors:
        raise Unreadable(_not_safetensors(head, kind, path))
    if kind is None:
        raise Unreadable(_what_it_is(head))
    return kind(path)


def _kind(head: bytes, size: int) -> Callable[[Path], WeightFile] | None:
    if head.startswith(b"PK\x03\x04"):
        return _zip
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5" and len(head) > 2:
        return _pickles
    if len(head) > 8 and head[8:9] == b"{":
        return _safetensors
    return None


def _what_it_is(head: bytes) -> str:
    if not head:
        return "it is empty. Download or copy it again"
    known = next((kind for kind, magic in _OTHER_FILES if magic.match(head)), None)
    return f"it is {known}" if known else "it is not a file of weights from PyTorch or safetensors"


def _not_safetensors(head: bytes, kind: Any, path: Path) -> str:
    if kind in (_zip, _pickles):
        return (
            "it is not a safetensors file but a PyTorch pickle. If you trust where it comes "
            f"from, name it {path.stem}.pt"
        )
    told = _what_it_is(head)
    if not head or "not a file of weights" not in told:
        return told
    return "it is not a safetensors file, or its beginning is damaged. Download or copy it again"


# safetensors ------------------------------------------------------------------


def _safetensors(path: Path) -> WeightFile:
    size = path.stat().st_size
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if 8 + length > size or length > _MOST_HEADER:
            raise Unreadable(
                f"it is cut off: its table of contents alone has {length:,} bytes, and the file "
                f"has {size:,}. Download or copy it again"
            )
        try:
            table = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for name, one in table.items() if name[:2] != "__"]
            needed = 8 + length + max(map(int, ends), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise Unreadable("its table of contents is damaged") from None
    if needed > size:
        raise Unreadable(
            f"it is cut off: it should have {needed:,} bytes and has {size:,}. Download or copy "
            "it again"
        )
    try:
        with safe_open(path, "pt") as opened:
            return WeightFile({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    except (SafetensorError, OverflowError, ValueError, AttributeError, RuntimeError):
        raise Unreadable("its table of contents does not fit what follows it") from None


# What torch.save and torch.jit.save write -----------------------------------------


def _zip(path: Path) -> WeightFile:
    try:
        with zipfile.ZipFile(path) as archive:
            return _archive(archive, _mapped(path))
    except (zipfile.BadZipFile, EOFError, struct.error, NotImplementedError):
        raise Unreadable(
            "it is cut off or damaged: its end is missing. Download or copy it again"
        ) from None


def _archive(archive: zipfile.ZipFile, content: mmap.mmap) -> WeightFile:
    places = {info.filename: info for info in archive.infolist()}
    roots = [n.removesuffix("data.pkl") for n in places if re.fullmatch(r"[^/]+/data\.pkl", n)]
    if len(roots) != 1:
        raise Unreadable("it is a zip without PyTorch's weights in it")
    (root,) = roots
    order = places.get(f"{root}byteorder")
    if order and archive.read(order)[:16].strip() not in (b"little", b""):
        raise Unreadable("it was written by a big-endian machine")

    def storage(told: Any) -> Tensor:
        dtype, key, count = told[1], str(told[2]), int(told[4])
        info = places[f"{root}data/{key}"]
        if info.compress_type != zipfile.ZIP_STORED:
            raise Unreadable("it was packed by another program. Unpack it first")
        start = info.header_offset
        name, extra = struct.unpack("<HH", content[start + 26 : start + 30])
        return _numbers(content, start + 30 + name + extra, info.file_size, dtype, count)

    value = read_bounded(archive, places[f"{root}data.pkl"], _MOST_PICKLE)
    described = _described(value)
    code = ""
    if f"{root}constants.pkl" in places:
        parts = [info for name, info in places.items() if name.startswith(f"{root}code/")]
        code = "".join(
            read_bounded(archive, info, _MOST_CODE).read().decode("utf-8", "replace")
            for info in parts[:1000]
            if info.filename.endswith(".py")
        )
    return WeightFile(tensors_in(described, storage), code)


def read_bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> IO[bytes]:
    """A member of a zip that unpacks to no more than `most` bytes."""
    if info.file_size > most:
        raise Unreadable("its description of the weights is longer than any checkpoint's")
    with archive.open(info) as member:
        return io.BytesIO(member.read(most))


def _pickles(path: Path) -> WeightFile:
    """The older format: four pickles, the keys of the storages, then their numbers in that order. A
    single pickle can hold arrays.
    """
    content = _mapped(path)
    first = _described(content)
    if first != _LEGACY:
        return WeightFile(tensors_in(first, _no_storage))
    _described(content), _described(content)
    value, keys = _described(content), _described(content)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Unreadable("it is damaged")
    told = {str(one[2]): one for one in storages_in(value)}
    at, places = content.tell(), dict[str, int]()
    for key in keys:
        dtype = dtype_of(told[key][1]) if key in told else None
        head = content[at : at + 8]
        if dtype is None or len(head) < 8:
            raise Unreadable("it is cut off or damaged. Download or copy it again")
        places[key] = at + 8
        at += 8 + int.from_bytes(head, "little") * dtype.itemsize

    def storage(told: Any) -> Tensor:
        dtype, key, count = told[1], str(told[2]), int(told[4])
        kind = dtype_of(dtype)
        size = count * kind.itemsize if kind else 0
        whole = _numbers(content, places[key], size, dtype, count)
        view = told[5] if len(told) > 5 else None
        return whole[view[1] : view[1] + view[2]] if view else whole

    return WeightFile(tensors_in(value, storage))


def _no_storage(_: Any) -> Tensor:
    raise KeyError("storage")


def _mapped(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _described(file: Any) -> Any:
    try:
        return read_pickle(file)
    except NotInert as error:
        raise Unreadable(f"it is cut off or damaged: {error}. Download or copy it again") from None


def _numbers(content: mmap.mmap, start: int, size: int, named: Any, count: int) -> Tensor:
    """A storage: `count` numbers of one type at one place in the file."""
    dtype = dtype_of(named)
    if dtype is None:
        raise KeyError("dtype")
    if count < 0 or count * dtype.itemsize > size or start + size > len(content):
        raise Unreadable(
            "it is cut off: some of its numbers are missing. Download or copy it again"
        )
    if not count:
        return torch.empty(0, dtype=dtype)
    if start % dtype.itemsize == 0:
        return torch.frombuffer(content, dtype=dtype, count=count, offset=start)
    raw = bytearray(content[start : start + count * dtype.itemsize])
    return torch.frombuffer(raw, dtype=dtype)
