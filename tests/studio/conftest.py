"""A studio over a scratch home: real folders, real records; nobody answers for the evaluator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.events import Evaluated, Saved, Stage, Step, Warned
from core.results.intervals import wilson
from core.results.paired import compare_hits, mean_change
from core.results.records import (
    AccuracyChange,
    DomainScore,
    Evaluation,
    FamiliarImages,
    Mixing,
    RunConfig,
    RunRecord,
    Selection,
    Steadiness,
    WisePoint,
)
from core.results.runs import EventLog, RunFolder
from core.results.untrained import NamesAsRead, Prototypes, ZeroShotScores
from jobs.evaluator.questions import A, Question
from jobs.settings import Settings
from studio.people.visitors import OWNER
from studio.workspace import Workspace
from studio.workspace.studio import Studio

NASTY = "<img src=x onerror=alert(1)>"
SIZES = {"val": 40, "test": 100, "ood/noto": 50, "ood/sketch": 50}


def score(correct: int, n: int) -> DomainScore:
    """The real type, from counts."""
    low, high = wilson(correct, n)
    share = correct / n
    return DomainScore(
        n=n, correct=correct, accuracy=share, low=low, high=high, ece=0.0, nll=1.0, macro=share
    )


def evaluation(**correct: int) -> Evaluation:
    """Counts by domain: `test=70, ood_noto=30`."""
    named = {name.replace("ood_", "ood/"): right for name, right in correct.items()}
    domains = {name: score(right, SIZES[name]) for name, right in named.items()}
    ood = [s.accuracy for name, s in domains.items() if name.startswith("ood/")]
    return Evaluation(
        domains=domains, id=domains["test"].accuracy, ood=sum(ood) / len(ood) if ood else None
    )


ZERO = evaluation(val=24, test=60, ood_noto=30, ood_sketch=25)
TUNED = evaluation(val=32, test=80, ood_noto=26, ood_sketch=15)


def point(alpha: float) -> WisePoint:
    """A frontier that is straight between zero-shot and tuned."""
    domains = {
        name: (1 - alpha) * ZERO.domains[name].accuracy + alpha * TUNED.domains[name].accuracy
        for name in ZERO.domains
    }
    ood = (domains["ood/noto"] + domains["ood/sketch"]) / 2
    return WisePoint(alpha=alpha, id=domains["test"], ood=ood, val=domains["val"], domains=domains)


@pytest.fixture
def record() -> RunRecord:
    """A finished run."""
    return RunRecord(
        run_id="ft-20260101-0000-abcd",
        config={**RunConfig(data="/data", method="ft", shots=16).model_dump(mode="json")},
        classes=["red fox", NASTY],
        evaluations={"zero-shot": ZERO, "fine-tuned": TUNED},
        wise=[point(round(0.05 * i, 2)) for i in range(21)],
        selection=Selection(checkpoint="last", alpha=0.3, alpha_chosen_on="val"),
        timing={"train_seconds": 1.0},
        environment={},
        files={},
    )


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """The studio of an empty home."""
    settings = Settings(home=tmp_path / "home")
    uploads = settings.home / "tmp" / "uploads"
    uploads.mkdir(parents=True)
    return Studio.over(settings, uploads)


def zero_shot(found: Evaluation, **known: Any) -> ZeroShotScores:
    """A zero-shot answer with this evaluation and no findings."""
    lists = {name: [] for name in ("classes", "folders", "templates", "doubts", "notes")}
    told: dict[str, Any] = {**lists, "hits": {}, "id_per_class": {}, **known}
    return ZeroShotScores(
        evaluation=found,
        model="embedded",
        activation="gelu",
        names_read=NamesAsRead(length=77),
        seconds=0.1,
        **told,
    )


NO_PROTOTYPES = Prototypes(templates=[], centres=[], trail=[])


def stand_in(studio: Studio, kind: type[Question[A]], answer: Callable[[Any], A]) -> None:
    """From now on `answer` answers questions of a kind in the evaluator's place."""
    others = studio.evaluator.ask

    def ask(question: Question[Any]) -> Any:
        return answer(question) if isinstance(question, kind) else others(question)

    studio.evaluator.ask = ask  # type: ignore[method-assign]


