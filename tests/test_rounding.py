"""One rule writes every share: half up on what was counted, in Python and in the browser."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import playwright

from core.rounding import half_up, percent, plotted, points
from tests.mutants import Mutant

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    path
    for package in ("core", "jobs", "studio")
    for path in (ROOT / package).rglob("*.py")
    if "readers" not in path.parts
]
"""All but the little programs that leave with an export."""
STRAY = {
    "percent by a format": r":[+,]?\.\d%",
    "a share times 100 in a format": r"\{[^{}]*\b100 \*[^{}]*:[^{}]*f\}",
    "points by a format": r":\+\.\d+f",
}


def exactly(k: int, n: int, digits: int) -> str:
    """By fractions: k of n in percent, ties up."""
    scaled = (Fraction(100 * k, n) * 10**digits + Fraction(1, 2)).__floor__()
    return f"{scaled // 10**digits}.{scaled % 10**digits:0{digits}d}" if digits else str(scaled)


def test_every_count_is_rounded_half_up():
    for n in (8, 16, 40, 112, 160, 400, 2000):
        for k in range(n + 1):
            assert percent(k / n) == exactly(k, n, 1), (k, n)
            assert percent(k / n, 0) == exactly(k, n, 0), (k, n)


def test_a_difference_of_counts_is_rounded_half_up():
    assert (points(0.7125 - 0.6), points(0.6 - 0.7125)) == ("+11.3", "−11.3")
    assert (points(0.0004), points(-0.0004), points(0.0)) == ("±0.0", "±0.0", "±0.0")
    assert (points(None), percent(None)) == ("–", "–")
    assert (half_up(2.5), half_up(-0.04, 1), half_up(-2.5)) == ("3", "0.0", "-3")


def test_a_browser_rounds_what_is_plotted_as_we_do():
    for n in (16, 400, 2000):
        for k in range(n + 1):
            assert f"{plotted(k / n):.1f}" == percent(k / n)


def test_nobody_else_writes_percent_or_points():
    found = [
        f"{path.relative_to(ROOT)}: {what}: {line.strip()}"
        for path in SOURCES
        if path.name != "rounding.py"
        for line in path.read_text("utf-8").splitlines()
        for what, pattern in STRAY.items()
        if re.search(pattern, line)
    ]
    assert found == []


def test_hover_texts_round_what_was_made_for_it():
    texts = {path: path.read_text("utf-8") for path in (ROOT / "studio").rglob("*.py")}
    rounding = {p: t for p, t in texts.items() if re.search(r"%\{+[xy]:\.1f\}+ %", t)}
    assert len(rounding) >= 3, "the control: charts with such a text were found"
    for path, text in rounding.items():
        assert "plotted(" in text, path
        assert not re.search(r'"[xy]": \[?100 \*', text), path


def test_scripts_write_percent_in_one_place():
    scripts = sorted((ROOT / "assets" / "studio").glob("*.js"))
    assert any("toFixed" in path.read_text("utf-8") for path in scripts), "the control"
    for path in scripts:
        for line in path.read_text("utf-8").splitlines():
            stray = "100 *" in line and "toFixed" in line and "const value = Number(" not in line
            assert not stray, (path.name, line)


def test_the_browser_has_the_same_rule():
    node = Path(playwright.__file__).with_name("driver") / "node"  # always there: it runs the tests
    text = (ROOT / "assets/studio/evenkeel.js").read_text("utf-8")
    rule = text[text.index("  function halfUp") : text.index("  const interval")]
    asked = [k / n for n in (16, 112, 400, 2000) for k in range(n + 1)]
    program = f"{rule}; console.log({asked}.map((x) => percent(x) + ' ' + points(x - 0.3)).join())"
    said = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True).stdout
    ours = [f"{percent(x)}\u202f% {points(x - 0.3)}\u202fpp" for x in asked]
    assert said.strip().split(",") == ours


MUTANTS = [
    Mutant("core.rounding", "+ 0.5)", "+ 0.4999)", test_every_count_is_rounded_half_up),
    Mutant("core.rounding", " + 1e-9", "", test_a_browser_rounds_what_is_plotted_as_we_do),
]
