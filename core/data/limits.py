"""Limits of one upload: bytes, images, pixels, memory and time."""

from dataclasses import dataclass

MIB, GIB = 1024**2, 1024**3


@dataclass(frozen=True)
class Limits:
    """The limits of a visitor's upload. The defaults suit two cores and a shared disk."""

    upload_bytes: int = GIB
    """Most bytes of the files as sent."""
    kept_bytes: int = 2 * GIB
    """Most bytes that are unpacked from one zip, and that one upload leaves on the disk."""
    images: int = 20_000
    pixels: int = 50_000_000
    """Most pixels of one image."""
    memory_bytes: int = 1536 * MIB
    """Most address space of a decoder process, which has one image at a time."""
    seconds: float = 30.0
    """Most time to decode one image."""


def in_gib(size_bytes: int) -> str:
    """`1.25 GiB`; small sizes in MiB."""
    value, unit = (size_bytes / GIB, "GiB") if size_bytes >= GIB // 2 else (size_bytes / MIB, "MiB")
    return f"{value:.2f}".rstrip("0").rstrip(".") + f" {unit}"
