"""Zips from strangers, unpacked by our own rules: nothing outside, nothing huge, no halves.

A file that is wrong is left out by name; a zip that is wrong as a whole is refused.
"""

import json
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.data.dataset import left_out
from core.data.labels import LARGEST_BYTES
from core.data.limits import Limits, in_gib
from core.data.names import SETTINGS_NAME, is_label_name, stray_reason
from core.data.zipnames import ZipNames, known_encoding
from core.durable import file_sha256
from core.errors import UserError, printable

MAX_RATIO = 100
"""Unpacked to packed size, judged from 64 MiB on: a few drawings in BMP rightly pack better."""
MAX_DIRECTORY_BYTES = 8 * 1024**2
"""Of the table of contents, which `zipfile` turns into objects before we see the first name."""

_RATIO_FROM_BYTES = 64 * 1024**2
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 1024
_LONGEST_SHOWN = 80
_ENCRYPTED = 0x1
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65535
_END64, _END64_BYTES = b"PK\x06\x06", 56
_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)
_DAMAGED_NAME = ".damaged.json"
"""Beside what was unpacked: the files that could not be, so that nobody tries again."""


@dataclass(frozen=True)
class Unpacked:
    """A zip on disk. Only images, labels and `dataset.yaml` were written; `paths` has all."""

    folder: Path
    paths: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    """(name, reason) of every file that was left out for what it is; not among `paths`."""
    note: str | None = None
    """How the names were read, where that is a guess."""
    encoding: str = ""
    """The encoding that was guessed; empty where none was."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person has to know of it."""
        return (*([self.note] if self.note else []), *left_out(self.refused))


@dataclass(frozen=True)
class _Member:
    path: str
    info: zipfile.ZipInfo

    @property
    def wanted(self) -> bool:
        name = self.path.rpartition("/")[2]
        return name == SETTINGS_NAME or self.is_image or self._may_hold_labels

    @property
    def is_image(self) -> bool:
        return stray_reason(self.path) is None

    @property
    def _may_hold_labels(self) -> bool:
        return is_label_name(self.path) and self.info.file_size <= LARGEST_BYTES


def unpack(
    path: Path, workspace: Path, limits: Limits | None = None, names: str | None = None
) -> Unpacked:
    """The zip's files under `workspace/<sha256 of the zip>`; what is there already is used again.

    `names` is the encoding of the names that declare none; by default it is guessed.
    Raises `UserError` for a zip that is damaged, too large or hostile as a whole, or of which no
    file is left, and leaves nothing behind then.
    """
    limits = limits or Limits()
    with open(path, "rb") as file:
        digest = file_sha256(file)
        folder = workspace / (digest if names is None else f"{digest}-{known_encoding(names)}")
        try:
            _check_directory(file, limits)
            with zipfile.ZipFile(file) as archive:
                named = ZipNames(archive.infolist(), names)
                _check_overlap(archive.infolist(), named)
                members, refused = _members(archive, named)
                _check_sizes([member for member in members if member.wanted], limits)
                damaged = _write(archive, members, folder)
                refused += damaged.items()
                if refused and not any(m.wanted and m.path not in damaged for m in members):
                    shutil.rmtree(folder, ignore_errors=True)
                    raise _Refused(f"'{refused[0][0]}': {refused[0][1]}")
        except _TooLarge as reason:
            raise UserError(
                f"'{path.name}' was not unpacked: {reason}. Leave some out, or give the folder."
            ) from None
        except _Refused as reason:
            raise _refusal(path.name, str(reason)) from None
        except _DAMAGE as error:
            raise _refusal(path.name, f"it is damaged ({_said(error)})") from None
    paths = tuple(member.path for member in members if member.path not in damaged)
    guessed = named.encoding if named.note else ""
    return Unpacked(folder, paths, tuple(refused), named.note, guessed)


class _Refused(Exception):
    """A reason not to unpack."""


class _TooLarge(_Refused):
    """More than is taken, though nothing may be wrong with it."""


def _refusal(name: str, reason: str) -> UserError:
    return UserError(f"'{name}' was not unpacked: {reason}. Zip the folder of images again.")


