"""The finding about labels that zero-shot CLIP contradicts. The measurement is made elsewhere."""

from collections.abc import Sequence

from core.data.health.findings import Finding, images
from core.results.untrained import Doubt
from core.rounding import percent


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
