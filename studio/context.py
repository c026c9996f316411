"""What every page reads: runs, data sets, drafts, and the answers that take a while."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.health import check
from core.errors import UserError
from core.records import RunConfig, RunRecord
from core.runs import RunFolder
from jobs.evaluator.client import EvaluatorClient, EvaluatorUnavailable
from jobs.ledger import Job, Ledger
from jobs.progress import Progress, read_progress
from jobs.settings import Settings
from jobs.uploads.client import Uploads
from studio.background import Answer, Background
from studio.drafts import Drafts
from studio.session import is_id
from studio.shelf import Shelf


@dataclass
class Studio:
    """One studio over one home folder. Holds no truth of its own."""

    settings: Settings
    ledger: Ledger
    evaluator: EvaluatorClient
    shelf: Shelf
    uploads: Uploads
    drafts: Drafts
    background: Background
    _records: dict[str, RunRecord] = field(default_factory=dict)

    @classmethod
    def over(cls, settings: Settings, arrived: Path) -> "Studio":
        """The studio of a home folder; `arrived` is where the browser's files lie."""
        home = Path(settings.home)
        uploads = Uploads(settings)
        return cls(
            settings=settings,
            ledger=Ledger(settings),
            evaluator=EvaluatorClient(settings),
            shelf=Shelf(home, arrived, uploads),
            uploads=uploads,
            drafts=Drafts(home / "drafts"),
            background=Background(EvaluatorUnavailable),
        )

    # ---- runs -------------------------------------------------------------------------------
    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run."""
        if not is_id(run_id):
            raise UserError("This is not the id of a run. Choose one from the queue.")
        return RunFolder(Path(self.settings.home) / "runs" / run_id)

    def job(self, run_id: str | None) -> Job | None:
        """The job, or None when there is no such run."""
        if not run_id:
            return None
        try:
            return self.ledger.get(run_id)
        except UserError:
            return None

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        return list(self.ledger.list(limit=60))

    def newest_run(self, data_id: str) -> str | None:
        """The newest run on a data set."""
        return next((job.id for job in self.jobs() if self.data_of(job) == data_id), None)

    def data_of(self, job: Job) -> str | None:
        """The data set of a job, or None when it trains on a folder that is not on the shelf."""
        path = Path(str(job.config.get("data", "")))
        return path.name if path.parent == self.shelf.folder and self.shelf.has(path.name) else None

    def progress(self, run_id: str) -> Progress:
        """What the run has said so far."""
        return read_progress(self.folder(run_id))

    def record(self, run_id: str | None) -> RunRecord | None:
        """The record of a finished run, else None."""
        if not run_id:
            return None
        if run_id not in self._records and self.folder(run_id).record_path.exists():
            self._records[run_id] = self.folder(run_id).record()
        return self._records.get(run_id)

    def alpha(self, run_id: str) -> float:
        """The mixing weight that the visitor chose, else the one chosen on validation."""
        record = self.record(run_id)
        chosen = record.selection.alpha if record else 1.0
        kept = self.drafts.get(run_id).get("alpha", chosen)
        return float(kept)

    def title(self, config: dict[str, Any]) -> str:
        """A run as a person names it: method, shots, seed."""
        method = self.method_title(str(config.get("method", "")))
        return f"{method} · {config.get('shots')} shots · seed {config.get('seed')}"

    # ---- the evaluator ----------------------------------------------------------------------
    def catalogue(self) -> Answer:
        """Methods, models, templates and the device, once the evaluator is up."""
        return self.background.ask("catalogue", self.evaluator.catalogue)

    def method_title(self, name: str) -> str:
        """The method's title, or its name while the catalogue is not there."""
        known = self.background.known("catalogue")
        methods = known.value["methods"] if known and known.state == "ready" else []
        return next((m["title"] for m in methods if m["name"] == name), name)

    def model_title(self, name: str) -> str:
        """The model's title, or the name that the visitor typed."""
        known = self.background.known("catalogue")
        models = known.value["models"] if known and known.state == "ready" else []
        return next((m["title"] for m in models if m["name"] == name), name)

    def zero_shot(self, data_id: str) -> Answer:
        """What plain CLIP scores on a data set, with the model and the prompts of its draft."""
        key = self.zero_shot_key(data_id)
        path = self.shelf.path(data_id)
        return self.background.ask(
            key, lambda: self.evaluator.zero_shot(path, model=key[3], templates=key[4])
        )

    def health(self, data_id: str) -> Answer:
        """The findings about a data set: every image is decoded, which takes a while."""
        opened = self.shelf.open(data_id)
        key = ("health", data_id, opened.version)
        return self.background.ask(key, lambda: check(opened.dataset, self.uploads.size))

    def zero_shot_key(self, data_id: str) -> tuple[str, str, int, str, str]:
        """What a zero-shot measurement depends on."""
        draft = self.draft(data_id)
        version = self.shelf.open(data_id).version
        return ("zero-shot", data_id, version, str(draft["model"]), str(draft["templates"]))

    def export(self, run_id: str, alpha: float) -> Answer:
        """The open_clip checkpoint at one α: built once, then known."""
        return self.background.ask(
            ("export", run_id, alpha), lambda: self.evaluator.export(run_id, alpha, "open_clip")
        )

    # ---- drafts -----------------------------------------------------------------------------
    def draft(self, data_id: str) -> dict[str, Any]:
        """The next run on a data set, as far as the visitor has chosen it."""
        plain = RunConfig(data=str(self.shelf.path(data_id)))
        start = {"method": plain.method, "model": plain.model, "templates": plain.templates}
        return {**start, "fields": {}, **self.drafts.get(data_id)}
