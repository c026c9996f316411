"""Mutants: small lies told to a formula, each of which a named test must catch.

A test module lists its own as `MUTANTS`; `tests/test_mutants.py` tells every one of them.
"""

import importlib
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest


@dataclass(frozen=True)
class Mutant:
    """In the source of `module`, `old` (which stands there once) becomes `new`; `test` must fail.

    `test` is a function of the module that lists the mutant; fixtures it may have. It meets the
    mutated functions and classes under the names that it imported from `module`.
    """

    module: str
    old: str
    new: str
    test: Callable[..., None]

    def __str__(self) -> str:
        return f"{self.module}: {self.old} -> {self.new}"

    def survives(self, **fixtures: Any) -> bool:
        """True if the test passes on the mutated module, given the fixtures that it names.

        Only an assertion catches a mutant: a lie that crashes proves nothing about the test.
        """
        lie = self._mutated()
        seen = vars(sys.modules[self.test.__module__])
        told = {name: vars(lie)[name] for name, value in seen.items() if self._owns(value, name)}
        assert told, f"{self.test.__name__} imports nothing from {self.module}"
        try:
            with patch.dict(self.test.__globals__, told):
                self.test(**fixtures)
        except (AssertionError, pytest.fail.Exception):  # the latter where `raises` saw nothing
            return False
        return True

    def _mutated(self) -> types.ModuleType:
        module = importlib.import_module(self.module)
        source = Path(str(module.__file__)).read_text("utf-8")
        assert source.count(self.old) == 1, f"{self.old!r} stands {source.count(self.old)} times"
        lie = types.ModuleType(self.module)
        lie.__file__ = module.__file__
        code = compile(source.replace(self.old, self.new), str(module.__file__), "exec")
        exec(code, vars(lie))
        return lie

    def _owns(self, value: Any, name: str) -> bool:
        return getattr(value, "__module__", None) == self.module and name in vars(
            importlib.import_module(self.module)
        )
