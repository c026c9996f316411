"""One thing found in a data set, and all of them as a report."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "pass"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "pass")


@dataclass(frozen=True)
class Finding:
    """One thing found, good or bad."""

    kind: str
    """What was looked at, for code: `unreadable`, `leak`, `near-duplicate`, `mislabel`, …"""
    level: Level
    title: str
    detail: str = ""
    paths: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    """Paths that belong side by side, such as an image and its copies."""
    exclude: tuple[str, ...] = ()
    """The images without which this would not be found, where that is clear."""
    names: tuple[tuple[str, str, str], ...] = ()
    """Class folders, the name that each has of its own, and the words that it may be called by
    instead; these are empty where only a person can tell.
    """


@dataclass(frozen=True)
class HealthReport:
    """All findings, errors first."""

    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "HealthReport":
        """The findings in the order of their levels."""
        return cls(tuple(sorted(findings, key=lambda found: _LEVELS.index(found.level))))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What should be mended before training."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def to_json(self) -> dict[str, Any]:
        """Findings, and how many there are of each level."""
        levels = Counter(finding.level for finding in self.findings)
        return {
            "counts": {level: levels[level] for level in _LEVELS},
            "findings": [asdict(finding) for finding in self.findings],
        }


def images(count: int) -> str:
    """`1 image`, `2 images`."""
    return "1 image" if count == 1 else f"{count} images"


def images_are(count: int) -> str:
    """`1 image is`, `2 images are`."""
    return f"{images(count)} {'is' if count == 1 else 'are'}"
