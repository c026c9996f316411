"""`Finding`, one result of the health check, and `HealthReport`, all of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from core.params import JsonObject
from core.results.untrained import Doubt
from core.rounding import percent

Level = Literal["error", "warning", "pass"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "pass")


@dataclass(frozen=True)
class Finding:
    """One result of the health check, good or bad."""

    kind: str
    """The check, for code: `unreadable`, `leak`, `near-duplicate`, `mislabel`, …"""
    level: Level
    title: str
    detail: str = ""
    paths: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    """Paths that belong together, such as an image and its copies."""
    exclude: tuple[str, ...] = ()
    """Images to leave out to solve the problem, if that is clear."""
    names: tuple[tuple[str, str, str], ...] = ()
    """(class folder, its own name, suggested words); no words if only a person can tell."""


@dataclass(frozen=True)
class HealthReport:
    """All findings, errors first."""

    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "HealthReport":
        """The report of these findings, sorted by level."""
        return cls(tuple(sorted(findings, key=lambda found: _LEVELS.index(found.level))))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that should be fixed before training."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def to_json(self) -> JsonObject:
        """As JSON: the findings, and their number per level."""
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


def mislabels(doubts: Sequence[Doubt], model: str) -> Finding:
    """The finding for the doubtful labels of `core.run.zero_shot`."""
    if not doubts:
        return Finding("mislabel", "pass", "Zero-shot CLIP contradicts no label with confidence")
    examples = "; ".join(
        f"{one.path}: rather {one.says} ({percent(one.confidence, 0)} %)" for one in doubts[:3]
    )
    paths = tuple(one.path for one in doubts)
    return Finding(
        "mislabel",
        "warning",
        f"{images(len(doubts))} may carry the wrong label",
        f"{model} is sure of another class, although it knows theirs: {examples}"
        f"{'; …' if len(doubts) > 3 else ''}. The model may also be wrong: check them.",
        paths,
        exclude=paths,
    )
