"""How much one upload may cost: in bytes, images, pixels, memory and time."""

from dataclasses import dataclass

MIB, GIB = 1024**2, 1024**3


@dataclass(frozen=True)
class Limits:
    """What a visitor's upload is held to. The defaults suit two cores and a shared disk."""

    upload_bytes: int = GIB
    """Of the files as they are sent."""
    kept_bytes: int = 2 * GIB
    """Of what is unpacked from one zip, and of what one upload leaves on the disk."""
    images: int = 20_000
    pixels: int = 50_000_000
    """Of one image."""
    memory_bytes: int = 1536 * MIB
    """Address space of a process that decodes, one image at a time."""
    seconds: float = 30.0
    """For one image."""


def in_gib(size_bytes: int) -> str:
    """`1.25 GiB`; small sizes in MiB."""
    value, unit = (size_bytes / GIB, "GiB") if size_bytes >= GIB // 2 else (size_bytes / MIB, "MiB")
    return f"{value:.2f}".rstrip("0").rstrip(".") + f" {unit}"
