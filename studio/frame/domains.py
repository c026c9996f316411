"""Names and styles of domains: the same colour and symbol on every page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from studio.frame import words

_STYLES = (
    ("var(--ek-s1)", "square"),
    ("var(--ek-s2)", "diamond"),
    ("var(--ek-s3)", "triangle-up"),
    ("var(--ek-s4)", "cross"),
    ("var(--ek-s5)", "star"),
)


@dataclass(frozen=True)
class DomainStyle:
    """The title, colour and symbol of a domain. Colour never stands alone."""

    key: str
    title: str
    role: str
    """`id`, `val`, `train` or `ood`."""
    colour: str
    symbol: str
    """Plotly's name of the symbol; the style sheet draws the same ones."""


def domain_styles(keys: Iterable[str]) -> list[DomainStyle]:
    """The styles of these domains, ID first, then OOD by name."""
    keys = list(keys)
    ood = sorted(key for key in keys if key.startswith("ood/"))
    found = [
        DomainStyle(key, _title(key), _role(key), "var(--ek-s0)", "circle")
        for key in ("test", "val", "train")
        if key in keys
    ]
    for i, key in enumerate(ood):
        found.append(DomainStyle(key, _title(key), "ood", *_STYLES[i % len(_STYLES)]))
    return found


def shown(domains: Mapping[str, Any]) -> list[DomainStyle]:
    """The domains that a chart of results shows: the ID test images and every OOD domain."""
    found = domain_styles(domains)
    return [style for style in found if style.role in ("id", "ood")] or found


def _title(key: str) -> str:
    if key.startswith("ood/"):
        return key.removeprefix("ood/")
    return f"{words.Domains.id_role} {words.Domains.domain_titles.get(key, key)}"


def _role(key: str) -> str:
    return {"test": "id"}.get(key, key)
