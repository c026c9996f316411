"""What is printed, in the characters that a stream has."""

import io
import json
import os
import subprocess
import sys

import pytest

from core.printing import json_for, print_anything

SAID = "犬 − 0.3 – α = 0.5 chłopiec \udcff"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", r"\u72ac - 0.3 - alpha = 0.5 ch\u0142opiec \udcff"),
        ("cp1252", r"\u72ac - 0.3 – alpha = 0.5 ch\u0142opiec \udcff"),
        ("cp1253", r"\u72ac - 0.3 – α = 0.5 ch\u0142opiec \udcff"),
        ("utf-8", r"犬 − 0.3 – α = 0.5 chłopiec \udcff"),
    ],
)
def test_what_a_stream_does_not_have_is_written_with_what_it_has(monkeypatch, encoding, written):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    print_anything()
    print(SAID, end="", flush=True)
    assert out.buffer.getvalue().decode(encoding) == written


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_json_document_reads_back_whatever_the_stream_has(encoding):
    document = {"name": SAID.removesuffix("\udcff") + "🦊"}
    text = json_for(document, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert json.loads(text.encode(encoding).decode(encoding)) == document
    assert ("犬" in text) is (encoding == "utf-8")


@pytest.mark.parametrize(
    "encoding",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["cp1252", "ascii", "C"],
)
@pytest.mark.parametrize(
    ("command", "code"),
    [(["--help"], 0), (["methods"], 0), (["methods", "--json"], 0), (["data", "check", "żaba"], 2)],
)
def test_no_command_ends_for_a_character(tmp_path, encoding, command, code):
    done = subprocess.run(
        [sys.executable, "-m", "studio", *command],
        env={**os.environ, **encoding, "EVENKEEL_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


def test_a_process_that_logs_prints_anything(tmp_path):
    program = (
        "import logging; from jobs import logs; from jobs.settings import Settings\n"
        "logs.set_up(Settings(), 'worker'); logging.getLogger('jobs').warning('żaba − 犬')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict", "EVENKEEL_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert rb"\u017caba - \u72ac" in done.stderr
    assert b"Logging error" not in done.stderr
