"""What one visitor sees and may do: their runs, data sets, drafts and questions.

Pages and routes reach the studio through here only, so that nothing of another visitor's can be
shown by forgetting to ask. An id that is another's and one that does not exist answer alike.
"""

import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from core.data.dataset import Dataset, IngestReport, Role
from core.data.health import Finding, HealthReport, check
from core.data.health.copies import refuse_leaks
from core.data.health.mislabels import mislabels
from core.data.limits import MIB
from core.errors import UserError, unknown
from core.evaluation.inspection import Inspection
from core.export.formats import FORMATS
from core.records import RunConfig, RunRecord, read_config
from core.runs import RunFolder
from jobs import queueing
from jobs.ledger import Job
from jobs.progress import Progress, read_progress
from jobs.workspaces import Kept
from studio import words
from studio.background import Answer
from studio.context import Studio
from studio.drafts import Drafts
from studio.paths import without_paths
from studio.session import is_id
from studio.shelf import DEMO, Opened
from studio.visitors import Visitor


@dataclass(frozen=True)
class Workspace:
    """The studio as one visitor has it. The owner's is the whole studio, a guest's is one run."""

    studio: Studio
    visitor: Visitor
    _own: set[str] = field(default_factory=set, compare=False, repr=False)
    """Runs that were found to be of this workspace, which stays true."""

    @property
    def is_owner(self) -> bool:
        """Whether everything may be seen, paths of this machine included."""
        return self.visitor.role == "owner"

    @property
    def is_read_only(self) -> bool:
        """Whether nothing may be done here."""
        return self.visitor.role == "guest"

    def act(self) -> None:
        """Say that the visitor is about to do something; a `UserError` when they may not."""
        if self.is_read_only:
            raise UserError(words.Shell.read_only)
        self.studio.visitors.count(self.visitor)

    def spoken(self, text: str) -> str:
        """A text as this visitor may read it: without the paths of our machine."""
        return text if self.is_owner else without_paths(text, self.studio.settings.home)

    # ---- runs -------------------------------------------------------------------------------
    def jobs(self) -> list[Job]:
        """The newest jobs of this workspace."""
        if self.visitor.run is not None:
            return [job] if (job := self.job(self.visitor.run)) else []
        found = self.studio.ledger.list(limit=60, workspace=self.visitor.workspace)
        self._own.update(job.id for job in found)
        return [self._shown(job) for job in found]

    def job(self, run_id: str | None) -> Job | None:
        """The job, or None when there is no such run here."""
        if not is_id(run_id) or self.visitor.run not in (None, run_id):
            return None
        try:
            return self._shown(self.studio.ledger.get(str(run_id), self.visitor.workspace))
        except UserError:
            return None

    def find(self, run_id: str | None) -> Job:
        """The job, or a `UserError` when there is no such run here."""
        job = self.job(run_id)
        if job is None:
            raise UserError(words.Live.unknown_run)
        return job

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run of this workspace."""
        if not self.is_owner and run_id not in self._own:  # the owner's need not be in the queue
            self._own.add(self.find(run_id).id)
        return self.studio.folder(run_id)

    def downloads(self, run_id: str) -> RunFolder:
        """The folder of a run whose files may leave: a guest looks, but takes nothing along."""
        if self.is_read_only:
            raise UserError(words.Shell.read_only)
        return self.folder(run_id)

    def ahead(self) -> int:
        """How many runs of the whole studio would be before a new one."""
        ledger = self.studio.ledger
        return len(ledger.running()) + len(ledger.queued())

    def position(self, run_id: str) -> int | None:
        """Place in the line, 1 is next; None when the run does not wait."""
        return self.studio.ledger.position(run_id)

    def newest_run(self, data_id: str) -> str | None:
        """The newest run on a data set."""
        return next((job.id for job in self.jobs() if self.data_of(job) == data_id), None)

    def data_of(self, job: Job) -> str | None:
        """The data set of a job, or None when it trains on a folder that is not on the shelf."""
        name = self._data_name(job)
        return name if self.has(name) else None

    def data_of_run(self, run_id: str) -> str | None:
        """The data set of a run; None also when there is no such run here."""
        job = self.job(run_id)
        return self.data_of(job) if job else None

    def finished(self, data_id: str | None) -> list[Job]:
        """The finished runs on a data set, the newest first; without one, on other folders."""
        return [j for j in self.jobs() if j.state == "done" and self.data_of(j) == data_id]

    def may_compare(self, run_id: str, data_id: str | None) -> bool:
        """Whether this is a finished run of this workspace on this data set that can be read."""
        job = self.job(run_id)
        if job is None or job.state != "done" or self.data_of(job) != data_id:
            return False
        try:
            return self.record(run_id) is not None
        except UserError:
            return False

    def progress(self, run_id: str) -> Progress:
        """What the run has said so far."""
        progress = read_progress(self.folder(run_id))
        if self.is_owner:
            return progress
        return replace(
            progress,
            log=[self.spoken(line) for line in progress.log],
            warnings=[self.spoken(line) for line in progress.warnings],
        )

    def record(self, run_id: str | None) -> RunRecord | None:
        """The record of a finished run, else None."""
        if not run_id or not (self.is_owner or self.job(run_id)):
            return None
        return self.studio.record(run_id)

    def alpha(self, run_id: str) -> float:
        """The mixing weight that the visitor chose, else the one chosen on validation."""
        record = self.record(run_id)
        chosen = record.selection.alpha if record else 1.0
        if self.is_read_only:
            return chosen
        kept = self._drafts.get(run_id).get("alpha", chosen)
        return float(kept)

    def title(self, config: Mapping[str, Any]) -> str:
        """A run as a person names it: method, shots, seed."""
        method = self.studio.method_title(str(config.get("method", "")))
        if "members" in config:
            return words.Compare.combination.format(title=method, n=len(config["members"]))
        return f"{method} · {config.get('shots')} shots · seed {config.get('seed')}"

    def submit(self, data_id: str, asked: Mapping[str, Any], patience_seconds: float) -> Job:
        """Queue a run on a data set of this workspace, once the evaluator finds it right."""
        self._check_names(asked)
        refuse_leaks(self.open(data_id).dataset, asked.get("allow_leaks") is True)
        checked = self.studio.background.patiently(
            lambda: self.studio.evaluator.check({**asked, "data": str(self.path(data_id))}),
            patience_seconds,
        )
        config = RunConfig.parse(checked, "run")
        return queueing.submit(self.studio.settings, config, self._remembered())

    def again(self, run_id: str, seed: int, patience_seconds: float) -> Job:
        """Queue what a run was asked for once more, with another seed."""
        job = self.find(run_id)
        data_id = self.data_of(job)
        if "members" in job.config:
            raise UserError(words.Compare.combined)
        if data_id is None:
            raise UserError(words.Compare.elsewhere)
        runs = str(self.studio.settings.home / "runs")
        params = {  # a run that is named by its folder is looked for in this workspace again
            name: Path(value).name if str(value).startswith(runs) else value
            for name, value in job.config["params"].items()
        }
        asked = {**job.config, "params": params, "seed": seed}
        return self.submit(data_id, asked, patience_seconds)

    def combine(self, run_ids: Sequence[str], method: str, patience_seconds: float) -> Job:
        """Queue a combination of finished runs, once the evaluator finds that they fit."""
        runs = [self.find(run_id).id for run_id in run_ids]
        checked = self.studio.background.patiently(
            lambda: self.studio.evaluator.check_combination(method, runs), patience_seconds
        )
        return queueing.submit(self.studio.settings, read_config(checked), self._remembered())

    # ---- links ------------------------------------------------------------------------------
    def share(self, run_id: str) -> str:
        """The token of a new read-only link to a run."""
        return self.studio.workspaces.share(self.find(run_id).id)

    def unshare(self, run_id: str) -> None:
        """End all links to a run."""
        self.studio.workspaces.unshare(self.find(run_id).id)

    def links(self, run_id: str) -> int:
        """How many links to a run there are; a guest is not told."""
        return 0 if self.is_read_only else self.studio.workspaces.links(run_id)

    # ---- data sets --------------------------------------------------------------------------
    def data_ids(self) -> list[str]:
        """Data sets, the newest first."""
        if self.is_owner:
            return self.studio.shelf.ids()
        if self.is_read_only:
            return []
        own = self.studio.workspaces.data_sets(self.visitor.workspace)
        return [name for name in self.studio.shelf.ids() if name in own or self._is_shared(name)]

    def has(self, data_id: str | None) -> bool:
        """Whether there is such a data set here."""
        if not self.studio.shelf.has(data_id) or self.is_read_only:
            return False
        if self.is_owner or self._is_shared(data_id):
            return True
        return data_id in self.studio.workspaces.data_sets(self.visitor.workspace)

    def path(self, data_id: str) -> Path:
        """The folder of a data set."""
        if not self.has(data_id):
            raise UserError(words.Data.unknown_data.format(name=data_id))
        return self.studio.shelf.path(data_id)

    def shown_path(self, data_id: str) -> str:
        """How a command line on the page names a data set."""
        return str(self.path(data_id)) if self.is_owner else data_id

    def data_title(self, data_id: str) -> str:
        """What a data set is called, without reading its images."""
        self.path(data_id)
        return self.studio.shelf.title(data_id)

    def open(self, data_id: str) -> Opened:
        """The data set, read at most once until it changes."""
        self.path(data_id)
        return self.studio.shelf.open(data_id)

    def reports(self, data_id: str) -> list[IngestReport]:
        """How the uploads of this data set were read, while the studio remembers it."""
        self.path(data_id)
        return self.studio.shelf.reports(data_id)

    def may_change(self, data_id: str) -> bool:
        """Whether this data set is the visitor's to change and to delete."""
        return self.has(data_id) and (self.is_owner or not self._is_shared(data_id))

    def change(self, data_id: str, change: Callable[[Dataset], None]) -> None:
        """Change what a data set of one's own says about its images; no image is touched."""
        self.path(data_id)
        if not self.may_change(data_id):
            raise UserError(words.Data.not_yours)
        self.studio.shelf.change(data_id, change)

    def delete(self, data_id: str) -> None:
        """Delete a data set of one's own with its images, if no run uses it."""
        path = self.path(data_id)
        if not self.may_change(data_id):
            raise UserError(words.Data.not_yours)
        if self.studio.ledger.uses(path):
            raise UserError(words.Data.in_use)
        self.studio.shelf.remove(data_id)
        self.studio.workspaces.measured(data_id, None)

    def thumb(self, data_id: str, sha256: str) -> Path:
        """A small WebP of one image; a guest sees those that the lab of their run shows."""
        if not self._shows(data_id, sha256):
            self.path(data_id)
        return self.studio.shelf.thumb(data_id, sha256)

    def open_demo(self) -> str:
        """The demo, which all share and nobody but the owner may change."""
        demo = self.studio.shelf.add_demo()
        if not self.has(demo):
            raise UserError(words.Data.no_demo)
        return demo

    def receive(self, name: str, file: BinaryIO) -> str:
        """The id under which a file that the browser sends waits to be placed."""
        return self.studio.incoming.keep(self.visitor.workspace, name, file)

    def check_room(self, size_bytes: int) -> None:
        """A `UserError` when so much more is too much for an upload, the workspace or the disk."""
        settings = self.studio.settings
        waiting = self.studio.incoming.size_bytes(self.visitor.workspace) + size_bytes
        if waiting > settings.limits.upload_bytes:
            raise UserError(words.Data.too_large.format(limit=f"{settings.upload_mib:,}"))
        if self.is_owner:
            return
        kept = self.studio.workspaces.kept(self.visitor.workspace).size_bytes
        if kept + waiting > settings.workspace_mib * MIB:
            raise UserError(words.Data.full.format(limit=f"{settings.workspace_mib:,}"))
        if shutil.disk_usage(settings.home).free < settings.upload_reserve_mib * MIB + size_bytes:
            raise UserError(words.Data.disk_full)

    def upload(
        self, files: Sequence[Mapping[str, Any]], role: Role, data_id: str | None, folder: str
    ) -> str:
        """The data set that the files `{rel, id}` were put into: `data_id`, or a new one."""
        if data_id is not None and not self.has(data_id):
            data_id = None
        if data_id is not None and not self.is_owner and self._is_shared(data_id):
            raise UserError(words.Data.demo_is_shared)
        sent = [{"rel": str(f.get("rel", "")), "path": self._sent(f.get("id"))} for f in files]
        shelf, settings = self.studio.shelf, self.studio.settings
        target = data_id or shelf.fresh_id(sent, exact=self.is_owner)
        limit = (
            None if self.is_owner else Kept(settings.workspace_mib * MIB, settings.workspace_images)
        )
        workspaces, owner = self.studio.workspaces, self._remembered()
        workspaces.claim(owner, target, target, _brought(sent), limit)
        try:
            shelf.add_upload(sent, role, target, folder)
        finally:
            workspaces.measured(target, _measured(shelf.folder / target))
        return target

    def uploaded(self, file_id: str) -> Path:
        """A file that this visitor's browser sent."""
        if self.is_read_only:
            raise UserError(words.Shell.read_only)
        return self.studio.incoming.path(self.visitor.workspace, file_id)

    # ---- answers that take a while ----------------------------------------------------------
    def zero_shot(self, data_id: str) -> Answer:
        """What plain CLIP scores on a data set, with the model and the prompts of its draft."""
        key, path = self.zero_shot_key(data_id), self.path(data_id)
        evaluator = self.studio.evaluator
        return self._ask(key, lambda: evaluator.zero_shot(path, model=key[3], templates=key[4]))

    def zero_shot_key(self, data_id: str) -> tuple[str, str, int, str, str]:
        """What a zero-shot measurement depends on."""
        draft = self.draft(data_id)
        version = self.open(data_id).version
        return ("zero-shot", data_id, version, str(draft["model"]), str(draft["templates"]))

    def footprint(self, data_id: str, wanted: bool) -> Answer:
        """What an image costs the model of a data set's draft on the device that trains.

        It takes seconds of all cores, so it is measured only once it is `wanted`.
        """
        model = str(self.draft(data_id)["model"])
        key = ("footprint", model)
        if not wanted:
            return self.studio.background.known(key) or Answer("waiting")
        return self._ask(key, lambda: self.studio.evaluator.footprint(model))

    def health(self, data_id: str) -> Answer:
        """The findings about a data set: every image is decoded, which takes a while."""
        opened = self.open(data_id)
        return self._ask(
            ("health", data_id, opened.version),
            lambda: check(opened.dataset, self.studio.uploads.glance),
        )

    def findings(self, data_id: str) -> tuple[Finding, ...]:
        """What is found about a data set so far, with the doubts of zero-shot CLIP."""
        health, zero = self.health(data_id), self.zero_shot(data_id)
        found = health.value.findings if health.state == "ready" else ()
        doubts = zero.value.get("doubts") if zero.state == "ready" else None
        if doubts is None or health.state != "ready":
            return tuple(found)
        return HealthReport.of([*found, mislabels(doubts, zero.value["model"])]).findings

    def export(self, run_id: str, alpha: float, kind: str) -> Answer:
        """A run at one α in one of the formats: built once, then known."""
        self.folder(run_id)
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
        key = ("export", run_id, alpha, kind)
        known = self.studio.background.known(key)
        if known and known.state == "failed":
            self.studio.background.forget(key)
        evaluator = self.studio.evaluator
        return self._ask(key, lambda: evaluator.export(run_id, alpha, kind))

    def exported(self, run_id: str, alpha: float) -> dict[str, Answer]:
        """The answers of `export` by format, as far as they were asked for."""
        self.folder(run_id)
        known = {
            kind: self.studio.background.known(("export", run_id, alpha, kind)) for kind in FORMATS
        }
        return {kind: self._answer(answer) for kind, answer in known.items() if answer}

    def inspect(self, run_id: str) -> Answer:
        """A run at the chosen α, image by image; one that failed is asked again."""
        self.folder(run_id)
        alpha, evaluator = self.alpha(run_id), self.studio.evaluator
        key = ("inspect", run_id, alpha)
        known = self.studio.background.known(key)
        if known and known.state == "failed":
            self.studio.background.forget(key)
        return self._ask(key, lambda: Inspection.model_validate(evaluator.inspect(run_id, alpha)))

    def inspected(self, run_id: str) -> Answer | None:
        """The answer of `inspect`, if it was ever asked for."""
        self.folder(run_id)
        known = self.studio.background.known(("inspect", run_id, self.alpha(run_id)))
        return self._answer(known) if known else None

    def pictures(self, run_id: str) -> tuple[str, str]:
        """The data set of a run, empty where its images cannot be shown, and the query that lets
        this visitor see them.
        """
        query = f"?share={self.visitor.link}" if self.is_read_only else ""
        job = self.job(run_id)  # the owner's run need not be in the queue
        return (self._data_name(job) or "" if job else "", query)

    def compared(self, run_ids: Sequence[str]) -> Answer:
        """Two or more finished runs as `evenkeel compare` has them, the first against the rest."""
        folders = [self.folder(run_id) for run_id in run_ids]

        def compare() -> dict[str, Any]:
            from core.comparison import compare_runs  # imports scipy

            return compare_runs(folders)

        return self._ask(_comparison(run_ids), compare)

    def compare_again(self, run_ids: Sequence[str]) -> None:
        """Forget a comparison that failed."""
        self.studio.background.forget(_comparison(run_ids))

    def measure(self, run_id: str, alpha: float, patience_seconds: float) -> dict[str, Any]:
        """A run at one α, which becomes the chosen one."""
        self.folder(run_id)
        self._drafts.put(run_id, alpha=alpha)
        evaluator = self.studio.evaluator
        return self.studio.background.patiently(
            lambda: evaluator.measure(run_id, alpha), patience_seconds
        )

    def predict(self, run_id: str, file_id: str, patience_seconds: float) -> dict[str, Any]:
        """What zero-shot, the chosen α and the tuned weights say about a photo just sent."""
        self.folder(run_id)
        alpha = self.alpha(run_id)
        with self.studio.shelf.photo(self.uploaded(file_id)) as photo:
            return self.studio.background.patiently(
                lambda: self.studio.evaluator.predict(run_id, alpha, photo), patience_seconds
            )

    # ---- drafts -----------------------------------------------------------------------------
    def draft(self, data_id: str) -> dict[str, Any]:
        """The next run on a data set, as far as the visitor has chosen it."""
        plain = RunConfig(data=str(self.path(data_id)))
        start = {"method": plain.method, "model": plain.model, "templates": plain.templates}
        return {**start, "fields": {}, **self._drafts.get(data_id)}

    def keep(self, data_id: str, **changes: Any) -> None:
        """Change the draft of a data set."""
        self.path(data_id)
        self._check_names(changes)
        self._drafts.put(data_id, **changes)

    # -----------------------------------------------------------------------------------------
    @property
    def _drafts(self) -> Drafts:
        drafts, name = self.studio.drafts, self.visitor.workspace
        return Drafts(drafts.folder / name) if name else drafts

    def _remembered(self) -> str | None:
        token = self.visitor.token
        return self.studio.workspaces.remember(token) if token else self.visitor.workspace

    def _is_shared(self, data_id: str | None) -> bool:
        """The demo is everybody's, until the owner puts images of theirs into it."""
        return data_id == DEMO and not self.studio.workspaces.is_claimed(DEMO)

    def _shows(self, data_id: str, sha256: str) -> bool:
        """Whether the lab shows this image to a guest."""
        job = self.job(self.visitor.run)
        if not self.is_read_only or job is None or self._data_name(job) != data_id:
            return False
        answer = self.inspected(job.id)
        if answer is None or answer.state != "ready":
            return False
        return any(sha256 in domain.sha256 for domain in answer.value.domains.values())

    def _data_name(self, job: Job) -> str | None:
        """The data set on the shelf that a job trains on, whoever may open it."""
        path, shelf = Path(str(job.config.get("data", ""))), self.studio.shelf
        return path.name if path.parent == shelf.folder and shelf.has(path.name) else None

    def _sent(self, file_id: Any) -> str:
        return str(self.uploaded(str(file_id)))

    def _shown(self, job: Job) -> Job:
        return replace(job, error=self.spoken(job.error)) if job.error else job

    def _ask(self, key: Any, question: Any) -> Answer:
        return self._answer(self.studio.background.ask(key, question))

    def _answer(self, answer: Answer) -> Answer:
        return replace(answer, error=self.spoken(answer.error)) if answer.error else answer

    def _check_names(self, chosen: Mapping[str, Any]) -> None:
        """Visitors name models of the list and runs of theirs: a path would read our disk."""
        if self.is_owner:
            return
        catalogue = self.studio.catalogue().value or {"models": [], "methods": []}
        models = {model["name"] for model in catalogue["models"]} | {"embedded"}
        if chosen.get("model", "embedded") not in models:
            raise UserError(words.Train.model_of_list.format(models=", ".join(sorted(models))))
        method = next((m for m in catalogue["methods"] if m["name"] == chosen.get("method")), None)
        params = chosen.get("params", {})
        for knob in method["knobs"] if method else ():
            if knob["type"] == "run" and params.get(knob["name"]):
                self.find(str(params[knob["name"]]))


def _comparison(run_ids: Sequence[str]) -> tuple[str, ...]:
    return ("compare", *run_ids)


def _brought(sent: Sequence[Mapping[str, str]]) -> Kept:
    """What an upload brings, as far as it can be told before it is read."""
    paths = [Path(file["path"]) for file in sent]
    return Kept(sum(p.stat().st_size for p in paths), sum(_images(p) for p in paths))


def _images(path: Path) -> int:
    if path.suffix != ".zip":
        return 1
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(not entry.is_dir() for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return 0  # what is wrong with it is said where it is unpacked


def _measured(folder: Path) -> Kept | None:
    """What a data set takes on the disk; None when it is not there."""
    if not folder.is_dir():
        return None
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Kept(sum(sizes), len(sizes))
