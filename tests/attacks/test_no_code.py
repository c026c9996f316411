"""Nothing that a file on disk says is ever run: read from the source, and tried."""

import ast
import pickle
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.models.array_cache import ArrayCache
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.worker.messages import MessageQueue

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for name in ("core", "jobs", "studio") for path in (ROOT / name).rglob("*.py")]
UNPICKLERS = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
NEVER = {
    ("torch", "load"): "weights_only",
    ("yaml", "load"): None,
    ("yaml", "load_all"): None,
    ("yaml", "full_load"): None,
    ("yaml", "unsafe_load"): None,
    ("os", "system"): None,
    ("os", "popen"): None,
    ("diskcache", "Cache"): "disk",
    ("diskcache", "FanoutCache"): "disk",
    ("", "eval"): None,
    ("", "exec"): None,
    ("", "SqliteHuey"): "serializer",
}
"""Calls that are forbidden, except with the argument that makes them safe."""
NEVER_BY_ANYBODY = {"extractall", "unpack_archive"}
UNSAFE_ARGUMENTS = {"shell": False, "allow_pickle": False, "weights_only": True}
"""Arguments that may have only this value, whatever is called."""


def faults(source: str) -> Iterator[str]:
    """Every place in a program where data could become code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            yield from (f"imports {name}" for name in names & UNPICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNPICKLERS:
            yield f"imports {node.module}"
        elif isinstance(node, ast.Call):
            yield from _call_faults(node)


def _call_faults(node: ast.Call) -> Iterator[str]:
    given = {word.arg: word.value for word in node.keywords}
    owner = getattr(getattr(node.func, "value", None), "id", "")
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    for called in ((owner, name), ("", name) if not owner else (owner, name)):
        if called in NEVER and NEVER[called] not in given:
            yield f"calls {owner}.{name}"
            break
    if name in NEVER_BY_ANYBODY:
        yield f"calls {name}"
    for argument, safe in UNSAFE_ARGUMENTS.items():
        value = given.get(argument)
        if value is not None and not (isinstance(value, ast.Constant) and value.value is safe):
            yield f"{argument} is not {safe}"


def test_no_source_of_ours_runs_data(figure):
    assert len(SOURCES) > 100
    found = {path.name: [*faults(path.read_text("utf-8"))] for path in SOURCES}
    # Runs the code that an export prints, which is ours, in a process of its own.
    assert found.pop("with_snippet.py") == ["calls .exec", "calls .exec"]
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    figure(f"{len(SOURCES)} sources: 0 places")


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, joblib",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=safe)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(path)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
        "diskcache.Cache(folder)",
        "SqliteHuey(filename=path)",
        "eval(text)",
    ],
)
def test_each_way_to_run_data_would_be_found(source):
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)",
        "model.eval()",
        "json.load(file)",
        "diskcache.Cache(folder, disk=ArrayDisk)",
        "subprocess.run(line, shell=False)",
    ],
)
def test_what_is_safe_is_left_alone(source):
    assert list(faults(source)) == []


class Bomb:
    """Leaves a canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.fixture
def bomb(tmp_path):
    planted = pickle.dumps(Bomb(tmp_path / "canary"))
    pickle.loads(planted)  # it does go off
    assert (tmp_path / "canary").exists()
    (tmp_path / "canary").unlink()
    yield planted
    assert not (tmp_path / "canary").exists(), "a pickle was run"


def test_a_pickle_in_the_queue_is_not_run(tmp_path, bomb):
    settings = Settings(home=tmp_path / "home")
    heard = []
    with MessageQueue(settings, heard.append) as messages:
        messages.send("a-run")
        with closing(sqlite3.connect(settings.queue_path)) as database, database:
            changed = database.execute("update task set data = ?", (bomb,)).rowcount
        assert changed == 1
        with pytest.raises((ValueError, UnicodeDecodeError)):
            messages._huey.dequeue()
    assert heard == []


def test_a_pickle_in_the_ledger_is_not_run(tmp_path, bomb):
    settings = Settings(home=tmp_path / "home")
    job = Ledger(settings).submit(RunConfig(data="/data", method="ft"))
    with closing(sqlite3.connect(settings.ledger_path)) as database, database:
        database.execute("update job set config = ?", (bomb,))
    with pytest.raises((ValueError, TypeError, UnicodeDecodeError)):
        Ledger(settings).get(job.id)


def test_a_pickle_in_the_cache_is_not_run(tmp_path, bomb):
    import torch

    cache = ArrayCache(tmp_path)
    cache.get("key", lambda: torch.zeros(2))
    cache.close()
    with closing(sqlite3.connect(tmp_path / "arrays" / "cache.db")) as database, database:
        assert database.execute("update Cache set mode = 4, value = ?", (bomb,)).rowcount == 1
    again = ArrayCache(tmp_path)
    with pytest.raises(ValueError, match="pickled"):
        again.get("key", lambda: torch.zeros(2))
    again.close()


def test_nobody_else_on_the_machine_can_read_a_home(tmp_path):
    """Without the mode of the home, folders in it could be entered whatever the umask says."""
    settings = Settings(home=tmp_path / "home")
    job = Ledger(settings).submit(RunConfig(data="/data", method="ft"))
    with MessageQueue(settings) as messages:
        messages.send(job.id)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    databases = [*settings.home.glob("*.db*")]
    assert {settings.ledger_path, settings.queue_path} <= set(databases)
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in databases} == {
        path.name: "0o600" for path in databases
    }
