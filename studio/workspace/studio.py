"""The studio behind the pages: one home folder, and everything that all visitors share."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.results.records import RunRecord
from core.results.runs import RunFolder
from jobs import checking
from jobs.evaluator.client import EvaluatorClient, EvaluatorUnavailable
from jobs.evaluator.questions import DescribeDevice, Device
from jobs.ledger import Ledger
from jobs.ledger.workspaces import Workspaces
from jobs.settings import Settings
from jobs.uploads.client import UploadClient
from studio.people.login import Logins, accounts
from studio.people.visitors import Visitors
from studio.workspace.background import Answer, Background
from studio.workspace.data_store import DataStore
from studio.workspace.drafts import Drafts
from studio.workspace.incoming import Incoming
from studio.workspace.session import is_id

DEVICE = "device"
"""Under what name the question for the device is kept."""
_RECORDS_KEPT = 256
"""The number of records in memory; each takes some hundred kilobytes."""


@dataclass
class Studio:
    """One studio over one home folder. All its state can be read again from disk.

    It knows no owners: pages and routes go through `studio.workspace.Workspace`, which does.
    """

    settings: Settings
    ledger: Ledger
    evaluator: EvaluatorClient
    data_store: DataStore
    uploads: UploadClient
    drafts: Drafts
    background: Background
    workspaces: Workspaces
    incoming: Incoming
    visitors: Visitors
    _records: dict[str, RunRecord] = field(default_factory=dict)

    @classmethod
    def over(cls, settings: Settings, arrived: Path) -> "Studio":
        """The studio of a home folder; `arrived` is the folder of the browser's files."""
        home = Path(settings.home)
        uploads = UploadClient(settings)
        workspaces = Workspaces(settings)
        return cls(
            settings=settings,
            ledger=Ledger(settings),
            evaluator=EvaluatorClient(settings),
            data_store=DataStore(home, arrived, uploads),
            uploads=uploads,
            drafts=Drafts(home / "drafts"),
            background=Background(EvaluatorUnavailable),
            workspaces=workspaces,
            incoming=Incoming(arrived),
            visitors=Visitors(settings, Logins(accounts(settings)), workspaces),
        )

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run."""
        if not is_id(run_id):
            raise UserError("This is not the id of a run. Choose one from the queue.")
        return RunFolder(Path(self.settings.home) / "runs" / run_id)

    def record(self, run_id: str) -> RunRecord | None:
        """The record of a finished run, else None."""
        if run_id not in self._records and self.folder(run_id).record_path.exists():
            while len(self._records) >= _RECORDS_KEPT:
                self._records.pop(next(iter(self._records)), None)
            self._records[run_id] = self.folder(run_id).record()
        return self._records.get(run_id)

    @cached_property
    def catalogue(self) -> dict[str, Any]:
        """Methods, interpolators and models, with all that a form asks; the template sets."""
        return checking.catalogue()

    def device(self) -> Answer[Device]:
        """The device that trains, once the evaluator is up."""
        return self.background.ask(DEVICE, lambda: self.evaluator.ask(DescribeDevice()))

    def method_title(self, name: str) -> str:
        """The method's or interpolator's title; its name where it is of another version."""
        return self._title(("methods", "interpolators"), name)

    def model_title(self, name: str) -> str:
        """The model's title, or the name that the visitor typed."""
        return self._title(("models",), name)

    def _title(self, kinds: tuple[str, ...], name: str) -> str:
        entries = [entry for kind in kinds for entry in self.catalogue[kind]]
        return next((entry["title"] for entry in entries if entry["name"] == name), name)
