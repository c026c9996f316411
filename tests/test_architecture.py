"""The house's one rule, read from the source: imports go studio → jobs → core, and inside core to
the left.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "jobs", "studio")
FORBIDDEN = {
    "core": {"jobs", "studio", "gradio", "huey", "plotly"},
    "jobs": {"studio", "gradio", "plotly"},
    "studio": set(),
}
LAYERS = (
    {
        "params",
        "errors",
        "intervals",
        "rounding",
        "printing",
        "spelling",
        "events",
        "records",
        "runs",
        "embedded",
        "allocator",
        "durable",
        "crash",
    },
    {"data", "models", "demo"},
    {"training"},
    {"methods", "interpolation"},
    {"evaluation", "export"},
    {
        "ending",
        "environment",
        "finished",
        "pipeline",
        "combine",
        "watch",
        "prototypes",
        "zero_shot",
        "benchmark",
        "comparison",
        "protocols",
        "cross_validation",
    },
)
TORCH_FREE = (
    "core.durable",
    "core.errors",
    "core.intervals",
    "core.rounding",
    "core.params",
    "core.events",
    "core.records",
    "core.runs",
    "core.demo",
    "core.comparison",
    "core.export.clip_vit",
    "core.export.documents",
    "core.data.ingest",
    "core.data.fewshot",
    "core.data.health",
    "core.data.assemble",
    "jobs.uploads.intake",
    "core.evaluation.calibration",
    "core.evaluation.confusion",
    "core.evaluation.correction",
    "core.evaluation.cost",
    "core.evaluation.groups",
    "core.evaluation.inspecting",
    "core.evaluation.inspection",
    "core.evaluation.by_shots",
    "core.evaluation.paired",
    "core.evaluation.predictions",
    "core.evaluation.robustness",
    "core.evaluation.space",
    "core.evaluation.standing",
    "jobs.queueing",
    "jobs.progress",
    "jobs.evaluator.client",
    "studio.cli",
    "studio.app",
)


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_never_go_back(package):
    for path in sources(package):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & FORBIDDEN[package], path


def test_inside_core_imports_go_to_the_left():
    rank = {name: index for index, layer in enumerate(LAYERS) for name in layer}
    for path in sources("core"):
        part = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in rank, f"{part} has no place in the layers"
        for name in imported(path):
            if name.startswith("core."):
                other = name.split(".")[1]
                assert rank[other] <= rank[part], f"{path} imports {name}"


def test_neither_queue_nor_studio_knows_a_method_by_name():
    from core.methods import METHODS

    names = set(METHODS) - {"zero-shot"}  # which is also one end of every run
    known = {
        (path.name, node.value)
        for package in ("jobs", "studio")
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    # Whose knobs stand for all in the printed guide, and whose first step is timed.
    assert known == {("guide.py", "ft"), ("response.py", "ft")}


def test_no_module_is_named_after_the_standard_library():
    for package in PACKAGES:
        for path in sources(package):
            if path.parent == ROOT / package:
                assert path.stem not in sys.stdlib_module_names - {"__init__", "__main__"}, path


def brought_by(module, *others):
    """Which of the others a process has that imports this one."""
    code = f"import {module}, sys; print(*{{*{others!r}}} & {{*sys.modules}})"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_the_page_imports_does_not_import_torch(module):
    assert brought_by(module, "torch") == set()


def test_the_evaluator_waits_for_no_import_of_scikit_learn():
    assert brought_by("jobs.evaluator.server", "torch", "sklearn") == {"torch"}
