"""Which images of a data set decode. Each is decoded once for its bytes, and that is remembered."""

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
"""Another Pillow may read more, or less."""
_THREADS = min(8, os.cpu_count() or 1)
_AT_ONCE = 8


def unreadable(
    root: Path,
    hashes: Mapping[str, str],
    kept: Path | None = None,
    decode: bool = True,
    glances: dict[str, Glance] | None = None,
) -> dict[str, str]:
    """Path to reason of the images below `root` that cannot be read. `hashes` are their SHA-256.

    In the file `kept`, if one is named, it is looked up and left for next time. Without `decode`
    nothing is opened: only what is known already counts. With `glances`, which are by hash, all
    images that can be read are looked at and their looks are put in there.
    """
    known = read_kept(kept, _FORMAT) if kept else {}
    path_of = {sha256: path for path, sha256 in hashes.items()}
    still: dict[str, str] = {one: known[one] for one in path_of if one in known}
    if glances is not None:
        still = {one: reason for one, reason in still.items() if reason}
    news = [one for one in path_of if one not in still] if decode else []
    found = dict(zip(news, _reasons(root, path_of, news, glances), strict=True))
    if kept and (news or len(still) < len(known)):
        write_kept(kept, _FORMAT, {**still, **_lasting(found, root, path_of)})
    every = {**still, **found}
    return {path: reason for path, one in hashes.items() if (reason := every.get(one))}


def _lasting(found: Mapping[str, str], root: Path, path_of: Mapping[str, str]) -> Mapping[str, str]:
    """What holds for the bytes and not only for today: a file may be back tomorrow."""

    def to_blame(sha256: str) -> bool:
        path = root / path_of[sha256]
        return path.is_file() and os.access(path, os.R_OK)

    return {one: reason for one, reason in found.items() if not reason or to_blame(one)}


def _reasons(
    root: Path, path_of: Mapping[str, str], news: Sequence[str], glances: dict[str, Glance] | None
) -> list[str]:
    """Why each cannot be read; empty for those that can."""

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

    # Some at a time: of small images, handing one to a thread costs as much as decoding it.
    parts = [news[start : start + _AT_ONCE] for start in range(0, len(news), _AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [one for part in pool.map(lambda part: [*map(reason, part)], parts) for one in part]


def _decode(path: Path, name: str) -> None:
    with in_one_sentence(path, name), open(path, "rb") as file:
        image = open_image(file, Limits())
        image.draft(None, (1, 1))  # of a JPEG reads every bit, and leaves out the arithmetic
        rgb(image)
