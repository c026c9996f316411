"""A data folder of its own for every test, and one real worker for the suite."""

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings
from tests.jobs.real_worker import WorkerProcess


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def ledger(settings):
    return Ledger(settings)


@pytest.fixture(scope="session")
def config(tiny_model, tiny_data) -> RunConfig:
    """A run of a second or two."""
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        shots=4,
        alphas=(0.0, 0.5, 1.0),
        evaluations=1,
        device="cpu",
        params={"epochs": 2, "batch_size": 4},
    )


@pytest.fixture(scope="session")
def long_config(config) -> RunConfig:
    """A run that would take minutes."""
    return config.model_copy(update={"params": {"epochs": 100_000, "batch_size": 4}})


@pytest.fixture(scope="session")
def shared_settings(tmp_path_factory):
    """The home that the suite's worker serves."""
    return Settings(home=tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture(scope="session")
def worker(shared_settings):
    """One worker for all tests that do not harm it."""
    started = WorkerProcess(shared_settings)
    yield started
    started.leave()
