"""Questions of a visitor that take a while: answered in the background, and remembered."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.health import Finding, HealthReport, check
from core.data.health.findings import mislabels
from core.data.health.names import unseen_by
from core.errors import UserError, unknown
from core.results.correction import Correction
from core.results.estimate import Footprint
from core.results.facts import FORMATS, ExportedFile
from core.results.inspection import Inspection
from core.results.photo import PhotoAnswer
from core.results.records import Mixing
from core.results.space import FeatureSpace
from core.results.untrained import CrossValidation, Prototypes, UntrainedCurve, ZeroShotScores
from jobs.evaluator.questions import (
    A,
    CorrectTemplates,
    CrossValidate,
    Export,
    Inspect,
    MapFeatures,
    Measure,
    MeasuredByHand,
    MeasureFootprint,
    MeasureShots,
    MeasureZeroShot,
    Predict,
    PreviewPrototypes,
    Question,
)
from studio.workspace import words
from studio.workspace.background import Answer, T

if TYPE_CHECKING:
    from core.results.comparison import RunsComparison
    from studio.workspace import Workspace

Templates = str | tuple[str, ...]
"""A named set, or the visitor's own templates."""
Excluded = tuple[str, ...] | None
"""Excluded templates; None stands for the run's own choice."""

GAINS_MOST_CLASSES = 200
"""The most classes for which zero-shot is measured under other names without a click: 200 classes
in 80 templates are 16,000 prompts for the text tower.
"""


