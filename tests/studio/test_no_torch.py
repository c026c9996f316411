"""The page's process starts fast and lives through any crash of a model: it never imports torch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, sys
os.environ.pop("GRADIO_ANALYTICS_ENABLED", None)
import studio.app
assert "torch" not in sys.modules, "torch was imported"
assert "open_clip" not in sys.modules
assert "scipy" not in sys.modules, "scipy was imported: it costs a third of a second"
assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
"""


def test_the_page_imports_no_torch_and_calls_nobody():
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, timeout=120)


def test_no_component_is_a_subclass_of_gradio():
    assert not list((ROOT / "studio").rglob("*.pyi")), "Gradio wrote a stub for a subclass"
