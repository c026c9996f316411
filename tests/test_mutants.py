"""Every mutant that a test module lists is caught by the test it names."""

import importlib
import inspect
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import Mutant

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


def listed() -> list[Mutant]:
    found: list[Mutant] = []
    for path in sorted(HERE.rglob("test_*.py")):
        if "MUTANTS = [" in path.read_text("utf-8") and path != Path(__file__):
            name = ".".join(path.relative_to(HERE.parent).with_suffix("").parts)
            found += importlib.import_module(name).MUTANTS
    return found


ALL = listed()


@pytest.mark.parametrize("mutant", ALL, ids=str)
def test_a_mutant_is_caught(mutant, request):
    named = inspect.signature(mutant.test).parameters
    fixtures = {name: request.getfixturevalue(name) for name in named}
    mutant.test(**fixtures)  # passes on the truth
    assert not mutant.survives(**fixtures)


def test_a_harmless_change_survives_so_that_being_caught_means_something():
    for mutant in [m for m in ALL if m.module == "core.interpolation.wise"]:
        assert replace(mutant, new=f"({mutant.old})").survives()
