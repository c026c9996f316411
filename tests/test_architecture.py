"""The house's one rule, read from the source: imports go studio → jobs → core, and inside core to
the left.
"""

import ast
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "jobs", "studio")
FORBIDDEN = {
    "core": {"jobs", "studio", "gradio", "huey", "plotly", "tests", "docs"},
    "jobs": {"studio", "gradio", "plotly", "tests", "docs"},
    "studio": {"tests", "docs"},  # neither is installed
}
LAYERS = (
    {"params", "errors", "rounding", "printing", "spelling", "embedded", "durable"}
    | {"without_torch"},
    {"events", "results"},
    {"data", "models"},
    {"training"},
    {"methods", "interpolation"},
    {"evaluation", "export"},
    {"run"},
)
TORCH_FREE = ("core.params", "core.events", "core.results", "core.data", "jobs", "studio")
"""What a page imports; all modules of a package. Torch comes in with the evaluator only."""
NOT_FOR_A_PAGE = (
    "jobs.evaluator.server",
    "jobs.evaluator.service",
    "jobs.ledger.migrations",  # run by Alembic only
    "studio.__main__",
)


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_never_go_back(package):
    for path in sources(package):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & FORBIDDEN[package], path


def test_an_import_is_seen_however_it_is_written(tmp_path):
    ways = ("import core.data", "from core.data import names", "from core import data")
    for way in ways:
        path = tmp_path / "one.py"
        path.write_text(way)
        assert "core.data" in imported(path), way


def test_inside_core_imports_go_to_the_left():
    rank = {name: index for index, layer in enumerate(LAYERS) for name in layer}
    for path in sources("core"):
        part = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in rank, f"{part} has no place in the layers"
        for name in imported(path):
            other = name.split(".")[1] if name.startswith("core.") else ""
            if other in rank:  # a name of `core` itself, such as `__version__`, is none
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
    # Whose knobs stand for all in the printed guide.
    assert known == {("guide.py", "ft")}


def test_no_module_is_named_after_the_standard_library():
    for package in PACKAGES:
        top = [path for path in sources(package) if path.parent == ROOT / package]
        assert ROOT / package / "__init__.py" in top
        for path in top:
            assert path.stem not in sys.stdlib_module_names - {"__init__", "__main__"}, path


def brought_by(module, *others):
    """Which of the others a process has that imports this one."""
    code = f"import {module}, sys; print(*{{*{others!r}}} & {{*sys.modules}})"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def torch_free():
    """All modules that a page may import, by folder."""
    for path in (found for package in PACKAGES for found in sources(package)):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        inside = any(name == one or name.startswith(f"{one}.") for one in TORCH_FREE)
        if inside and not name.startswith(NOT_FOR_A_PAGE):
            yield name


def test_what_the_page_imports_does_not_import_torch():
    names = list(torch_free())
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
    assert "torch" not in sys.modules, name
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_evaluator_waits_for_no_import_of_scikit_learn():
    assert brought_by("jobs.evaluator.server", "torch", "sklearn") == {"torch"}


MOST_ROOMS = 17


def named(source: str) -> set[str]:
    """Everything that a source imports, by its whole name: `from core import x` is `core.x`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms() -> dict[str, set[str]]:
    """Which rooms of the studio each of them imports, also for annotations or inside a function."""
    found: dict[str, set[str]] = {}
    for path in sources("studio"):
        room = path.relative_to(ROOT / "studio").parts[0].removesuffix(".py")
        found.setdefault(room, set()).update(named(path.read_text("utf-8")))
    found.pop("__init__")
    return {
        room: {name.split(".")[1] for name in names if name.startswith("studio.")}
        & set(found) - {room}
        for room, names in found.items()
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Rooms that import each other in a circle; none is the aim."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_rooms_of_the_studio_are_few_and_have_no_circle():
    graph = rooms()
    assert len(graph) <= MOST_ROOMS, sorted(graph)
    assert circle(graph) == []
    assert "workspace" in graph["lab"], "the control: imports are found"
    assert named("def f():\n    from studio import lab") == {"studio.lab"}
    back = graph | {"workspace": graph["workspace"] | {"lab"}}
    assert {"lab", "workspace"} <= set(circle(back)), "the control: a circle is found"


NEVER_IMPORTED = {"onnxscript"}
"""PyTorch imports it to write ONNX."""


def test_every_import_is_declared_and_every_declared_package_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    optional = {
        canonicalize_name(Requirement(line).name) for lines in extras.values() for line in lines
    }
    distributions = packages_distributions()
    roots = {
        name.split(".")[0]
        for package in PACKAGES
        for path in sources(package)
        for name in imported(path)
    } - {*PACKAGES, *sys.stdlib_module_names}
    used = {canonicalize_name(name) for root in roots for name in distributions.get(root, [root])}
    assert used - needed - optional == set()
    assert needed - used == NEVER_IMPORTED
