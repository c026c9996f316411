"""Texts that a page may show name no command-line flag; the command line adds its own."""

import ast
import re
from pathlib import Path

import pytest

from core.errors import UserError
from studio.cli import main

ROOT = Path(__file__).resolve().parents[2]
FLAG = re.compile(r"(?<![\w<!-])--[a-z]")
BEFORE_ANY_PAGE = {
    "studio/train/same_run.py": "the run as a command, which the page shows as that",
    "studio/train/guide.py": "the guide to the methods, a page of the docs",
    "studio/people/visitors.py": "refuses to start",
    "jobs/worker/supervise.py": "refuses to start",
}
"""Sentences for people who typed a command, and modules that start processes."""
OF_PROCESSES = {
    "jobs/evaluator/server.py",
    "jobs/process/child.py",
    "jobs/process/children.py",
    "jobs/doctor/devices.py",
}


def sentences(path: Path):
    """Every text in the code but docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def shown():
    for package in ("core", "jobs", "studio"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            parts = {"cli", "doctor"} & set(path.parts)
            if not parts and name not in BEFORE_ANY_PAGE and name not in OF_PROCESSES:
                yield path


def test_no_sentence_of_the_page_names_a_flag():
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in shown()
        for text in sentences(path)
        if FLAG.search(re.sub(r"var\(--[\w-]*", "", text))
    ]
    assert found == []


def test_no_template_of_the_page_names_a_flag():
    for path in (ROOT / "studio" / "templates").glob("*.html"):
        text = re.sub(r'style="[^"]*"', "", path.read_text("utf-8"))
        assert not FLAG.search(text), path.name


def test_the_command_line_says_which_option_allows_it(monkeypatch, capsys):
    def refuse(*_args, **_options):
        raise UserError("data: images leak.", setting="allow_leaks")

    monkeypatch.setattr("studio.cli.app.app", refuse)
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "data: images leak. The option: --allow-leaks." in capsys.readouterr().err
