"""Renders templates that escape every value, and formats numbers."""

from collections.abc import MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from core import rounding
from core.results.records import Mixing
from studio.frame import words

THIN = "\u202f"


def decimal(value: float, digits: int | None = 2) -> str:
    """`0.3` as `0.30`, or without `digits` as short as it is."""
    return f"{value:g}" if digits is None else rounding.half_up(value, digits)


def percent(share: float | None, digits: int = 1) -> str:
    """`0.646` as `64.6 %`."""
    return rounding.NOTHING if share is None else f"{rounding.percent(share, digits)}{THIN}%"


def points(change: float | None) -> str:
    """A difference of two shares in percentage points, with its sign: `+3.2 pp`."""
    return rounding.NOTHING if change is None else f"{rounding.points(change)}{THIN}pp"


def mixture(mixing: Mixing, digits: int | None = 2) -> str:
    """The name of a mixing: `α = 0.30`, `α = 0.65, steady`."""
    return words.Common.mixings[mixing.kind].format(alpha=decimal(mixing.alpha, digits))


def interval(low: float, high: float) -> str:
    """A 95 % interval in whole percent: `60–69 %`."""
    return f"{rounding.percent(low, 0)}–{rounding.percent(high, 0)}{THIN}%"


def duration(seconds: float | None) -> str:
    """`31` as `0:31`, `3720` as `1 h 02 min`."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}{THIN}h {whole % 3600 // 60:02d}{THIN}min"


def size(count: int | None) -> str:
    """Bytes in a readable unit: `9.1 MB`."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    digits = 0 if unit == "B" or value >= 100 else 1
    return f"{decimal(value, digits)}{THIN}{unit}"


def number(value: float) -> str:
    """A number with thin spaces between thousands."""
    return f"{int(rounding.half_up(value)):,}".replace(",", THIN)


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 image`, `486 images`."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return words.Numbers.listed.format(first=", ".join(names[:-1]), last=names[-1])


def ticks(text: str) -> Markup:
    """Escaped text in which `words in backticks` are code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts)))


class _Templates(Environment):
    """Finds `room/name.html` in the folder of a room, and gives it that room's words as `w`."""

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        """The template, also when another one imports it."""
        if isinstance(name, str):
            room = name.partition("/")[0]
            words = import_module(f"studio.{room}.words")
            globals = {**(globals or {}), "w": words}
        return super().get_template(name, parent, globals)


_ROOMS = Path(__file__).parents[1]
_environment = _Templates(
    loader=PrefixLoader(
        {path.parent.name: FileSystemLoader(path) for path in _ROOMS.glob("*/templates")}
    ),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_environment.filters.update(
    percent=percent,
    points=points,
    interval=interval,
    decimal=decimal,
    duration=duration,
    size=size,
    number=number,
    ticks=ticks,
)
_environment.globals.update(count=count, interval=interval)


def prepare() -> None:
    """Compile every template in advance, so that no page waits for it."""
    for name in _environment.list_templates():
        _environment.get_template(name)


def render(template: str, **values: Any) -> str:
    """The template with its values, every one of them escaped."""
    return _environment.get_template(template).render(**values).strip()
