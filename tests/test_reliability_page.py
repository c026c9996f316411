"""Every promise in docs/reliability.md names a test that exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (?P<promise>[RS]\d+) \|.*\| (?P<shown>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows():
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    return {found["promise"]: found["shown"] for found in ROW.finditer(page)}


def functions(path):
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "name")}


def test_every_promise_has_a_row():
    assert set(rows()) == {f"R{n}" for n in range(1, 20)} | {f"S{n}" for n in range(1, 11)}


def test_what_shows_a_promise_exists():
    named = [(promise, *test) for promise, shown in rows().items() for test in TEST.findall(shown)]
    assert len(named) >= 25
    for promise, file, name in named:
        assert not name or name in functions(ROOT / file), promise
