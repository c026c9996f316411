"""`evenkeel` in this process, with a data folder of its own."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from studio.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one sentence that a user's mistake gets."""
        assert self.code == 2, self
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.strip()


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    folder = tmp_path / "home"
    monkeypatch.setenv("EVENKEEL_HOME", str(folder))
    return folder


@pytest.fixture
def evenkeel(capfd):
    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, tiny_model, tiny_data):
    """A run folder as `evenkeel train --out` writes it."""
    from core.results.records import RunConfig
    from core.run import pipeline

    folder = tmp_path_factory.mktemp("runs") / "finished"
    config = RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        shots=4,
        alphas=(0.0, 0.5, 1.0),
        evaluations=1,
        device="cpu",
        params={"epochs": 2, "batch_size": 4},
    )
    for _ in pipeline.run(config, folder):
        pass
    return folder
