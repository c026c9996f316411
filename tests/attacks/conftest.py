"""A real studio that strangers reach, two visitors in it, and what each of them owns.

Only the evaluator is a stand-in: it takes seconds, and nothing here is about its answers.
"""

import asyncio
import contextlib
import io
import re
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import studio.app
import studio.workspace.studio
from core.data.ingest import open_dataset
from core.evaluation.inspection import inspect
from core.events import Evaluated, Stage, Warned
from core.results.inspection import COLUMNS, Inspection
from core.results.photo import PhotoAnswer
from core.results.records import RunConfig, RunRecord, Selection
from core.results.runs import EventLog
from core.results.untrained import ShotsPlan, UntrainedCurve
from jobs.evaluator.questions import (
    A,
    DescribeDevice,
    Device,
    Inspect,
    Measure,
    MeasuredByHand,
    MeasureShots,
    MeasureZeroShot,
    Predict,
    PreviewPrototypes,
    Question,
)
from jobs.ledger import Ledger
from jobs.ledger.workspaces import Workspaces
from jobs.settings import Settings
from tests.studio.conftest import NO_PROTOTYPES, TUNED, ZERO, point, zero_shot

OWNER = "owner:correct horse"
LOAD, TICK, HEADER, QUEUE = "load", "tick", "ek-header", "ek-queue"
DATA, TRAIN, LIVE, LAB = "tab-data", "tab-train", "tab-live", "tab-lab"
"""Events of the page: of the whole, of a part of the frame, and the first one of a place."""


class Evaluator:
    """Answers at once, and says what it was asked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asked: list[Question[Any]] = []

    def ask(self, question: Question[A]) -> A:
        match question:
            case DescribeDevice():
                return Device("a processor", "cpu", bf16=False)
            case MeasureZeroShot():
                return zero_shot(ZERO)
            case PreviewPrototypes():
                return NO_PROTOTYPES
            case MeasureShots():
                self.asked.append(question)
                return UntrainedCurve(
                    encoder="embedded",
                    alpha=None,
                    plan=ShotsPlan(seeds=1),
                    sizes={},
                    domains={},
                    advice=[],
                    notes=[],
                )
            case Measure():
                self.asked.append(question)
                mixing = question.mixing
                return MeasuredByHand(
                    mixing=mixing, evaluation=TUNED, changes={}, alpha=mixing.alpha, seconds=0.1
                )
            case Inspect():
                self.asked.append(question)
                return self.inspect(question)
            case Predict():
                self.asked.append(question)
                return PhotoAnswer(familiarity=None, map=None, gate=None, columns=[])
        raise AssertionError(f"{question.name()} is not asked for in these tests")

    def inspect(self, question: Inspect) -> Inspection:
        """All of a run's first training image: what it says does not matter here."""
        data = open_dataset(Path(self.settings.run_folder(question.run_id).config().data))
        measured = {"test": data.domains[0].items[:1]}
        answers = {column: {"test": np.array([[1.0, 0.0]])} for column in COLUMNS}
        return inspect(question.mixing, (data.classes, data.names), measured, answers)


@dataclass
class Person:
    """A browser, and what belongs to whom sits before it."""

    name: str
    client: httpx.Client
    data_id: str = ""
    sha256: str = ""
    run_id: str = ""
    upload: str = ""
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    numbers: dict[str, int] = field(default_factory=dict, repr=False)
    """The names of the page's events."""

    def fire(
        self, fn: str | int, detail: dict[str, Any] | None = None, query: str = "", **changes: Any
    ) -> httpx.Response:
        """One event of the page, as its script sends it."""
        number = self.numbers[fn] if isinstance(fn, str) else fn
        body = {"data": [None], "event_data": detail, "fn_index": number, "trigger_id": 1}
        body |= {"session_hash": self.session} | changes
        if number == self.numbers[LOAD]:
            body["data"] = []
        return self.client.post(f"/gradio_api/run/predict{query}", json=body)

    def serve(self, name: str, *question: Any, **changes: Any) -> httpx.Response:
        """A call of a server function, at every component that might have it."""
        answers = []
        for component in self.client.get("/config").json()["components"]:
            if component["type"] != "html":
                continue
            body = {"data": list(question), "fn_name": name, "component_id": component["id"]}
            body |= {"session_hash": self.session} | changes
            answer = self.client.post("/gradio_api/component_server/", json=body)
            if answer.status_code != 404:
                return answer
            answers.append(answer)
        return answers[-1]

    def send(self, *files: tuple[str, bytes]) -> httpx.Response:
        """Files as the drop zone sends them."""
        parts = [("files", (name, content)) for name, content in files]
        return self.client.post("/studio/uploads", files=parts)


