"""The runs of one visitor: reads, queues and shares them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from core.errors import UserError
from core.results.facts import DOCUMENTS, STEADY
from core.results.records import DomainScore, HandSetMixing, Mixing, RunRecord
from core.results.runs import RunFolder
from core.results.standing import FINE_TUNED
from jobs import checking, queueing
from jobs.ledger import Job, State
from jobs.ledger.about import About, matches, told_by
from jobs.progress import Progress, read_brief, read_progress
from studio.workspace import words
from studio.workspace.session import is_id

if TYPE_CHECKING:
    from studio.workspace import Workspace

MOST_SEARCHED = 2000
NEWEST = 60
"""Runs that are read unless more are requested, so that a page is as fast with 1,000 runs as with
60.
"""

RUN_FILES = {
    "config": "config.json",
    "events": "events.jsonl",
    "record": "record.json",
    "prototypes": "prototypes.json",
}
"""The files of a run that may be downloaded, by role. Weights leave as an export only."""


@dataclass(frozen=True)
class Runs:
    """The runs of a workspace."""

    mine: "Workspace"
    _own: set[str] = field(default_factory=set, compare=False, repr=False)
    """Ids of runs that were found to belong to this workspace, which never changes."""

    def jobs(self, most: int = NEWEST) -> list[Job]:
        """The jobs of this workspace in the order of the queue: running, waiting, then finished,
        newest first.
        """
        return self._found(most, downwards=True)

    def on(self, data_id: str, most: int = NEWEST, state: State | None = None) -> list[Job]:
        """The newest jobs on a data set, in any state or in one."""
        if not self.mine.data.has(data_id):
            return []
        return self._found(most, data=self.mine.data.path(data_id), state=state)

    def _found(self, most: int, **wanted: Any) -> list[Job]:
        if self.mine.visitor.run is not None:
            return [job] if (job := self.job(self.mine.visitor.run)) else []
        workspace = self.mine.visitor.workspace
        found = self.mine.studio.ledger.list(most, workspace, **wanted)
        self._own.update(job.id for job in found)
        return [self._shown(job) for job in found]

    def job(self, run_id: str | None) -> Job | None:
        """The job, or None when there is no such run here."""
        if not is_id(run_id) or self.mine.visitor.run not in (None, run_id):
            return None
        try:
            return self._shown(
                self.mine.studio.ledger.get(str(run_id), self.mine.visitor.workspace)
            )
        except UserError:
            return None

    def find(self, run_id: str | None) -> Job:
        """The job, or a `UserError` when there is no such run here."""
        job = self.job(run_id)
        if job is None:
            raise UserError(words.Runs.unknown_run)
        return job

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run of this workspace."""
        if (
            not self.mine.is_owner and run_id not in self._own
        ):  # the owner's need not be in the queue
            self._own.add(self.find(run_id).id)
        return self.mine.studio.folder(run_id)

    def downloads(self, run_id: str) -> RunFolder:
        """The folder of a run whose files may be downloaded: a guest may look, but not download."""
        if self.mine.is_read_only:
            raise UserError(words.Workspace.read_only)
        return self.folder(run_id)

    def ahead(self) -> int:
        """The number of runs in the whole studio that are ahead of a new one."""
        ledger = self.mine.studio.ledger
        return len(ledger.running()) + len(ledger.queued())

    def position(self, run_id: str) -> int | None:
        """The place in the queue, from 1; None if the run does not wait."""
        return self.mine.studio.ledger.position(run_id)

    def newest_run(self, data_id: str) -> str | None:
        """The newest run on a data set."""
        return next((job.id for job in self.on(data_id, most=1)), None)

    def data_of(self, job: Job) -> str | None:
        """The data set of a job; None if it trains on a folder outside the studio."""
        name = self.data_name(job)
        return name if self.mine.data.has(name) else None

    def data_of_run(self, run_id: str) -> str | None:
        """The data set of a run; None also when there is no such run here."""
        job = self.job(run_id)
        return self.data_of(job) if job else None

    def finished(self, data_id: str | None, most: int = NEWEST) -> list[Job]:
        """The finished runs on a data set, the newest first; without one, on other folders."""
        if data_id is not None:
            return self.on(data_id, most, "done")
        return [j for j in self.jobs(most) if j.state == "done" and self.data_of(j) is None]

    def may_compare(self, run_id: str, data_id: str | None) -> bool:
        """True for a readable finished run of this workspace on this data set."""
        job = self.job(run_id)
        if job is None or self.data_of(job) != data_id:
            return False
        return self._readable(job) is not None

    def _readable(self, job: Job) -> RunRecord | None:
        """The record of a job; None if it has not finished or cannot be read."""
        try:
            return self.mine.studio.record(job.id) if job.state == "done" else None
        except UserError:
            return None

    def progress(self, run_id: str) -> Progress:
        """The progress of the run so far."""
        progress = read_progress(self.folder(run_id))
        if self.mine.is_owner:
            return progress
        return replace(
            progress,
            log=[self.mine.spoken(line) for line in progress.log],
            warnings=[self.mine.spoken(line) for line in progress.warnings],
        )

    def brief(self, job: Job) -> Progress:
        """The progress of a job, without its curves and messages."""
        return read_brief(self.mine.studio.folder(job.id))

    def record(self, run_id: str | None) -> RunRecord | None:
        """The record of a finished run, else None."""
        if not run_id or not (self.mine.is_owner or self.job(run_id)):
            return None
        return self.mine.studio.record(run_id)

    def mixing(self, run_id: str) -> Mixing:
        """The mixing that the visitor chose, else what the run recommends."""
        record = self.record(run_id)
        recommended = record.mixing if record else FINE_TUNED
        kept = None if self.mine.is_read_only else _kept_mixing(self.mine.drafts.get(run_id))
        if kept is None or (kept.kind == "steady" and (record is None or record.steady is None)):
            return recommended
        return kept

    def choose(self, run_id: str, mixing: Mixing, chosen_on: str = "") -> None:
        """Store the visitor's mixing; `chosen_on` is the domain half of which chose it."""
        record = self.record(run_id)
        if mixing.kind == "steady" and (record is None or record.steady is None):
            raise UserError((record and record.why_not_steady) or words.Runs.no_gate)
        self.mine.drafts.put(run_id, mixing=mixing.model_dump(), chosen_on=chosen_on)

    def chosen_on(self, run_id: str) -> str:
        """The domain half of which chose the visitor's mixing; empty if none did."""
        draft = {} if self.mine.is_read_only else self.mine.drafts.get(run_id)
        return str(draft.get("chosen_on", ""))

    def to_export(self, run_id: str, kind: str) -> Mixing:
        """The mixing that is exported in a format.

        A document describes the visitor's mixing. A format with a gate is steady. An encoder is a
        single set of weights with its own α, unless the visitor set one.
        """
        mixing, record = self.mixing(run_id), self.record(run_id)
        if kind in STEADY:
            return Mixing.steady(mixing.alpha)
        if kind in DOCUMENTS or record is None:
            return mixing
        return Mixing.wise(record.selection.alpha if mixing == record.mixing else mixing.alpha)

    def by_hand(self, run_id: str) -> list[HandSetMixing]:
        """The mixings that were measured by hand, besides the run's own; empty for a guest."""
        return [] if self.mine.is_read_only else self.folder(run_id).by_hand()

    def search(self, query: str, most: int) -> list[Job]:
        """The jobs that match a search by name, note, tags, method, data set or model."""
        if not query:
            return self.jobs(most)
        found = (job for job in self.jobs(MOST_SEARCHED) if matches(query, self._told(job)))
        return list(islice(found, most))

    def _told(self, job: Job) -> Iterator[str]:
        studio = self.mine.studio
        yield from told_by(replace(job, config={**job.config, "data": ""}))  # paths are ours
        yield self.title(job.config)
        yield studio.model_title(str(job.config.get("model", "")))
        yield "" if self.mine.is_read_only else self.data_title(job)

    def called(self, job: Job) -> str:
        """The name of a run, or a description that distinguishes it."""
        return About.of(job.about).name or self.title(job.config)

    def called_by_id(self, run_id: str, config: Mapping[str, Any]) -> str:
        """The name of a run that may be outside the queue."""
        job = self.job(run_id)
        return self.called(job) if job else self.title(config)

    def describe(self, run_id: str, said: Mapping[str, Any]) -> None:
        """Give a run another name, note or tags."""
        known = {name: str(said[name]) for name in ("name", "note", "tags") if name in said}
        self.mine.studio.ledger.describe(self.find(run_id).id, **known)

    def title(self, config: Mapping[str, Any]) -> str:
        """The description of a run: method, shots, seed."""
        method = self.mine.studio.method_title(str(config.get("method", "")))
        if "members" in config:
            return words.Runs.combination.format(title=method, n=len(config["members"]))
        return words.Runs.run.format(
            method=method, shots=config.get("shots"), seed=config.get("seed")
        )

    def submit(self, data_id: str, asked: Mapping[str, Any]) -> Job:
        """Queue a run on a data set of this workspace, once it is found right."""
        self.mine.check_names(asked)
        settings, dataset = self.mine.studio.settings, self.mine.data.open(data_id).dataset
        asked = {**asked, "data": str(self.mine.data.path(data_id))}
        config = checking.check_on(settings, dataset, asked)
        return queueing.submit(settings, config, self.mine.remembered())

    def submit_all(
        self, data_id: str, asked: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Job], list[str]]:
        """Queue several runs, and return the jobs and the reasons for refusals. A refused run does
        not stop the others.

        Raises `UserError` if all were refused.
        """
        jobs, refused = [], list[str]()
        for one in asked:
            try:
                jobs.append(self.submit(data_id, one))
            except UserError as error:
                refused.append(str(error))
        if not jobs:
            raise UserError(refused[0])
        return jobs, list(dict.fromkeys(refused))

    def alike(self, run_id: str) -> list[Job]:
        """The runs on the same data with the same settings except shots and seed, including this
        one; empty for a combination, or if the data is outside the studio.
        """
        job = self.job(run_id)
        data_id = self.data_of(job) if job else None
        if job is None or data_id is None or "members" in job.config:
            return []
        whole, asked = self._whole(job), _but_shots(self._whole(job) or job.config)
        return [
            other
            for other in self.on(data_id)
            if (
                _but_shots(known) == asked
                if whole and (known := self._whole(other))
                else _agrees(_but_shots(other.config), asked)
            )
        ]

    def by_shots(self, run_id: str) -> list[RunRecord]:
        """The records of the finished runs of `alike`, and always that of the run itself."""
        record, alike = self.record(run_id), map(self._readable, self.alike(run_id))
        found = [kept for kept in alike if kept and not kept.stopped_early]
        return found or ([record] if record else [])

    def zero_shot_stress(self, data_id: str, model: str, templates: Any) -> dict[str, DomainScore]:
        """Zero-shot accuracy on the stress set by effect, from the newest run that measured it with
        this model and these prompts; empty if there is none.
        """
        for job in self.finished(data_id):
            asked = job.config.get("model"), job.config.get("templates")
            record = self._readable(job) if asked == (model, templates) else None
            if record and record.stress.get("zero-shot"):
                return record.stress["zero-shot"]
        return {}

    def _whole(self, job: Job) -> Mapping[str, Any] | None:
        """The complete settings of a finished run; its job leaves some to the run."""
        record = self._readable(job)
        return record.config if record else None

    def again(self, run_id: str, seed: int) -> Job:
        """Queue the same run again with another seed."""
        data_id, asked = self.asked(run_id)
        return self.submit(data_id, {**asked, "seed": seed})

    def asked(self, run_id: str) -> tuple[str, dict[str, Any]]:
        """The data set of a run and its settings, to queue them again."""
        job = self.find(run_id)
        data_id = self.data_of(job)
        if "members" in job.config:
            raise UserError(words.Runs.combined)
        if data_id is None:
            raise UserError(words.Runs.elsewhere)
        runs = str(self.mine.studio.settings.home / "runs")
        params = {  # a run that is named by its folder is looked for in this workspace again
            name: Path(value).name if str(value).startswith(runs) else value
            for name, value in job.config["params"].items()
        }
        return data_id, {**job.config, "params": params}

    def combine(self, run_ids: Sequence[str], method: str) -> Job:
        """Queue a combination of finished runs, once they are found to fit each other."""
        runs, settings = [self.find(run_id).id for run_id in run_ids], self.mine.studio.settings
        config = checking.check_combination(settings, method, runs)
        return queueing.submit(settings, config, self.mine.remembered())

    def share(self, run_id: str) -> str:
        """The token of a new read-only link to a run."""
        return self.mine.studio.workspaces.share(self.find(run_id).id)

    def unshare(self, run_id: str) -> None:
        """End all links to a run."""
        self.mine.studio.workspaces.unshare(self.find(run_id).id)

    def links(self, run_id: str) -> int:
        """The number of links to a run; 0 for a guest."""
        return 0 if self.mine.is_read_only else self.mine.studio.workspaces.links(run_id)

    def data_title(self, job: Job) -> str:
        """The title of a job's data set, or the name of a folder outside the studio."""
        name = self.data_of(job)
        if name is None:
            return Path(str(job.config.get("data", ""))).name
        return self.mine.data.title(name)

    def data_name(self, job: Job) -> str | None:
        """The data set of a job, whoever may open it."""
        path, store = Path(str(job.config.get("data", ""))), self.mine.studio.data_store
        return path.name if path.parent == store.folder and store.has(path.name) else None

    def _shown(self, job: Job) -> Job:
        return replace(job, error=self.mine.spoken(job.error)) if job.error else job


def _kept_mixing(draft: Mapping[str, Any]) -> Mixing | None:
    """The visitor's choice, if there is one; older drafts only have the α of a WiSE mixture."""
    try:
        if "mixing" in draft:
            return Mixing.model_validate(draft["mixing"])
        return Mixing(kind="wise", alpha=draft["alpha"]) if "alpha" in draft else None
    except ValidationError:
        return None


def _but_shots(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are equal along a shots curve; how a run is measured does not change its
    weights.
    """
    free = ("shots", "seed", "allow_fewer", "evaluations", "stress", "alphas", "device")
    return {name: value for name, value in config.items() if name not in free}


def _agrees(asked: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True if two configs agree in every value that both set; None is left to the run."""
    for name in asked.keys() & other.keys():
        one, two = asked[name], other[name]
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            if not _agrees(one, two):
                return False
        elif None not in (one, two) and one != two:
            return False
    return True
