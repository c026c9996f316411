"""Interpolation: mixes weights or outputs of classifiers that share their starting point.

One file, one interpolator. Every module here that defines an `Interpolator` with a name is found
automatically.
"""

import inspect
import pkgutil
from typing import Any

from core.errors import unknown
from core.interpolation.base import Combination, Interpolator, Member


def _discover() -> dict[str, type[Interpolator]]:
    found: dict[str, type[Interpolator]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        # The plain statement's function: `core.without_torch` has one of its own.
        module = __import__(f"{__name__}.{module_info.name}", fromlist=["*"])
        for value in vars(module).values():
            if _is_interpolator(value) and value.__module__ == module.__name__:
                found[value.name] = value
    return dict(sorted(found.items()))


def _is_interpolator(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Interpolator) and hasattr(value, "name")


INTERPOLATORS = _discover()
"""Every interpolator by its id."""


def find(name: str) -> type[Interpolator]:
    """The interpolator called `name`, or a `UserError` that names its neighbours."""
    if name not in INTERPOLATORS:
        raise unknown("interpolator", name, INTERPOLATORS)
    return INTERPOLATORS[name]


def catalogue() -> list[dict[str, Any]]:
    """Every interpolator with its paper, the number of runs it takes, and its settings, as JSON."""
    return [
        {
            "name": interpolator.name,
            "title": interpolator.title,
            "paper": interpolator.paper,
            "summary": interpolator.summary,
            "members": {"fewest": interpolator.fewest, "most": interpolator.most},
            "mixes_weights": interpolator.mixes_weights,
            "knobs": interpolator.Params.knobs(),
        }
        for interpolator in INTERPOLATORS.values()
    ]


__all__ = ["INTERPOLATORS", "Combination", "Interpolator", "Member", "catalogue", "find"]
