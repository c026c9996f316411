"""A PNG without what makes a decoder give up on it: texts and a colour profile of megabytes.

Image generators write their whole workflow into a picture. Pillow refuses a text that unpacks to
more than a megabyte, since a bomb looks the same; nobody here reads it, so it need not be unpacked.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
MOST_TEXT_BYTES = 512 * 1024
"""Of all texts of an image together, unpacked. Half of what Pillow takes of one alone."""


class _Chunk(NamedTuple):
    start: int
    size: int
    """With its length, its kind and its checksum."""
    kind: bytes


def without_long_texts(file: IO[bytes]) -> IO[bytes]:
    """The same file where it is no PNG or its texts are short; else a copy without those that are
    not. Short ones may say how the picture has to be turned.
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
    """As far as there are any: what is damaged is for the decoder to say."""
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
    """Bytes of a text or profile, counted up to one more than `most`."""
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
