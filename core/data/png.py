"""Removes long texts and colour profiles from a PNG, because the decoder refuses them.

Image generators write their whole workflow into a picture. Pillow refuses a text that unpacks to
more than a megabyte, because it could be a decompression bomb. We do not need the texts.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
MOST_TEXT_BYTES = 512 * 1024
"""Limit for all texts of an image together, unpacked. Half of Pillow's limit for one text."""


class _Chunk(NamedTuple):
    start: int
    size: int
    """Bytes, including length, kind and checksum."""
    kind: bytes


def without_long_texts(file: IO[bytes]) -> IO[bytes]:
    """The same file if it is no PNG or its texts are short; else a copy without the long texts.

    Short texts stay, because they may contain the orientation.
    """
    start = file.tell()
    try:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return file
        long = set(_long_texts(file))
        if not long:
            return file
        kept = BytesIO()
        kept.write(SIGNATURE)
        for chunk in _chunks(file, start + len(SIGNATURE)):
            if chunk not in long:
                file.seek(chunk.start)
                kept.write(file.read(chunk.size))
        kept.seek(0)
        return kept
    finally:
        file.seek(start)


def _chunks(file: IO[bytes], start: int) -> Iterator[_Chunk]:
    """The chunks of a PNG, as far as they can be read; the decoder reports damage later."""
    while True:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">L4s", head)
        yield _Chunk(start, length + 12, kind)
        start += length + 12


def _long_texts(file: IO[bytes]) -> Iterator[_Chunk]:
    room = MOST_TEXT_BYTES
    for chunk in _chunks(file, file.tell()):
        if chunk.kind not in _TEXTS:
            continue
        file.seek(chunk.start + 8)
        size = chunk.size - 12
        unpacked = size if size > room else _unpacked(chunk.kind, file.read(size), room)
        if unpacked > room:
            yield chunk
        else:
            room -= unpacked


def _unpacked(kind: bytes, data: bytes, most: int) -> int:
    """The unpacked size of a text or profile in bytes, counted up to `most` + 1."""
    _, _, rest = data.partition(b"\0")  # the keyword
    packed = rest[1:]
    if kind == b"iTXt":
        packed = rest[2:].split(b"\0", 2)[-1] if rest[:1] == b"\1" else b""
    if kind == b"tEXt" or not packed:
        return len(data)
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error:
        return len(data)
