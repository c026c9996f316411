"""`python -m docs.reliability`: run what shows each promise, and write its figure into the page.

A test says its figure by the fixture `figure`; of one that says nothing the cases are counted.
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).with_name("reliability.md")
ROW = re.compile(
    r"^\| (?P<promise>[RS]\d+) \| (?P<text>.*?) \| (?P<figure>.*?) \| (?P<shown>.*?) \|$", re.M
)
TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")
Case = tuple[str, bool, list[str]]
"""The test's name as the page has it, whether it passed, and its figures."""


def main() -> None:
    """Run them all, write the page, and end with 1 if one did not pass."""
    page = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = [
            "-q",
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
        ]  # the one with properties
        command = [sys.executable, "-m", "pytest", *options, *tests_of(page)]
        code = subprocess.run(command, cwd=PAGE.parents[1], check=False).returncode
        cases = list(cases_of(ElementTree.parse(report)))
    PAGE.write_text(with_figures(page, cases), "utf-8")
    sys.exit(code)


def tests_of(page: str) -> list[str]:
    """Every test that the page names, once."""
    return list(dict.fromkeys(TEST.findall(page)))


def cases_of(report: "ElementTree.ElementTree[ElementTree.Element]") -> Iterator[Case]:
    """The cases of a JUnit report."""
    for case in report.iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        name = case.get("name", "").partition("[")[0]
        passed = all(case.find(bad) is None for bad in ("failure", "error", "skipped"))
        figures = [p.get("value", "") for p in case.iter("property") if p.get("name") == "figure"]
        yield f"{file}::{name}", passed, figures


def with_figures(page: str, cases: Iterable[Case]) -> str:
    """The page, each row with what its tests said. A row whose figure is no test's stays."""
    by_test: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_test[case[0]].append(case)
        by_test[case[0].partition("::")[0]].append(case)

    def row(found: re.Match[str]) -> str:
        said = [_figure(by_test, name) for name in TEST.findall(found["shown"])]
        figure = "; ".join(filter(None, said)) or found["figure"]
        return f"| {found['promise']} | {found['text']} | {figure} | {found['shown']} |"

    return ROW.sub(row, page)


def _figure(by_test: Mapping[str, list[Case]], name: str) -> str:
    cases = by_test.get(name, [])
    if not cases:
        return ""
    if bad := sum(not passed for _, passed, _ in cases):
        return f"**{bad} of {len(cases)} cases not passed**"
    figures = dict.fromkeys(figure for case in cases for figure in case[2])
    if "::" not in name or not figures:
        return f"{len(cases)} case{'s' if len(cases) > 1 else ''}"
    return "; ".join(figures)


if __name__ == "__main__":
    main()
