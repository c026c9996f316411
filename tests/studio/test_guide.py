"""docs/methods.md is what the code says."""

from pathlib import Path

from core import interpolation, methods
from studio.train.guide import guide

PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods.md"


def test_the_method_guide_is_written_from_the_catalogue():
    written = guide(methods.catalogue(), interpolation.catalogue())
    assert PAGE.read_text("utf-8") == written, "evenkeel methods --guide > docs/methods.md"
    for name in (*methods.METHODS, *interpolation.INTERPOLATORS):
        assert f"`{name}`" in written
