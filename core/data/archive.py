"""Unpacks untrusted zips safely: no path outside of the folder, no huge output, no partial result.

A bad file in the zip is left out and named; a zip that is bad as a whole is refused.
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
"""Limit of unpacked to packed size. Checked above 64 MiB only, because a few BMP drawings may be
packed better."""
MAX_DIRECTORY_BYTES = 8 * 1024**2
"""Limit of the table of contents: `zipfile` reads all of it before we see the first name."""

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
"""Next to the unpacked files: the list of damaged files, so that they are not tried again."""


@dataclass(frozen=True)
class UnpackedZip:
    """An unpacked zip. Only images, label files and `dataset.yaml` are written to disk."""

    folder: Path
    paths: tuple[str, ...]
    """All files in the zip that are not refused, also those that were not written."""
    refused: tuple[tuple[str, str], ...] = ()
    """(name, reason) of every bad file that was left out; not in `paths`."""
    note: str | None = None
    """A sentence about the guessed encoding of names; None without a guess."""
    encoding: str = ""
    """The guessed encoding; empty without a guess."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for the user."""
        return (*([self.note] if self.note else []), *left_out(self.refused))


@dataclass(frozen=True)
class _ZipMember:
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
) -> UnpackedZip:
    """Unpacks a zip to `workspace/<sha256 of the zip>`, unless it is there already.

    `names` is the encoding of names that declare none; by default it is guessed.
    Raises `UserError` for a zip that is damaged, too large or hostile as a whole, or without any
    usable file. Then nothing is left on disk.
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
                    raise _ZipRefused(f"'{refused[0][0]}': {refused[0][1]}")
        except _ZipTooLarge as reason:
            raise UserError(
                f"'{path.name}' was not unpacked: {reason}. Leave some out, or give the folder."
            ) from None
        except _ZipRefused as reason:
            raise _refusal(path.name, str(reason)) from None
        except _DAMAGE as error:
            raise _refusal(path.name, f"it is damaged ({_said(error)})") from None
    paths = tuple(member.path for member in members if member.path not in damaged)
    guessed = named.encoding if named.note else ""
    return UnpackedZip(folder, paths, tuple(refused), named.note, guessed)


class _ZipRefused(Exception):
    """The reason why a file in the zip, or the whole zip, is refused."""


class _ZipTooLarge(_ZipRefused):
    """The zip is over a limit, but may be a correct file."""


def _refusal(name: str, reason: str) -> UserError:
    return UserError(f"'{name}' was not unpacked: {reason}. Zip the folder of images again.")


def _said(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _check_directory(file: IO[bytes], limits: Limits) -> None:
    """Checks the size of the table of contents before `zipfile` reads all of it into memory."""
    size = file.seek(0, 2)
    start = max(0, size - _END_BYTES - _LONGEST_COMMENT - _LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_BYTES:
        raise _ZipRefused(
            "it is not a whole zip file; the upload or download may have stopped early"
        )
    (directory_bytes,) = struct.unpack_from("<L", tail, end + 12)
    if tail[:end][-_LOCATOR_BYTES:].startswith(_LOCATOR):
        directory_bytes = _zip64_directory_bytes(file, start + end - _LOCATOR_BYTES)
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise _ZipTooLarge(f"it lists far more than the {limits.images} images that are allowed")
    file.seek(0)


def _zip64_directory_bytes(file: IO[bytes], locator: int) -> int:
    """The size of the table of contents in a zip64, from the record directly before the locator.

    If the locator points elsewhere, versions of `zipfile` would read different tables, so it is
    refused.
    """
    file.seek(max(0, locator - _END64_BYTES))
    record = file.read(_END64_BYTES)
    (at,) = struct.unpack("<8xQ4x", file.read(_LOCATOR_BYTES))
    if not record.startswith(_END64) or at != locator - _END64_BYTES:
        raise _ZipRefused("it is damaged (its zip64 record is not where it says)")
    return int(struct.unpack_from("<Q", record, 40)[0])


def _members(
    archive: zipfile.ZipFile, named: ZipNames
) -> tuple[list[_ZipMember], list[tuple[str, str]]]:
    """(files and empty folders that may be unpacked, (name, reason) of all others)."""
    members: list[_ZipMember] = []
    refused: list[tuple[str, str]] = []
    seen: set[str] = set()
    for info in archive.infolist():
        name = named[info]
        try:
            _check_kind(info)
            path = _safe_path(name)
            if path in seen and not path.endswith("/"):
                raise _ZipRefused("it is in the zip twice; the first one is used")
        except _ZipRefused as reason:
            refused.append((_shown(name), str(reason)))
            continue
        seen.add(path)
        members.append(_ZipMember(path, info))
    inside = {parent for member in members for parent in _parents(member.path)}
    refused += [(m.path, "it is a file and a folder at once") for m in members if m.path in inside]
    return [m for m in members if m.path and m.path.rstrip("/") not in inside], refused


def _shown(name: str) -> str:
    """The name of a refused file, made safe and short enough to show."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _safe_path(name: str) -> str:
    """The name as a relative POSIX path; a folder ends in `/`, the root itself is `""`."""
    # Old Windows tools write backslashes between folders.
    posix = name.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in ("", ".")]
    if posix.startswith("/") or re.match(r"[A-Za-z]:", posix) or ".." in parts:
        raise _ZipRefused("it points outside of the archive")
    if any(ord(character) < 32 or ord(character) == 127 for character in posix):
        raise _ZipRefused("it has control characters in its name")
    path = "/".join(parts)
    try:
        too_long = any(len(part.encode()) > _LONGEST_NAME_BYTES for part in parts)
        too_long = too_long or len(path.encode()) > _LONGEST_PATH_BYTES
    except UnicodeEncodeError:
        raise _ZipRefused("its name is not text") from None
    if too_long:
        raise _ZipRefused("its name is too long")
    return f"{path}/" if path and posix.endswith("/") else path


