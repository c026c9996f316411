"""Every promise in docs/reliability.md names what shows it, and its figure is what that said."""

import ast
from pathlib import Path
from xml.etree import ElementTree

from docs.reliability import PAGE, ROW, TEST, cases_of, with_figures

ROOT = Path(__file__).resolve().parent.parent
REPORT = """<testsuites><testsuite>
<testcase classname="tests.a.test_b" name="test_c[sqlite]"><properties>
<property name="figure" value="0 twice"/></properties></testcase>
<testcase classname="tests.a.test_b" name="test_c[other]"><properties>
<property name="figure" value="0 twice"/></properties></testcase>
<testcase classname="tests.a.test_b" name="test_d[1]"/>
<testcase classname="tests.a.test_b" name="test_d[2]"/>
<testcase classname="tests.a.test_b" name="test_e"><failure>no</failure></testcase>
</testsuite></testsuites>"""


def rows():
    return {found["promise"]: found["shown"] for found in ROW.finditer(PAGE.read_text("utf-8"))}


def functions(path):
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "name")}


def test_every_promise_has_a_row():
    assert set(rows()) == {f"R{n}" for n in range(1, 20)} | {f"S{n}" for n in range(1, 11)}


def test_what_shows_a_promise_exists():
    named = [(promise, test) for promise, shown in rows().items() for test in TEST.findall(shown)]
    assert len(named) >= 25
    for promise, test in named:
        file, _, name = test.partition("::")
        assert not name or name in functions(ROOT / file), promise


def test_a_figure_is_what_the_tests_of_its_row_said():
    shown = ("test_c`, `tests/a/test_b.py::test_d", "test_e", "test_of_elsewhere")
    page = "\n".join(
        f"| R{n} | words | old | `tests/a/test_b.py::{name}` |" for n, name in enumerate(shown, 1)
    )
    report = ElementTree.ElementTree(ElementTree.fromstring(REPORT))
    written = with_figures(page, cases_of(report))
    figures = [found["figure"] for found in ROW.finditer(written)]
    assert figures == ["0 twice; 2 cases", "**1 of 1 cases not passed**", "old"]
