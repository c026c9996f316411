"""Finds images that do not decode. Each is decoded once per content; the result is cached."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import PIL

from core.data.glance import Glance, look
from core.data.hashes import read_kept, write_kept
from core.data.images import UnreadableImage, in_one_sentence, open_image, rgb
from core.data.limits import Limits

_FORMAT = f"evenkeel decodable 1, Pillow {PIL.__version__}".encode()
"""Includes Pillow's version, because another version may read more images, or fewer."""
_THREADS = min(8, os.cpu_count() or 1)
_AT_ONCE = 8


def unreadable(
    root: Path,
    hashes: Mapping[str, str],
    kept: Path | None = None,
    decode: bool = True,
    glances: dict[str, Glance] | None = None,
) -> dict[str, str]:
    """Path to reason of the images below `root` that cannot be read. `hashes` is path to SHA-256.

    The file `kept`, if given, caches the result for the next call. Without `decode` no file is
    opened, and only cached results are used. `glances`, if given, receives the summary of every
    readable image, by hash.
    """
    known = read_kept(kept, _FORMAT) if kept else {}
    path_of = {sha256: path for path, sha256 in hashes.items()}
    still: dict[str, str] = {one: known[one] for one in path_of if one in known}
    if glances is not None:  # readable images are opened again, because their summary is wanted
        still = {one: reason for one, reason in still.items() if reason}
    news = [one for one in path_of if one not in still] if decode else []
    found = dict(zip(news, _reasons(root, path_of, news, glances), strict=True))
    if kept and (news or len(still) < len(known)):
        write_kept(kept, _FORMAT, {**still, **_lasting(found, root, path_of)})
    every = {**still, **found}
    return {path: reason for path, one in hashes.items() if (reason := every.get(one))}


def _lasting(found: Mapping[str, str], root: Path, path_of: Mapping[str, str]) -> Mapping[str, str]:
    """The results that depend on the bytes alone. A missing or forbidden file may come back, so its
    result is not cached.
    """

    def to_blame(sha256: str) -> bool:
        path = root / path_of[sha256]
        return path.is_file() and os.access(path, os.R_OK)

    return {one: reason for one, reason in found.items() if not reason or to_blame(one)}


def _reasons(
    root: Path, path_of: Mapping[str, str], news: Sequence[str], glances: dict[str, Glance] | None
) -> list[str]:
    """The reason why each image cannot be read; `""` for readable ones."""

    def reason(sha256: str) -> str:
        path = path_of[sha256]
        try:
            if glances is None:
                _decode(root / path, path)
            else:
                glances[sha256] = look(root / path, path)
        except UnreadableImage as error:
            return error.reason
        return ""

    # In blocks, because handing a single small image to a thread costs as much as decoding it.
    parts = [news[start : start + _AT_ONCE] for start in range(0, len(news), _AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [one for part in pool.map(lambda part: [*map(reason, part)], parts) for one in part]


def _decode(path: Path, name: str) -> None:
    with in_one_sentence(path, name), open(path, "rb") as file:
        image = open_image(file, Limits())
        image.draft(None, (1, 1))  # reads all data of a JPEG but computes few pixels
        rgb(image)