def _parents(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check_kind(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise _ZipRefused("it is encrypted, and there is no way to give a password")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _ZipRefused("it is a link or a device, not a file")
    # For other methods, `zipfile` unpacks a whole chunk at once, with no limit on its size.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _ZipRefused("it is packed in a way other than the usual one (deflate)")


def _check_overlap(infos: Iterable[zipfile.ZipInfo], named: ZipNames) -> None:
    """Refuses entries that share bytes: with these, a small zip can unpack to petabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < 0:
            raise _ZipRefused("its beginning is missing")
        if info.header_offset < end:
            raise _ZipRefused(f"'{_shown(named[info])}' overlaps with another file in it")
        end = info.header_offset + info.compress_size


def _check_sizes(wanted: Sequence[_ZipMember], limits: Limits) -> None:
    images = sum(member.is_image for member in wanted)
    if images > limits.images:
        raise _ZipTooLarge(f"it holds {images} images, at most {limits.images} are taken")
    size = sum(member.info.file_size for member in wanted)
    packed = sum(member.info.compress_size for member in wanted)
    if size > limits.kept_bytes:
        most = in_gib(limits.kept_bytes)
        raise _ZipTooLarge(f"it unpacks to {in_gib(size)}, at most {most} are taken")
    if size > _RATIO_FROM_BYTES and size > MAX_RATIO * packed:
        raise _ZipTooLarge(
            f"it unpacks to {size // max(packed, 1)} times its size, more than {MAX_RATIO} times"
        )


def _write(
    archive: zipfile.ZipFile, members: Sequence[_ZipMember], folder: Path
) -> Mapping[str, str]:
    """Unpacks next to `folder`, then renames, so that nobody sees a partial folder.

    Returns the damaged files with reasons.
    """
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


def _write_member(archive: zipfile.ZipFile, member: _ZipMember, folder: Path) -> str | None:
    """Unpacks one file. Returns the reason if that fails."""
    target = folder / member.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # `zipfile` stops at the declared size and compares the checksum.
        with archive.open(member.info) as packed, open(target, "xb") as file:
            shutil.copyfileobj(packed, file, 1024 * 1024)
    except (FileExistsError, NotADirectoryError):
        return "another file has the same name except for upper and lower case"
    except _DAMAGE as error:
        target.unlink(missing_ok=True)
        return f"it is damaged in the zip ({_said(error)})"
    return None


def _complete(folder: Path, wanted: Iterable[_ZipMember]) -> dict[str, str] | None:
    """The damaged files, if all others are there with their full size; None if the zip must be
    unpacked. Sizes are checked because a power cut can leave empty files.
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
