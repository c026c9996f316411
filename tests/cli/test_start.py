"""Starting where another package has taken our name."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_foreign_package_called_core_is_named_and_nothing_starts(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("")
    result = subprocess.run(
        [sys.executable, "-c", "from studio.cli import main; main()"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert str(tmp_path / "core") in result.stderr
    assert "Another package called 'core'" in result.stderr