def _said(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _check_directory(file: IO[bytes], limits: Limits) -> None:
    """Bound the table of contents before `zipfile` reads all of it into memory."""
    size = file.seek(0, 2)
    start = max(0, size - _END_BYTES - _LONGEST_COMMENT - _LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_BYTES:
        raise _Refused("it is not a whole zip file; the upload or download may have stopped early")
    (directory_bytes,) = struct.unpack_from("<L", tail, end + 12)
    if tail[:end][-_LOCATOR_BYTES:].startswith(_LOCATOR):
        directory_bytes = _zip64_directory_bytes(file, start + end - _LOCATOR_BYTES)
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise _TooLarge(f"it lists far more than the {limits.images} images that are taken")
    file.seek(0)


def _zip64_directory_bytes(file: IO[bytes], locator: int) -> int:
    """From the larger end record of a zip64, which lies right before its locator.

    Where the locator says otherwise, versions of `zipfile` read different tables.
    """
    file.seek(max(0, locator - _END64_BYTES))
    record = file.read(_END64_BYTES)
    (at,) = struct.unpack("<8xQ4x", file.read(_LOCATOR_BYTES))
    if not record.startswith(_END64) or at != locator - _END64_BYTES:
        raise _Refused("it is damaged (its zip64 record is not where it says)")
    return int(struct.unpack_from("<Q", record, 40)[0])


def _members(
    archive: zipfile.ZipFile, named: ZipNames
) -> tuple[list[_Member], list[tuple[str, str]]]:
    """Every file (and empty folder) in the zip that may be unpacked, and the others with why."""
    members: list[_Member] = []
    refused: list[tuple[str, str]] = []
    seen: set[str] = set()
    for info in archive.infolist():
        name = named[info]
        try:
            _check_kind(info)
            path = _safe_path(name)
            if path in seen and not path.endswith("/"):
                raise _Refused("it is in the zip twice; the first one is used")
        except _Refused as reason:
            refused.append((_shown(name), str(reason)))
            continue
        seen.add(path)
        members.append(_Member(path, info))
    inside = {parent for member in members for parent in _parents(member.path)}
    refused += [(m.path, "it is a file and a folder at once") for m in members if m.path in inside]
    return [m for m in members if m.path and m.path.rstrip("/") not in inside], refused


def _shown(name: str) -> str:
    """A name that was refused, fit to be shown."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _safe_path(name: str) -> str:
    """The name as a relative POSIX path; a folder ends in `/`, the root itself is `""`."""
    # Old Windows tools write backslashes.
    posix = name.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in ("", ".")]
    if posix.startswith("/") or re.match(r"[A-Za-z]:", posix) or ".." in parts:
        raise _Refused("it points outside of the archive")
    if any(ord(character) < 32 or ord(character) == 127 for character in posix):
        raise _Refused("it has control characters in its name")
    path = "/".join(parts)
    try:
        too_long = any(len(part.encode()) > _LONGEST_NAME_BYTES for part in parts)
        too_long = too_long or len(path.encode()) > _LONGEST_PATH_BYTES
    except UnicodeEncodeError:
        raise _Refused("its name is no text") from None
    if too_long:
        raise _Refused("its name is too long")
    return f"{path}/" if path and posix.endswith("/") else path


def _parents(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check_kind(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise _Refused("it is encrypted, and there is no way to give a password")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Refused("it is a link or a device, not a file")
    # The other methods of `zipfile` inflate a whole chunk at once, however large it becomes.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Refused("it is packed in a way other than the usual one (deflate)")


def _check_overlap(infos: Iterable[zipfile.ZipInfo], named: ZipNames) -> None:
    """Members that share bytes are how a small zip holds petabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < 0:
            raise _Refused("its beginning is missing")
        if info.header_offset < end:
            raise _Refused(f"'{_shown(named[info])}' overlaps with another file in it")
        end = info.header_offset + info.compress_size


def _check_sizes(wanted: Sequence[_Member], limits: Limits) -> None:
    images = sum(member.is_image for member in wanted)
    if images > limits.images:
        raise _TooLarge(f"it holds {images} images, at most {limits.images} are taken")
    size = sum(member.info.file_size for member in wanted)
    packed = sum(member.info.compress_size for member in wanted)
    if size > limits.kept_bytes:
        most = in_gib(limits.kept_bytes)
        raise _TooLarge(f"it unpacks to {in_gib(size)}, at most {most} are taken")
    if size > _RATIO_FROM_BYTES and size > MAX_RATIO * packed:
        raise _TooLarge(
            f"it unpacks to {size // max(packed, 1)} times its size, more than {MAX_RATIO} times"
        )


def _write(archive: zipfile.ZipFile, members: Sequence[_Member], folder: Path) -> Mapping[str, str]:
    """Unpack beside `folder`, then rename: nobody ever sees a half. Returns what is damaged."""
    wanted = [member for member in members if member.wanted]
    known = _complete(folder, wanted)
    if known is not None:
        return known
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        damaged = {m.path: why for m in wanted if (why := _write_member(archive, m, partial))}
        if damaged:
            (partial / _DAMAGED_NAME).write_text(json.dumps(damaged), "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        try:
            partial.rename(folder)
        except OSError:
            # Another process was faster; it unpacked the same bytes.
            if _complete(folder, wanted) is None:
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return damaged


def _write_member(archive: zipfile.ZipFile, member: _Member, folder: Path) -> str | None:
    """Unpack one file, or say why it is not there."""
    target = folder / member.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # `zipfile` stops at the declared size and compares the checksum.
        with archive.open(member.info) as packed, open(target, "xb") as file:
            shutil.copyfileobj(packed, file, 1024 * 1024)
    except (FileExistsError, NotADirectoryError):
        return "another file has its name up to upper and lower case"
    except _DAMAGE as error:
        target.unlink(missing_ok=True)
        return f"it is damaged in the zip ({_said(error)})"
    return None


def _complete(folder: Path, wanted: Iterable[_Member]) -> dict[str, str] | None:
    """What is damaged, when all else is there at its full size: a power cut can leave empty files.

    None when it has to be unpacked.
    """
    if not folder.is_dir():
        return None
    try:
        damaged: dict[str, str] = json.loads((folder / _DAMAGED_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        damaged = {}
    try:
        whole = all(
            (folder / member.path).stat().st_size == member.info.file_size
            for member in wanted
            if member.path not in damaged
        )
    except OSError:
        return None
    return damaged if whole else None