@pytest.fixture
def mine(studio) -> Workspace:
    """The studio as its owner has it."""
    return Workspace(studio, OWNER)


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Uploaded files as the browser reports them: `{rel, path, size}`."""

    def make(studio: Studio, *rels: str) -> list[dict[str, Any]]:
        found = []
        for i, rel in enumerate(rels):
            folder = Path(studio.settings.home) / "tmp" / "uploads" / f"{i:064d}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / Path(rel).name
            Image.new("RGB", (40, 40), (7 * i % 255, 90, 200 - i % 200)).save(path)
            found.append({"rel": rel, "path": str(path), "size": path.stat().st_size})
        return found

    return make


@pytest.fixture
def run(studio: Studio, record: RunRecord) -> RunFolder:
    """A finished run in the home's ledger and runs folder."""
    job = studio.ledger.submit(RunConfig(data="/data", method="ft", shots=16))
    folder = studio.folder(job.id)
    folder.create(RunConfig(data="/data", method="ft", shots=16))
    log = EventLog(folder)
    for event in (
        Stage("data"),
        Evaluated("zero-shot", 0, ZERO.domains),
        Stage("training"),
        *(Step(i, 20, 1, 1, 2.0 / i, {"class": 2.0 / i}, 1e-4, 1.0, 50.0) for i in range(1, 21)),
        Warned(f"class {NASTY} is small"),
        Evaluated("fine-tuned", 20, TUNED.domains),
        Stage("done"),
        Saved("record", "record.json"),
    ):
        log.append(event)
    log.close()
    record.model_copy(update={"run_id": job.id}).write(folder.record_path)
    return folder


SHARES = {"val": 0.9, "test": 0.95, "ood/noto": 0.4, "ood/sketch": 0.1}
"""Of the images of a domain how many are familiar to the gate of a steady run."""


def steady_point(alpha: float) -> WisePoint:
    """A frontier that moves only as far as images are familiar."""
    wise = point(alpha)
    domains = {
        name: ZERO.domains[name].accuracy
        + SHARES[name] * (wise.domains[name] - ZERO.domains[name].accuracy)
        for name in wise.domains
    }
    ood = (domains["ood/noto"] + domains["ood/sketch"]) / 2
    return WisePoint(alpha=alpha, id=domains["test"], ood=ood, val=domains["val"], domains=domains)


RECOMMENDED = evaluation(val=30, test=75, ood_noto=29, ood_sketch=25)


def change(n: int, gained: int, lost: int, outcome: str) -> AccuracyChange:
    """A change with Tango's real interval; what the test said is given."""
    found = compare_hits(n - gained - lost, lost, gained)
    spread = {"difference": found.difference, "low": found.low, "high": found.high}
    return AccuracyChange(
        n=n, gained=gained, lost=lost, p=found.p, p_holm=found.p, outcome=outcome, **spread
    )


@pytest.fixture
def steady_record(record: RunRecord) -> RunRecord:
    """A finished run with a gate, which it recommends, with tests against zero-shot."""
    steady = Steadiness(
        layers=["conv1"],
        neighbours=5,
        threshold=1.0,
        width=0.1,
        calibrated_on=60,
        unfamiliar=0.0,
        evidence=0.1,
        temperatures={"0": 1.0, "1": 1.0},
        domains={
            name: FamiliarImages(n=n, familiar=round(SHARES[name] * n), share=SHARES[name])
            for name, n in SIZES.items()
        },
        points=[steady_point(one.alpha) for one in record.wise],
    )
    by_domain = {
        "recommended": {
            "test": change(100, 18, 3, "better"),
            "ood/noto": change(50, 1, 2, "held"),
            "ood/sketch": change(50, 0, 0, "held"),
        },
        "fine-tuned": {
            "test": change(100, 25, 5, "better"),
            "ood/noto": change(50, 3, 7, "held"),
            "ood/sketch": change(50, 1, 11, "worse"),
        },
    }
    means = {name: mean_change(found) for name, found in by_domain.items()}
    return record.model_copy(
        update={
            "mixing": Mixing.steady(0.8),
            "steady": steady,
            "changes": by_domain,
            "mean_changes": {name: found for name, found in means.items() if found},
            "evaluations": {**record.evaluations, "recommended": RECOMMENDED},
        }
    )
