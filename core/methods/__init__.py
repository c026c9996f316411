"""Methods: one file, one method. Every module here that defines a `Method` with a name is found
automatically.
"""

import inspect
import pkgutil
from typing import Any

from core.errors import unknown
from core.methods.base import GradientMethod, LoopMethod, Method
from core.training.settings import TowerParams


def _discover() -> dict[str, type[Method]]:
    found: dict[str, type[Method]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        # The plain statement's function: `core.without_torch` has one of its own.
        module = __import__(f"{__name__}.{module_info.name}", fromlist=["*"])
        for value in vars(module).values():
            if _is_method(value) and value.__module__ == module.__name__:
                found[value.name] = value
    return dict(sorted(found.items()))


def _is_method(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Method) and hasattr(value, "name")


METHODS = _discover()
"""Every method by its id."""


def find(name: str) -> type[Method]:
    """The method called `name`, or a `UserError` that names its neighbours."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def catalogue() -> list[dict[str, Any]]:
    """Every method with its paper and its settings, as JSON."""
    return [
        {
            "name": method.name,
            "title": method.title,
            "family": method.family,
            "paper": method.paper,
            "summary": method.summary,
            "trains": issubclass(method, LoopMethod),
            "moves_tower": issubclass(method.Params, TowerParams),
            "knobs": method.Params.knobs(),
            "presets": {"paper": dict(method.paper_preset)},
        }
        for method in METHODS.values()
    ]


__all__ = ["METHODS", "GradientMethod", "LoopMethod", "Method", "catalogue", "find"]
