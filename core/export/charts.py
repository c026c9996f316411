"""Small charts as inline SVG. Colours are CSS variables, so they follow the light and dark
theme.
"""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from core.results.records import Mixing, MixingKind, RunRecord, WisePoint
from core.results.standing import MeasuredAccuracy
from core.rounding import half_up, percent

WIDTH, HEIGHT, EDGE = 560, 240, 44
_MOST_POINTS = 300


def loss(values: Sequence[float]) -> Markup:
    """Loss by optimiser step; empty if there were no steps."""
    if not values:
        return Markup()
    thin = max(1, len(values) // _MOST_POINTS)
    shown = list(enumerate(values, start=1))[::thin]
    x = _Scale(1, max(2, len(values)), EDGE, WIDTH - 12)
    y = _Scale(0, max(value for _, value in shown) or 1, HEIGHT - 30, 10)
    line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in shown)
    body = Markup('<polyline class="line" points="{}"/>').format(line)
    return _figure(
        "Training loss by step",
        _axes(x, y, "step", half_up, _hundredths) + body,
    )


def accuracies(columns: Mapping[str, Mapping[str, MeasuredAccuracy]]) -> Markup:
    """Accuracy with its interval, by domain, one row for each classifier."""
    names = list(columns["zero-shot"])
    x = _Scale(0, 1, 150, WIDTH - 28)
    row, rows, top = 15, len(columns), 12
    tall = top + len(names) * (row * rows + 12) + 22
    body = Markup()
    for share in (0, 0.25, 0.5, 0.75, 1):
        body += Markup(
            '<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{:.0f}"/>'
            '<text x="{x:.1f}" y="{:.0f}" class="tick">{:.0f} %</text>'
        ).format(tall - 20, tall - 6, 100 * share, x=x(share))
    for place, name in enumerate(names):
        start = top + place * (row * rows + 12)
        body += Markup('<text x="142" y="{:.0f}" class="name">{}</text>').format(
            start + row * rows / 2 + 4, _short(name)
        )
        for number, scores in enumerate(columns.values()):
            score, height = scores[name], start + row * number + 8
            body += Markup(
                '<g class="c{}"><line x1="{:.1f}" x2="{:.1f}" y1="{h}" y2="{h}"/>'
                '<circle cx="{:.1f}" cy="{h}" r="4"/></g>'
            ).format(number, x(score.low), x(score.high), x(score.accuracy), h=height)
    return _figure("Accuracy by domain with 95 % intervals", body, tall)


def frontier(record: RunRecord, mixing: Mixing) -> Markup:
    """ID against OOD accuracy for every measured α, with and without the gate; empty without an OOD
    domain.
    """
    curves: dict[MixingKind, list[tuple[float, float, float]]] = {
        kind: [(p.alpha, p.id, p.ood) for p in points if p.ood is not None]
        for kind, points in _curves(record)
    }
    every = [point for points in curves.values() for point in points]
    if not every:
        return Markup()
    x = _around([on_id for _, on_id, _ in every], EDGE, WIDTH - 16)
    y = _around([ood for _, _, ood in every], HEIGHT - 30, 12)
    body = Markup()
    for kind, points in curves.items():
        line = " ".join(f"{x(on_id):.1f},{y(ood):.1f}" for _, on_id, ood in points)
        body += Markup('<polyline class="line {}" points="{}"/>').format(kind, line)
        for alpha, on_id, ood in points:
            chosen = kind == mixing.kind and abs(alpha - mixing.alpha) < 1e-9
            how = Mixing(kind=kind, alpha=alpha)
            body += Markup(
                '<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>'
            ).format(
                "chosen" if chosen else "point",
                x(on_id),
                y(ood),
                7 if chosen else 3.5,
                f"{how}: ID {percent(on_id)} %, OOD {percent(ood)} %",
            )
    axes = _axes(x, y, "ID accuracy (across), OOD accuracy (up)", _whole_percent, _whole_percent)
    return _figure("ID against OOD accuracy for every mixing weight", axes + body)


def _curves(record: RunRecord) -> list[tuple[MixingKind, list[WisePoint]]]:
    return [("wise", record.wise), ("steady", record.steady.points if record.steady else [])]


class _Scale:
    """Converts a value to a position in the picture."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)


def _around(values: Sequence[float], start: float, end: float) -> _Scale:
    room = max(0.01, 0.15 * (max(values) - min(values)))
    return _Scale(min(values) - room, max(values) + room, start, end)


def _hundredths(value: float) -> str:
    return half_up(value, 2)


def _whole_percent(share: float) -> str:
    return f"{percent(share, 0)} %"


def _axes(
    x: _Scale,
    y: _Scale,
    label: str,
    write_across: Callable[[float], str],
    write_up: Callable[[float], str],
) -> Markup:
    drawn = Markup('<text x="{:.0f}" y="{}" class="tick">{}</text>').format(
        (x.start + x.end) / 2, HEIGHT - 4, label
    )
    for share in (0, 0.5, 1):
        across, up = (s.low + share * (s.high - s.low) for s in (x, y))
        drawn += Markup(
            '<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text x="{:.1f}" y="{:.1f}" class="name">{}</text>'
            '<text x="{:.1f}" y="{}" class="tick">{}</text>'
        ).format(
            x.start,
            x.end,
            EDGE - 6,
            y(up) + 4,
            write_up(up),
            x(across),
            HEIGHT - 17,
            write_across(across),
            y=y(up),
        )
    return drawn


def _figure(title: str, body: Markup, height: int = HEIGHT) -> Markup:
    return Markup(
        '<figure><figcaption>{0}</figcaption><svg viewBox="0 0 {1} {2}" role="img" '
        'aria-label="{0}">{3}</svg></figure>'
    ).format(title, WIDTH, height, body)


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
