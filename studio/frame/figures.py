"""Parts of every figure: thinned points, padded axes, text that Plotly takes literally."""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]
MOST_POINTS = 400
COLOURS = tuple(f"var(--ek-s{i})" for i in range(6))
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
SMOOTHING = 0.15
"""Weight of the newest step in the smoothed loss."""


def smooth(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """Exponential moving average, starting at the first value."""
    out: list[float] = []
    for value in values:
        out.append(value if not out else out[-1] + weight * (value - out[-1]))
    return out


def thin(pairs: Sequence[Sequence[float]], most: int = MOST_POINTS) -> list[Sequence[float]]:
    """At most `most` of the pairs, evenly spaced, always with the first and the last."""
    if len(pairs) <= most:
        return list(pairs)
    step = (len(pairs) - 1) / (most - 1)
    return [pairs[round(i * step)] for i in range(most)]


def clean(text: str) -> str:
    """A user's text for a Plotly label, in which a few HTML tags would have an effect."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def padded(values: Sequence[float]) -> list[float]:
    """The range of an axis with room for markers; never narrower than four points."""
    low, high = min(values), max(values)
    room = max(0.12 * (high - low), (4 - (high - low)) / 2, 0.6)
    return [low - room, high + room]
