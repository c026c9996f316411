"""`Found`: what one check has to say, and how an address with a password is read."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from jobs.settings import Settings


@dataclass(frozen=True)
class Found:
    """One sentence on how it is and, unless it is well, what to do."""

    state: Literal["ok", "warn", "fail"]
    sentence: str
    advice: str = ""


def ok(sentence: str) -> Found:
    """All is well."""
    return Found("ok", sentence)


def warn(sentence: str, advice: str) -> Found:
    """Works, but somebody should look at it."""
    return Found("warn", sentence, advice)


def fail(sentence: str, advice: str) -> Found:
    """Something does not work."""
    return Found("fail", sentence, advice)


def address(settings: Settings, name: str) -> str:
    """The URL in a setting, with its password; empty when it is not set."""
    value: Any = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def gibibytes(size_bytes: float) -> str:
    """`12.3 GiB`."""
    return f"{size_bytes / 2**30:.1f} GiB"
