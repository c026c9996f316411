"""Homes to measure with: many runs that are over, or one that has taken many steps."""

import socket
from pathlib import Path

from core.data.demo import write_demo
from core.events import Evaluated, Stage, Step
from core.results.intervals import wilson
from core.results.records import (
    DomainScore,
    Evaluation,
    Mixing,
    RunConfig,
    RunRecord,
    Selection,
    WisePoint,
)
from core.results.runs import EventLog
from jobs.ledger import Ledger
from jobs.settings import Settings

CLASSES = 10
STEPS = 60
"""Of each of many runs."""


def home(folder: Path) -> Settings:
    """An empty home with the demo on its shelf."""
    settings = Settings(home=folder, studio_queued=10**6)
    if not (folder / "datasets" / "demo").exists():
        write_demo(folder / "datasets" / "demo")
    return settings


def free_port() -> int:
    """A port for a page over such a home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finish_runs(settings: Settings, count: int) -> None:
    """Add finished runs on the demo: rows, logs and records as a worker leaves them."""
    ledger = Ledger(settings)
    for seed in range(count):
        config = _config(settings, seed)
        job = ledger.submit(config)
        folder = settings.run_folder(job.id)
        folder.create(config)
        _log(settings, job.id, STEPS, over=True)
        _record(job.id, config).write(folder.record_path)
        claimed = ledger.claim("the benchmark")
        assert claimed is not None
        ledger.finish(claimed, "done")


def train_long(settings: Settings, steps: int) -> str:
    """The id of a run that goes on, and has taken so many steps."""
    ledger, config = Ledger(settings), _config(settings, 0)
    job = ledger.submit(config)
    settings.run_folder(job.id).create(config)
    ledger.claim("the benchmark")
    _log(settings, job.id, steps)
    return job.id


def _log(settings: Settings, run_id: str, steps: int, over: bool = False) -> None:
    log = EventLog(settings.run_folder(run_id))
    for event in (Stage("data"), Evaluated("zero-shot", 0, _measured(60).domains)):
        log.append(event)
    log.append(Stage("training"))
    for step in range(1, steps + 1):
        terms = {"class": 1 / step, "spurious": 2 / step}
        epoch = 1 + 10 * step // (steps + 1)
        log.append(Step(step, steps, epoch, 10, 3 / step, terms, 1e-4, 1.0, 50.0))
    if over:
        for event in (Evaluated("fine-tuned", steps, _measured(80).domains), Stage("done")):
            log.append(event)
    log.close()


def _config(settings: Settings, seed: int) -> RunConfig:
    return RunConfig(data=str(settings.home / "datasets" / "demo"), seed=seed, shots=16)


def _measured(correct: int) -> Evaluation:
    low, high = wilson(correct, 100)
    share = correct / 100
    each = {f"class {number}": (correct // CLASSES, 100 // CLASSES) for number in range(CLASSES)}
    score = DomainScore(
        n=100,
        correct=correct,
        accuracy=share,
        low=low,
        high=high,
        ece=0.1,
        nll=1.0,
        macro=share,
        per_class=each,
    )
    domains = dict.fromkeys(("val", "test", "ood/fluent-3d", "ood/noto"), score)
    return Evaluation(domains=domains, id=share, ood=share)


def _record(run_id: str, config: RunConfig) -> RunRecord:
    zero, tuned = _measured(60), _measured(80)
    shares = {name: score.accuracy for name, score in tuned.domains.items()}
    return RunRecord(
        run_id=run_id,
        config=config.model_dump(mode="json"),
        classes=[f"class {number}" for number in range(CLASSES)],
        evaluations={"zero-shot": zero, "recommended": tuned, "fine-tuned": tuned},
        wise=[WisePoint(alpha=at / 20, id=0.8, ood=0.8, domains=shares) for at in range(21)],
        selection=Selection(checkpoint="last", alpha=0.5, alpha_chosen_on="val"),
        mixing=Mixing.wise(0.5),
        timing={"train_seconds": 1.0},
        environment={},
        files={},
    )
