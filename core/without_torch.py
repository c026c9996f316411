"""Modules of `core` read without torch: a page checks and describes a run in its own process.

A method is one file, and its hyper-parameters stand in a module that imports torch, which takes
seconds and half a gigabyte. So the same source is executed a second time, in modules of its own,
where torch and every other library that only computing needs is a stand-in. What the
hyper-parameters are, their rules and their sentences come from the one definition there is. Nothing
of it enters `sys.modules`, so that a process may have both.
"""

import builtins
import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

import core

_TWICE = ("models", "training", "methods", "interpolation", "evaluation", "export", "run")
"""The rooms of `core` that are read a second time. All else is torch-free and shared, so that a
`UserError` or a `RunConfig` is the same class on both sides."""
_REAL = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions")
"""Libraries that define and check hyper-parameters. Any other is a stand-in."""

_lock = threading.RLock()
_read: dict[str, ModuleType] = {}
_reading = 0
"""How many modules are being executed: only then may a stand-in be called."""


def read(name: str) -> ModuleType:
    """The module of `core` with stand-ins for torch. Executed once, from whichever thread."""
    with _lock:
        return _read.get(name) or _execute(name)


class StandIn:
    """Something of a library that is not loaded: good for annotations, decorators and base classes.

    Its value is not known, so what would need it raises.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *_: Any, **__: Any) -> "StandIn":
        """Decorates and makes constants while modules are read; an error later."""
        if not _reading:
            raise RuntimeError(
                f"{self.__name__} is needed, and torch is not loaded here. `Params` and `check` of "
                "a method are plain Python."
            )
        return StandIn(f"{self.__name__}()")

    def __bool__(self) -> bool:
        raise RuntimeError(f"{self.__name__} is not known where torch is not loaded.")

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __getitem__(self, _key: object) -> "StandIn":
        return self

    def __or__(self, _other: object) -> "StandIn":
        return self

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"<stand-in for {self.__name__}>"


def _execute(name: str) -> ModuleType:
    global _reading
    parent = name.rpartition(".")[0]
    places = core.__path__ if parent == "core" else read(parent).__path__
    spec = PathFinder.find_spec(name, places)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = importlib.util.module_from_spec(spec)
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
    _read[name] = module
    _reading += 1
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del _read[name]
        raise
    finally:
        _reading -= 1
    return module


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Imports for these modules. Absolute names only, as everywhere in `core`."""
    root, *parts = name.split(".")
    if root == "core":
        return _of_core(name, fromlist or ())
    if root in sys.stdlib_module_names or root in _REAL:
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    found = StandIn(root)
    for part in parts if fromlist else ():
        found = getattr(found, part)
    return found


def _of_core(name: str, wanted: Sequence[str]) -> Any:
    """A module of `core`, or something that has what is wanted from it by name."""
    module = _module(name)
    if "*" in wanted:
        return module
    if not wanted:
        raise ImportError(f"Write `from … import …` instead of `import {name}`.", name=name)
    return SimpleNamespace(**{part: _part(module, name, part) for part in wanted})


def _part(module: ModuleType, name: str, part: str) -> Any:
    is_real_room = name == "core" and part in _TWICE  # which this process may have loaded as well
    if hasattr(module, part) and not is_real_room:
        return getattr(module, part)
    return _module(f"{name}.{part}")


def _module(name: str) -> ModuleType:
    is_read_twice = name.split(".")[1:2] and name.split(".")[1] in _TWICE
    return read(name) if is_read_twice else importlib.import_module(name)
