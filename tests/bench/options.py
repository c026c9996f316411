"""Options of the benchmarks that name several things, with commas."""

from collections.abc import Callable
from typing import TypeVar

from core.errors import UserError

T = TypeVar("T")


def listed(text: str, kind: Callable[[str], T], option: str) -> tuple[T, ...]:
    """The values between the commas of an option."""
    try:
        return tuple(kind(part.strip()) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"{option} must be numbers with commas such as 0,1,2; got {text!r}."
        ) from None
