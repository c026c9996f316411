"""Verification: in a clean process, by the numbers, and without exceptions."""

import ast
import sys

import numpy as np
import pytest

from core.errors import UserError
from core.export import verify as verifying
from core.export.verify import Difference, verify

ALLOWED = {
    "with_open_clip": {"open_clip", "torch", "numpy"},
    "with_onnxruntime": {"onnxruntime", "numpy"},
    "with_transformers": {"transformers", "torch", "numpy"},
    "with_safetensors": {"safetensors", "numpy"},
    "with_steady": {"numpy"},
    "with_snippet": {"numpy"},
}


@pytest.fixture
def echo(monkeypatch, tmp_path):
    """A reader that returns its inputs times a factor from the export."""
    (tmp_path / "with_echo.py").write_text(
        "import sys, numpy\n"
        "folder, asked, answer = sys.argv[1:]\n"
        "factor = float(open(folder + '/factor').read())\n"
        "numpy.savez(answer, **{n: a * factor for n, a in numpy.load(asked).items()})\n"
    )
    monkeypatch.setattr(verifying, "_READERS", tmp_path)
    return tmp_path


def ask(folder, factor):
    (folder / "factor").write_text(str(factor))
    asked = {"logits": np.full((2, 3), 2.0)}
    return verify("echo", folder, asked, asked, {"logits": 1e-2})


def test_the_largest_difference_and_what_is_allowed_are_reported(echo):
    assert ask(echo, 1.001) == (Difference("logits", pytest.approx(0.002), 1e-2),)


def test_a_reader_that_is_not_done_in_time_is_said_in_one_sentence(echo, monkeypatch):
    (echo / "with_echo.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(verifying, "_TIMEOUT_SECONDS", 1)
    with pytest.raises(
        UserError, match=r"echo did not load .* within 1 seconds, so it is not verified"
    ):
        ask(echo, 1.0)


def test_what_a_reader_complains_of_need_not_be_in_our_encoding(echo):
    (echo / "with_echo.py").write_text(
        "import sys\nsys.stderr.buffer.write(b'caf\\xe9')\nsys.exit(1)\n"
    )
    with pytest.raises(UserError, match=r"could not load .*: caf\ufffd"):
        ask(echo, 1.0)


def test_what_a_reader_prints_need_not_be_in_the_encoding_of_our_output(echo, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with (echo / "with_echo.py").open("a") as script:
        script.write("print('ch\\u0142opiec')\n")
    assert ask(echo, 1.0)[0].fits


@pytest.mark.parametrize("factor", [1.1, float("nan")])
def test_other_outputs_are_a_failure_that_names_the_numbers(echo, factor):
    with pytest.raises(UserError, match=r"not the run's: logits (2.0e-01|nan) \(allowed 1e-02\)"):
        ask(echo, factor)


def test_an_output_that_is_missing_or_of_another_shape_is_a_failure(echo):
    (echo / "factor").write_text("1")
    own = {"logits": np.ones((2, 3)), "features": np.ones(2)}
    asked = {"logits": np.ones((2, 2))}
    with pytest.raises(UserError, match=r"logits inf .*; features inf "):
        verify("echo", echo, asked, own, dict.fromkeys(own, 1.0))


def test_what_cannot_be_loaded_at_all_is_said_with_the_programs_reason(echo):
    with pytest.raises(UserError, match=r"echo could not load .*: ValueError: could not convert"):
        ask(echo, "no number")


def test_readers_import_nothing_but_the_program_they_stand_for():
    found = {path.stem: path for path in verifying._READERS.glob("with_*.py")}
    assert set(found) == set(ALLOWED)
    for name, path in found.items():
        roots = {
            (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert roots - set(sys.stdlib_module_names) == ALLOWED[name], name
