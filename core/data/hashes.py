"""Hashes of files. A file that has not changed since it was hashed is not read again.

Like git's index, a change is detected by size, time of change and inode. The limits are git's too:
a change of bytes that changes none of these is missed, such as a decaying disk, or a program that
writes through a memory map. An edit that restores the old time is found by the inode's own time.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any

from core.durable import file_sha256

_FORMAT = b"evenkeel hashes 1"
YOUNG_SECONDS = 2.0
"""The coarsest clock of a file system. A file that changed less than this before it was hashed may
change again with the same time, so its hash is not kept."""
_THREADS = 8
_AT_ONCE = 32

State = list[int]
Known = dict[str, tuple[State, str]]


def place_of(folder: Path, workspace: Path, what: str = "hashes") -> Path:
    """The cache file for the hashes of a data set, or for other facts about it."""
    return workspace / what / f"{sha256(os.fsencode(folder)).hexdigest()}.json"


def hash_files(root: Path, paths: Sequence[str], kept: Path | None = None) -> list[str | None]:
    """The SHA-256 in hex of each file below `root`; None for an empty file or a broken link.

    The file `kept`, if given, caches hashes for the next call. It never changes the result: a
    damaged cache is ignored.
    """
    known = _known(kept) if kept else {}
    began = time_ns()
    still: Known = {}
    for path in paths:
        entry = known.get(path)
        if entry and entry[0] == _state_of(f"{root}/{path}"):
            still[path] = entry
    news = [path for path in paths if path not in still]
    hashed = dict(zip(news, _hash_all([f"{root}/{path}" for path in news]), strict=True))
    if kept and (news or len(still) < len(known)):
        old = {path: one for path, one in hashed.items() if one and _is_old(one[0], began)}
        write_kept(kept, _FORMAT, {**still, **old})
    found: Mapping[str, tuple[State, str] | None] = {**still, **hashed}
    return [one[1] if (one := found[path]) else None for path in paths]


def _state_of(path: str) -> State | None:
    try:
        return _state(os.stat(path))
    except FileNotFoundError:
        return None


def _state(of: os.stat_result) -> State:
    return [of.st_size, of.st_mtime_ns, of.st_ctime_ns, of.st_ino]


def _is_old(state: State, now_ns: int) -> bool:
    _, written, changed, _ = state
    return max(written, changed) + YOUNG_SECONDS * 1e9 < now_ns


def _hash_all(paths: Sequence[str]) -> Iterable[tuple[State, str] | None]:
    # In blocks, because handing a single small file to a thread costs more than reading it.
    parts = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [one for part in pool.map(lambda part: [*map(_hash, part)], parts) for one in part]


def _hash(path: str) -> tuple[State, str] | None:
    try:
        with open(path, "rb", buffering=0) as file:
            # The state is read before the bytes. If they change during hashing, the state of the
            # file differs afterwards, and the kept hash is not used.
            state = _state(os.fstat(file.fileno()))
            digest = file_sha256(file)
            return (state, digest) if file.tell() else None
    except FileNotFoundError:
        return None


def _known(place: Path) -> Known:
    found = read_kept(place, _FORMAT)
    return {path: (state, digest) for path, (state, digest) in found.items()}


def read_kept(place: Path, format: bytes) -> dict[str, Any]:
    """Reads a cache file of `write_kept`; empty if it is missing, damaged or of another format."""
    try:
        head, _, body = place.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if head != _head(format, body):
        return {}
    found: dict[str, Any] = json.loads(body)
    return found


def write_kept(place: Path, format: bytes, known: Mapping[str, Any]) -> None:
    """Writes a cache file atomically. If it cannot be written, nothing happens."""
    body = json.dumps(known, ensure_ascii=True, separators=(",", ":")).encode()
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        # A different name per writer, because threads of one process may write at the same time.
        handle, partial = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=place.parent)
        try:
            with open(handle, "wb") as file:
                file.write(_head(format, body) + b"\n" + body)
            os.replace(partial, place)
        except OSError:
            os.unlink(partial)


def _head(format: bytes, body: bytes) -> bytes:
    return b"%s %s" % (format, sha256(body).hexdigest().encode())
