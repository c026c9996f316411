"""`CheckResult`: what one check has to say, and how an address with a password is read."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from jobs.settings import Settings


@dataclass(frozen=True)
class CheckResult:
    """One sentence on how it is and, unless it is well, what to do."""

    state: Literal["ok", "warn", "fail"]
    sentence: str
    advice: str = ""


def ok(sentence: str) -> CheckResult:
    """All is well."""
    return CheckResult("ok", sentence)


def warn(sentence: str, advice: str) -> CheckResult:
    """Works, but somebody should look at it."""
    return CheckResult("warn", sentence, advice)


def fail(sentence: str, advice: str) -> CheckResult:
    """Something does not work."""
    return CheckResult("fail", sentence, advice)


def address(settings: Settings, name: str) -> str:
    """The URL in a setting, with its password; empty when it is not set."""
    value: Any = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def gibibytes(size_bytes: float) -> str:
    """`12.3 GiB`."""
    return f"{size_bytes / 2**30:.1f} GiB"