@dataclass
class Town:
    """The studio, its settings and the people."""

    url: str
    settings: Settings
    demo: Any
    people: list[Person] = field(default_factory=list)

    def browser(self, name: str, **options: Any) -> Person:
        """Somebody new: no cookie yet."""
        client = httpx.Client(base_url=self.url, timeout=60, **options)
        person = Person(name, client, numbers=event_numbers(self.demo))
        self.people.append(person)
        return person

    def visitor(self, name: str) -> Person:
        """Somebody who has opened the page."""
        person = self.browser(name)
        assert person.client.get("/").status_code == 200
        return person

    def resident(self, name: str) -> Person:
        """A visitor with a data set, a photo that waits, and a finished run with an export."""
        person = self.visitor(name)
        pictures = [picture(i) for i in range(4)]
        ids = person.send(*((f"{i}.png", data) for i, data in enumerate(pictures))).json()
        rels = [f"{name}-holiday/{name}-{c}/{i}.png" for c in ("cat", "dog") for i in range(2)]
        files = [{"rel": rel, "id": file_id} for rel, file_id in zip(rels, ids, strict=True)]
        before = set(self._data_sets())
        answer = person.fire(DATA, {"do": "upload", "role": "train", "files": files})
        assert answer.status_code == 200, answer.text
        (person.data_id,) = set(self._data_sets()) - before
        person.sha256 = re.search(r"thumbs/([0-9a-f]{64})\.webp", answer.text)[1]
        person.upload = person.send(("photo.png", picture(9))).json()[0]
        person.run_id = self._finished_run(person)
        return person

    def owner(self) -> Person:
        """The person who knows the password."""
        person = self.browser("owner", follow_redirects=True)
        name, _, password = OWNER.partition(":")
        person.client.post("/studio/login", data={"name": name, "password": password})
        return person

    def _data_sets(self) -> list[str]:
        folder = self.settings.home / "datasets"
        return [path.name for path in folder.iterdir() if path.is_dir()]

    def _finished_run(self, person: Person) -> str:
        workspace = Workspaces(self.settings).remember(token(person))
        data = str(self.settings.home / "datasets" / person.data_id)
        config = RunConfig(data=data, method="ft", shots=16)
        ledger = Ledger(self.settings)
        run = ledger.submit(config, workspace)
        folder = self.settings.run_folder(run.id)
        folder.create(config)
        log = EventLog(folder)
        secret = f"{person.name}-secret in {self.settings.home}/runs/{run.id}/x.json"
        for event in (Stage("data"), Evaluated("zero-shot", 0, ZERO.domains), Warned(secret)):
            log.append(event)
        log.close()
        record = RunRecord(
            run_id=run.id,
            config=config.model_dump(mode="json"),
            classes=[f"{person.name}-cat", f"{person.name}-dog"],
            evaluations={"zero-shot": ZERO, "fine-tuned": TUNED},
            wise=[point(round(0.05 * i, 2)) for i in range(21)],
            selection=Selection(checkpoint="last", alpha=0.3, alpha_chosen_on="val"),
            timing={"train_seconds": 1.0},
            environment={},
            files={},
        )
        record.write(folder.record_path)
        claimed = ledger.claim("owner")
        assert claimed is not None
        ledger.finish(claimed, "done")
        exports = self.settings.home / "exports" / run.id
        exports.mkdir(parents=True)
        (exports / "model.zip").write_bytes(f"{person.name}-secret".encode())
        return run.id


def event_numbers(demo: Any) -> dict[str, int]:
    """The first event of the page, of its timer, and of every part that has an id."""
    config = demo.get_config_file()
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    above: dict[int, list[int]] = {}

    def walk(node: dict[str, Any], path: list[int]) -> None:
        above[node["id"]] = [*path, node["id"]]
        for child in node.get("children") or ():
            walk(child, above[node["id"]])

    walk(config["layout"], [])
    found: dict[str, int] = {}
    for event in config["dependencies"]:
        for component, kind in event["targets"]:
            inside = [names.get(part) for part in above.get(component, ())]
            for name in filter(None, (kind, *inside)):
                found.setdefault(name, event["id"])
    return found


def picture(shade: int) -> bytes:
    """A small PNG."""
    kept = io.BytesIO()
    Image.new("RGB", (24, 24), (20 * shade, 90, 200)).save(kept, "PNG")
    return kept.getvalue()


def token(person: Person) -> str:
    """The secret of a person's cookie."""
    return next(c.value for c in person.client.cookies.jar if "ek-visitor" in c.name)


def launched(settings: Settings) -> tuple[Any, str]:
    """The studio, started where a loop runs: else Gradio makes loops and never closes them."""

    async def start() -> tuple[Any, str]:
        return studio.app.launch(settings)

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(start())).result()


@contextmanager
def town(home: Path, **given: Any) -> Iterator[Town]:
    """A studio on a free port; `given` are settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    usual = {"public": True, "auth": OWNER, "upload_reserve_mib": 0, "actions_per_minute": 10**6}
    settings = Settings(home=home, port=port, **{**usual, **given})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio.workspace.studio, "EvaluatorClient", Evaluator)
        demo, url = launched(settings)
        here = Town(url.rstrip("/"), settings, demo)
        try:
            yield here
        finally:
            for person in here.people:
                person.client.close()
            with contextlib.redirect_stdout(io.StringIO()):
                demo.close()


@pytest.fixture(scope="session")
def here(tmp_path_factory) -> Iterator[Town]:
    """The studio of most attacks."""
    with town(tmp_path_factory.mktemp("attacks")) as running:
        yield running


@pytest.fixture(scope="session")
def ann(here) -> Person:
    """The attacked visitor."""
    return here.resident("ann")


@pytest.fixture(scope="session")
def bob(here) -> Person:
    """The attacker."""
    return here.resident("bob")