@dataclass(frozen=True)
class Answers:
    """The questions of a workspace about its data sets and runs."""

    mine: "Workspace"

    def zero_shot(self, data_id: str, templates: str | None = None) -> Answer[ZeroShotScores]:
        """Zero-shot accuracy on a data set, with the model and the prompts of its draft.

        `templates` replace those of the draft.
        """
        key, path = self.zero_shot_key(data_id), self.mine.data.path(data_id)
        if templates is not None:
            key = (*key[:4], templates)
        return self._ask(key, MeasureZeroShot(data=path, model=key[3], templates=key[4]))

    def zero_shot_named(self, data_id: str, names: Mapping[str, str]) -> Answer[ZeroShotScores]:
        """Zero-shot accuracy with these names for some class folders."""
        dataset = self.mine.data.open(data_id).dataset
        if names.items() <= dict(zip(dataset.classes, dataset.names, strict=True)).items():
            return self.zero_shot(data_id)
        path, model, templates = self.mine.data.path(data_id), *self.zero_shot_key(data_id)[3:]
        key = (*self.zero_shot_key(data_id), tuple(sorted(names.items())))
        return self._ask(
            key, MeasureZeroShot(data=path, model=model, templates=templates, names=dict(names))
        )

    def gains_by_names(
        self, data_id: str
    ) -> dict[str, tuple[Answer[ZeroShotScores], Answer[ZeroShotScores]]]:
        """Zero-shot accuracy with the present and with the proposed class names, for each finding
        that proposes names.

        It is measured after the first zero-shot answer, and only up to `GAINS_MOST_CLASSES`,
        because reading the prompts twice would delay other visitors.
        """
        dataset = self.mine.data.open(data_id).dataset
        if self.zero_shot(data_id).state != "ready" or len(dataset.classes) > GAINS_MOST_CLASSES:
            return {}
        gains = {}
        for finding in self.findings(data_id):
            offered = [row for row in finding.names if row[2]]
            if offered:
                gains[finding.kind] = (
                    self.zero_shot_named(data_id, {folder: own for folder, own, _ in offered}),
                    self.zero_shot_named(data_id, {folder: words for folder, _, words in offered}),
                )
        return gains

    def zero_shot_key(self, data_id: str) -> tuple[str, str, int, str, Templates]:
        """The key of a zero-shot measurement."""
        draft = self.mine.draft(data_id)
        version = self.mine.data.open(data_id).version
        return ("zero-shot", data_id, version, str(draft["model"]), as_key(draft["templates"]))

    def prototypes(self, data_id: str, templates: Templates, wanted: bool) -> Answer[Prototypes]:
        """The spurious prototypes of some prompts, with the model of the draft.

        They are computed once they are `wanted`.
        """
        model, path = str(self.mine.draft(data_id)["model"]), self.mine.data.path(data_id)
        key = ("prototypes", data_id, self.mine.data.open(data_id).version, model, templates)
        if not wanted:
            return self.mine.studio.background.known(key) or Answer("waiting")
        return self._ask(key, PreviewPrototypes(data=path, model=model, templates=templates))

    def shots(
        self, data_id: str, config: Mapping[str, Any], wanted: bool = False
    ) -> Answer[UntrainedCurve] | None:
        """The shots curve without training, with the model and prompts of a run's config.

        None until it is `wanted`; a failed one is asked again.
        """
        opened, path = self.mine.data.open(data_id), self.mine.data.path(data_id)
        model, templates = str(config["model"]), as_key(config["templates"])
        key = ("shots", data_id, opened.version, model, templates)
        if not wanted:
            return self._known(key)
        return self._ask_again(key, MeasureShots(data=path, model=model, templates=templates))

    def cross_validated(
        self, data_id: str, method: str, wanted: bool = False
    ) -> Answer[CrossValidation] | None:
        """The cross-validation of a method on frozen features, with the model and prompts of the
        draft.

        None until it is `wanted`; a failed one is asked again.
        """
        opened, path = self.mine.data.open(data_id), self.mine.data.path(data_id)
        draft = self.mine.draft(data_id)
        model, templates = str(draft["model"]), as_key(draft["templates"])
        key = ("folds", data_id, opened.version, model, templates, method)
        if not wanted:
            return self._known(key)
        return self._ask_again(
            key, CrossValidate(data=path, model=model, templates=templates, method=method)
        )

    def footprint(self, data_id: str, wanted: bool) -> Answer[Footprint]:
        """The cost of an image for the model of a data set's draft, on the device that trains.

        It takes seconds of all cores, so it is measured only once it is `wanted`.
        """
        model = str(self.mine.draft(data_id)["model"])
        key = ("footprint", model)
        if not wanted:
            return self.mine.studio.background.known(key) or Answer("waiting")
        return self._ask(key, MeasureFootprint(model=model))

    def health(self, data_id: str) -> Answer[HealthReport]:
        """The findings about a data set: every image is decoded, which takes a while."""
        opened = self.mine.data.open(data_id)
        return self._work(
            ("health", data_id, opened.version),
            lambda: check(opened.dataset, self.mine.studio.uploads.glance),
        )

    def findings(self, data_id: str) -> tuple[Finding, ...]:
        """The findings about a data set so far, with zero-shot CLIP's doubts about labels and its
        text tower's doubts about class names.
        """
        health, zero = self.health(data_id), self.zero_shot(data_id)
        found = health.value.findings if health.state == "ready" else ()
        if zero.state != "ready" or health.state != "ready":
            return tuple(found)
        model = zero.value.model
        unseen = unseen_by(zero.value.names_read, model)
        return HealthReport.of([*found, mislabels(zero.value.doubts, model), *unseen]).findings

    def export(self, run_id: str, kind: str) -> Answer[ExportedFile]:
        """The export of a run under its mixing, in one format: built once, then remembered."""
        self.mine.runs.folder(run_id)
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
        mixing = self.mine.runs.to_export(run_id, kind)
        key = ("export", run_id, mixing, kind)
        return self._ask_again(key, Export(run_id=run_id, mixing=mixing, format=kind))

    def exported(self, run_id: str) -> dict[str, Answer[ExportedFile]]:
        """The answers of `export` by format, as far as they were asked for."""
        self.mine.runs.folder(run_id)
        keys = {
            kind: ("export", run_id, self.mine.runs.to_export(run_id, kind), kind)
            for kind in FORMATS
        }
        known = {kind: self._known(key) for kind, key in keys.items()}
        return {kind: answer for kind, answer in known.items() if answer}

    def inspect(self, run_id: str) -> Answer[Inspection]:
        """The inspection of a run under the chosen mixing, image by image; a failed one is asked
        again.
        """
        key = self._inspection(run_id)
        return self._ask_again(key, Inspect(run_id=run_id, mixing=key[-1]))

    def inspected(self, run_id: str) -> Answer[Inspection] | None:
        """The answer of `inspect`, if it was ever asked for."""
        return self._known(self._inspection(run_id))

    def map_features(self, run_id: str) -> Answer[FeatureSpace]:
        """The feature space of a run at the chosen α; one that failed is asked again."""
        key = self._map(run_id)
        return self._ask_again(key, MapFeatures(run_id=run_id, alpha=key[-1]))

    def mapped(self, run_id: str) -> Answer[FeatureSpace] | None:
        """The answer of `map_features`, if it was ever asked for."""
        return self._known(self._map(run_id))

    def correct_templates(self, run_id: str, excluded: Excluded) -> Answer[Correction]:
        """The spurious prototypes of a run without some templates; one that failed is asked again.
        None excludes what the run did.
        """
        self.mine.runs.folder(run_id)
        return self._ask_again(
            ("templates", run_id, excluded), CorrectTemplates(run_id=run_id, excluded=excluded)
        )

    def corrected(self, run_id: str, excluded: Excluded) -> Answer[Correction] | None:
        """The answer of `correct_templates`, if it was ever asked for."""
        self.mine.runs.folder(run_id)
        return self._known(("templates", run_id, excluded))

    def pictures(self, run_id: str) -> tuple[str, str]:
        """The data set of a run, empty if its images cannot be shown, and the query that lets this
        visitor see them.
        """
        query = f"?share={self.mine.visitor.link}" if self.mine.is_read_only else ""
        job = self.mine.runs.job(run_id)  # the owner's run need not be in the queue
        return (self.mine.runs.data_name(job) or "" if job else "", query)

    def compared(self, run_ids: Sequence[str]) -> Answer["RunsComparison"]:
        """The comparison of two or more finished runs, as in `evenkeel compare`: the first against
        the others.
        """
        folders = [self.mine.runs.folder(run_id) for run_id in run_ids]

        def compare() -> "RunsComparison":
            from core.results.comparison import compare_runs  # imports numpy

            return compare_runs(folders)

        return self._work(_comparison(run_ids), compare)

    def compare_again(self, run_ids: Sequence[str]) -> None:
        """Forget a comparison that failed."""
        self.mine.studio.background.forget(_comparison(run_ids))

    def measure(
        self, run_id: str, mixing: Mixing, patience_seconds: float, chosen_on: str = ""
    ) -> MeasuredByHand:
        """The measurements of a run under a mixing, which becomes the chosen one."""
        self.mine.runs.folder(run_id)
        self.mine.runs.choose(run_id, mixing, chosen_on)
        return self._ask_now(Measure(run_id=run_id, mixing=mixing), patience_seconds)

    def predict(self, run_id: str, file_id: str, patience_seconds: float) -> PhotoAnswer:
        """The answers of zero-shot, the chosen mixing and the fine-tuned weights to an uploaded
        photo.
        """
        with self.mine.studio.data_store.photo(self.mine.uploads.uploaded(file_id)) as photo:
            return self._predicted(run_id, photo, patience_seconds)

    def look_closer(self, run_id: str, sha256: str, patience_seconds: float) -> PhotoAnswer:
        """The answers of the three models to an image of the run's data set."""
        data_id = self.mine.runs.data_of_run(run_id)
        if data_id is None:
            raise UserError(words.Runs.elsewhere)
        image = self.mine.data.image(data_id, sha256)
        return self._predicted(run_id, image, patience_seconds)

    def _predicted(self, run_id: str, image: Path, patience_seconds: float) -> PhotoAnswer:
        self.mine.runs.folder(run_id)
        mixing = self.mine.runs.mixing(run_id)
        return self._ask_now(Predict(run_id=run_id, mixing=mixing, image=image), patience_seconds)

    def _inspection(self, run_id: str) -> tuple[str, str, Mixing]:
        """The key of an inspection under the chosen mixing."""
        self.mine.runs.folder(run_id)
        return ("inspect", run_id, self.mine.runs.mixing(run_id))

    def _map(self, run_id: str) -> tuple[str, str, float]:
        """The key of a feature map, which belongs to one image tower: that at the chosen α."""
        self.mine.runs.folder(run_id)
        return ("space", run_id, self.mine.runs.mixing(run_id).alpha)

    def _known(self, key: Hashable) -> Answer[Any] | None:
        known = self.mine.studio.background.known(key)
        return self._answer(known) if known else None

    def _ask_again(self, key: Hashable, question: Question[A]) -> Answer[A]:
        """Like `_ask`, but forgets a failed answer first."""
        known = self.mine.studio.background.known(key)
        if known and known.state == "failed":
            self.mine.studio.background.forget(key)
        return self._ask(key, question)

    def _ask(self, key: Hashable, question: Question[A]) -> Answer[A]:
        """The evaluator's answer, as far as it is known."""
        evaluator = self.mine.studio.evaluator
        return self._answer(self.mine.studio.background.ask(key, lambda: evaluator.ask(question)))

    def _ask_now(self, question: Question[A], patience_seconds: float) -> A:
        """The evaluator's answer, waited for."""
        evaluator = self.mine.studio.evaluator
        return self.mine.studio.background.patiently(
            lambda: evaluator.ask(question), patience_seconds
        )

    def _work(self, key: Hashable, work: Callable[[], T]) -> Answer[T]:
        """The result of `work` in this process, as far as it is known."""
        return self._answer(self.mine.studio.background.ask(key, work, here=True))

    def _answer(self, answer: Answer[T]) -> Answer[T]:
        return replace(answer, error=self.mine.spoken(answer.error)) if answer.error else answer


def as_key(templates: Any) -> Templates:
    """The name of a set, or the visitor's own templates, which JSON makes a list."""
    return templates if isinstance(templates, str) else tuple(map(str, templates))


def _comparison(run_ids: Sequence[str]) -> tuple[str, ...]:
    return ("compare", *run_ids)
