"""Zips from strangers, unpacked by our own rules: nothing outside, nothing huge, all or nothing."""

import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import IO

from core.data.names import SETTINGS_NAME, stray_reason
from core.errors import UserError

MAX_FILES = 20_000
MAX_BYTES = 2 * 1024**3
MAX_RATIO = 100
"""Unpacked to packed size, judged from 64 MiB on: a few drawings in BMP rightly pack better."""
MAX_DIRECTORY_BYTES = 8 * 1024**2
"""Of the table of contents, which `zipfile` turns into objects before we see the first name."""

_RATIO_FROM_BYTES = 64 * 1024**2
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 1024
_ENCRYPTED, _UTF8 = 0x1, 0x800
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65535
_ZIP64_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Unpacked:
    """A zip on disk. Only images and `dataset.yaml` were written; `paths` lists all it holds."""

    folder: Path
    paths: tuple[str, ...]


@dataclass(frozen=True)
class _Member:
    path: str
    info: zipfile.ZipInfo

    @property
    def wanted(self) -> bool:
        name = self.path.rpartition("/")[2]
        return name == SETTINGS_NAME or stray_reason(self.path) is None


def unpack(path: Path, workspace: Path) -> Unpacked:
    """The zip's files under `workspace/<sha256 of the zip>`; what is there already is used again.

    Raises `UserError` for a zip that is damaged, encrypted, too large or hostile, and leaves
    nothing behind then.
    """
    with open(path, "rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        try:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                members = _members(archive)
                _check_sizes([member for member in members if member.wanted])
                folder = _write(archive, members, workspace / digest)
        except _TooLarge as reason:
            raise UserError(
                f"'{path.name}' was not unpacked: {reason}. Leave some out, or give the folder."
            ) from None
        except _Refused as reason:
            raise _refusal(path.name, str(reason)) from None
        except _DAMAGE as error:
            raise _refusal(path.name, f"it is damaged ({str(error).rstrip('.')})") from None
    return Unpacked(folder, tuple(member.path for member in members))


class _Refused(Exception):
    """A reason not to unpack."""


class _TooLarge(_Refused):
    """More than is taken, though nothing may be wrong with it."""


def _refusal(name: str, reason: str) -> UserError:
    return UserError(f"'{name}' was not unpacked: {reason}. Zip the folder of images again.")


def _check_directory(file: IO[bytes]) -> None:
    """Bound the table of contents before `zipfile` reads all of it into memory."""
    size = file.seek(0, 2)
    start = max(0, size - _END_BYTES - _LONGEST_COMMENT - _LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_BYTES:
        raise _Refused("it is not a whole zip file; the upload or download may have stopped early")
    if tail[max(0, end - _LOCATOR_BYTES) : end].startswith(_ZIP64_LOCATOR):
        raise _TooLarge(f"it is a zip64 archive, and at most {MAX_FILES} files are taken")
    (directory_bytes,) = struct.unpack_from("<L", tail, end + 12)
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise _TooLarge(f"it lists far more than the {MAX_FILES} files that are taken")
    file.seek(0)


def _members(archive: zipfile.ZipFile) -> list[_Member]:
    """Every file (and empty folder) in the zip, or the reason why the whole zip is refused."""
    members = [_Member(_safe_path(info), info) for info in archive.infolist()]
    inside = {parent for member in members for parent in _parents(member.path)}
    seen: set[str] = set()
    for member in members:
        _check_kind(member)
        if not member.path.endswith("/") and (member.path in seen or member.path in inside):
            raise _Refused(f"it holds '{member.path}' twice")
        seen.add(member.path)
    _check_overlap(members)
    return [m for m in members if m.path and m.path.rstrip("/") not in inside]


def _safe_path(info: zipfile.ZipInfo) -> str:
    """The member's name as a relative POSIX path; a folder ends in `/`, the root itself is `""`."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        # Finder and many scripts write UTF-8 without saying so, and `zipfile` then reads cp437.
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.orig_filename
    # Old Windows tools write backslashes.
    posix = name.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in ("", ".")]
    if posix.startswith("/") or re.match(r"[A-Za-z]:", posix) or ".." in parts:
        raise _Refused(f"{name!r} points outside of the archive")
    if any(ord(character) < 32 or ord(character) == 127 for character in posix):
        raise _Refused(f"{name!r} has control characters in its name")
    path = "/".join(parts)
    too_long = any(len(part.encode()) > _LONGEST_NAME_BYTES for part in parts)
    if too_long or len(path.encode()) > _LONGEST_PATH_BYTES:
        raise _Refused(f"the name '{path[:40]}…' is too long")
    return f"{path}/" if path and posix.endswith("/") else path


def _parents(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check_kind(member: _Member) -> None:
    info = member.info
    if info.flag_bits & _ENCRYPTED:
        raise _Refused(f"'{member.path}' is encrypted, and there is no way to give a password")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Refused(f"'{member.path}' is a link or a device, not a file")
    # The other methods of `zipfile` inflate a whole chunk at once, however large it becomes.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Refused(f"'{member.path}' is packed in a way other than the usual one (deflate)")


def _check_overlap(members: Iterable[_Member]) -> None:
    """Members that share bytes are how a small zip holds petabytes."""
    end = 0
    for member in sorted(members, key=lambda m: m.info.header_offset):
        if member.info.header_offset < end:
            raise _Refused(f"'{member.path}' overlaps with another file in the archive")
        end = member.info.header_offset + member.info.compress_size


def _check_sizes(wanted: list[_Member]) -> None:
    if len(wanted) > MAX_FILES:
        raise _TooLarge(f"it holds {len(wanted)} images, at most {MAX_FILES} are taken")
    size = sum(member.info.file_size for member in wanted)
    packed = sum(member.info.compress_size for member in wanted)
    if size > MAX_BYTES:
        raise _TooLarge(
            f"it unpacks to {size / 1e9:.1f} GB, at most {MAX_BYTES / 1e9:.1f} are taken"
        )
    if size > _RATIO_FROM_BYTES and size > MAX_RATIO * packed:
        raise _TooLarge(f"it unpacks to more than {MAX_RATIO} times its size")


def _write(archive: zipfile.ZipFile, members: list[_Member], folder: Path) -> Path:
    """Unpack beside `folder`, then rename: nobody ever sees a half."""
    wanted = [member for member in members if member.wanted]
    if _is_complete(folder, wanted):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        for member in wanted:
            target = partial / member.path
            target.parent.mkdir(parents=True, exist_ok=True)
            # `zipfile` stops at the declared size and compares the checksum.
            with archive.open(member.info) as packed, open(target, "xb") as file:
                shutil.copyfileobj(packed, file, 1024 * 1024)
        if folder.exists():
            shutil.rmtree(folder)
        try:
            partial.rename(folder)
        except OSError:
            # Another process was faster; it unpacked the same bytes.
            if not _is_complete(folder, wanted):
                raise
    except FileExistsError as error:
        name = Path(str(error.filename)).name
        raise _Refused(f"two files are called '{name}' up to upper and lower case") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _is_complete(folder: Path, wanted: list[_Member]) -> bool:
    """Whether every file is there at its full size: a power cut can leave empty ones."""
    try:
        return folder.is_dir() and all(
            (folder / member.path).stat().st_size == member.info.file_size for member in wanted
        )
    except OSError:
        return False
