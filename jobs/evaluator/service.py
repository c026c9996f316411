"""The work of the evaluator, without HTTP. Models stay loaded between two questions."""

import contextlib
import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import nn

import core
from core.data.dataset import Dataset
from core.data.ingest import open_dataset
from core.data.prompts import resolve_templates
from core.durable import file_sha256, publish
from core.errors import UserError, unknown
from core.export.documents import write_document
from core.models import zoo
from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel
from core.models.names import files_of
from core.models.precision import choose_device, choose_precision
from core.results.correction import Correction
from core.results.estimate import Footprint
from core.results.facts import DOCUMENTS, FORMATS, ExportedFile, OutputDifference
from core.results.inspection import Inspection
from core.results.photo import GateAnswer, PhotoAnswer, PhotoColumn
from core.results.records import write_json
from core.results.runs import RunFolder
from core.results.space import FeatureSpace
from core.results.standing import FINE_TUNED, ZERO_SHOT
from core.results.untrained import (
    CrossValidation,
    Prototypes,
    ShotsPlan,
    UntrainedCurve,
    ZeroShotScores,
)
from core.run.cross_validation import cross_validate
from core.run.environment import device_name
from core.run.finished import FinishedRun
from core.run.protocols import Encoder, measure_shots
from core.run.zero_shot import measure_zero_shot, named, preview_prototypes
from core.training.footprint import measure_footprint
from jobs.evaluator import questions as q
from jobs.evaluator.lending import LendingCache
from jobs.evaluator.questions import A, Question
from jobs.settings import Settings

MODELS_KEPT = 2
RUNS_KEPT = 3
ANSWERS_KEPT = 32
LOOKS_KEPT = 6
LOOK = 2
"""Grows when a look into a run says more, so that a kept one is not taken for it."""
SHOTS = 1
"""The same for the shots curve."""


Handler = Callable[[Any, Any], A]
HANDLERS: dict[type[Question[Any]], Handler[Any]] = {}
"""What answers each question: a method of `Evaluator`."""


def answers(kind: type[Question[A]]) -> Callable[[Handler[A]], Handler[A]]:
    """Mark a method of `Evaluator` as what answers questions of a kind."""

    def register(handler: Handler[A]) -> Handler[A]:
        if kind in HANDLERS:
            raise TypeError(f"{kind.__name__} has two handlers.")
        HANDLERS[kind] = handler
        return handler

    return register


class Evaluator:
    """Answers the questions, one method each. Every mistake of a user is a `UserError`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: LendingCache[ClipModel] = LendingCache(MODELS_KEPT)
        self._runs: LendingCache[FinishedRun] = LendingCache(RUNS_KEPT)
        self._looks: LendingCache[Any] = LendingCache(LOOKS_KEPT)
        self._zero_shots: LendingCache[Any] = LendingCache(ANSWERS_KEPT)
        self._shots: LendingCache[Any] = LendingCache(ANSWERS_KEPT)

    def answer(self, question: Question[A]) -> A:
        """The answer to any question."""
        answered: A = HANDLERS[type(question)](self, question)
        return answered

    @answers(q.Health)
    def health(self, _question: q.Health) -> q.Ready:
        """It can answer as soon as it is there."""
        return q.Ready(os.getpid())

    @answers(q.DescribeDevice)
    def device(self, _question: q.DescribeDevice) -> q.Device:
        """The device that `auto` means here."""
        return q.Device(**describe_device())

    @answers(q.MeasureZeroShot)
    def zero_shot(self, question: q.MeasureZeroShot) -> ZeroShotScores:
        """Scores every image with zero-shot CLIP, under the class names or other `names`.

        The same question is answered once.
        """
        model, templates = question.model, question.templates
        dataset = named(self._dataset(question), question.names or {})

        def score() -> ZeroShotScores:
            with self._model(model) as clip:
                return measure_zero_shot(dataset, model, templates, self._settings.cache, clip)

        key = f"zero-shot-{_fingerprint(dataset, model, templates)}"
        return self._once(self._zero_shots, key, question, score)

    @answers(q.MeasureShots)
    def shots(self, question: q.MeasureShots) -> UntrainedCurve:
        """The shots curve of plain CLIP on a data set, and what to label next.

        The same question is answered once.
        """
        model, templates = question.model, question.templates
        dataset = self._dataset(question)

        def measure() -> UntrainedCurve:
            with self._model(model) as clip:
                encoder = Encoder(model, clip, clip.frozen)
                return measure_shots(encoder, dataset, ShotsPlan(), templates)

        key = f"shots-{SHOTS}-{_fingerprint(dataset, model, templates)}"
        return self._once(self._shots, key, question, measure)

    @answers(q.CrossValidate)
    def cross_validate(self, question: q.CrossValidate) -> CrossValidation:
        """A method on frozen features, measured over all images in folds.

        The same question is answered once.
        """
        model, templates, method = question.model, question.templates, question.method
        dataset = self._dataset(question)

        def measure() -> CrossValidation:
            with self._model(model) as clip:
                return cross_validate(
                    dataset, method, model, templates, cache=self._settings.cache, clip=clip
                )

        key = f"folds-{method}-{_fingerprint(dataset, model, templates)}"
        return self._once(self._shots, key, question, measure)

    @answers(q.PreviewPrototypes)
    def prototypes(self, question: q.PreviewPrototypes) -> Prototypes:
        """Places the spurious prototypes of some prompts before any training."""
        dataset = self._dataset(question)
        with self._model(question.model) as clip:
            return preview_prototypes(clip, dataset, question.templates)

    @answers(q.MeasureFootprint)
    def footprint(self, question: q.MeasureFootprint) -> Footprint:
        """Measures time and memory of one image on this device, once for a model."""
        with self._model(question.model) as clip:
            asked = f"{clip.fingerprint} {clip.precision.describe()} {describe_device()}"
            key = hashlib.sha256(asked.encode()).hexdigest()[:32]
            kept = self._settings.cache / f"footprint-{key}.json"
            return _read_or_make(kept, question, lambda: measure_footprint(clip))

    @answers(q.Measure)
    def measure(self, question: q.Measure) -> q.MeasuredByHand:
        """A finished run under any mixing on all of its domains, and against zero-shot; kept in
        the run's folder.
        """
        run_id, mixing = question.run_id, question.mixing
        started = time.perf_counter()
        with self._run(run_id) as finished:
            found = finished.measure_by_hand(mixing)
        seconds = round(time.perf_counter() - started, 3)
        return q.MeasuredByHand(**vars(found), alpha=mixing.alpha, seconds=seconds)

    @answers(q.Inspect)
    def inspect(self, question: q.Inspect) -> Inspection:
        """The answers of a finished run to every image: both ends and a mixing."""
        mixing = question.mixing
        asked = [mixing.model_dump()]
        return self._look(question, "inspection", asked, lambda run: run.inspect(mixing))

    @answers(q.MapFeatures)
    def feature_space(self, question: q.MapFeatures) -> FeatureSpace:
        """Maps the images of a finished run for zero-shot CLIP and at α."""
        alpha = question.alpha
        return self._look(question, "space", [alpha], lambda run: run.feature_space(alpha))

    @answers(q.CorrectTemplates)
    def correct_templates(self, question: q.CorrectTemplates) -> Correction:
        """The spurious prototypes of a finished run, and without the excluded templates."""
        asked = None if question.excluded is None else sorted(question.excluded)
        return self._look(question, "templates", [asked], lambda run: run.correct_templates(asked))

    @answers(q.Predict)
    def predict(self, question: q.Predict) -> PhotoAnswer:
        """The answers of zero-shot, the mixing and the fine-tuned model to one image, its
        familiarity, and where the mixed weights looked.
        """
        mixing, image = question.mixing, question.image
        columns = dict.fromkeys((ZERO_SHOT, mixing, FINE_TUNED))
        names = {ZERO_SHOT: "zero-shot", FINE_TUNED: "fine-tuned"}
        with self._run(question.run_id) as finished:
            answers = {how: finished.predict([image], how)[0] for how in columns}
            look = finished.look(image, mixing.alpha)
        mixed = answers[mixing]
        gate = GateAnswer(familiarity=mixed.familiarity, tuned_share=mixed.tuned_share)
        return PhotoAnswer(
            **vars(look),
            gate=gate if mixing.kind == "steady" else None,
            columns=[
                PhotoColumn(label=names.get(how, str(how)), alpha=how.alpha, top=answer.top)
                for how, answer in answers.items()
            ],
        )

    @answers(q.Export)
    def export(self, question: q.Export) -> ExportedFile:
        """Write a finished run for another program: a folder, and one file to download."""
        run_id, mixing, format = question.run_id, question.mixing, question.format
        if format not in FORMATS:
            raise unknown("format", format, FORMATS)
        steady = "-steady" if mixing.kind == "steady" and format in DOCUMENTS else ""
        name = f"{run_id}-{format}-alpha-{mixing.alpha:g}{steady}"
        out = self._settings.home / "exports" / run_id / name
        if format in DOCUMENTS:
            exported = write_document(format, self._run_folder(run_id), mixing, out)
        else:
            with self._run(run_id) as finished:
                exported = finished.export(format, mixing, out)
        packed = _pack(out)
        return ExportedFile(
            path=str(packed.file),
            verified=exported.verified,
            check=exported.check,
            reader=exported.reader,
            differences=[OutputDifference(**asdict(one)) for one in exported.differences],
            snippet=exported.snippet.replace(str(packed.holds), str(packed.loads)),
            size_bytes=packed.file.stat().st_size,
            sha256=file_sha256(packed.file),
        )

    def _look(
        self, question: q.OfRun[A], what: str, asked: list[Any], ask: Callable[[FinishedRun], A]
    ) -> A:
        """The answer of a finished run, kept: the same question is answered once."""
        record = self._run_folder(question.run_id).record().model_dump_json()
        told = json.dumps([LOOK, core.__version__, record, asked])
        key = f"{what}-{hashlib.sha256(told.encode()).hexdigest()[:32]}"

        def look() -> A:
            with self._run(question.run_id) as finished:
                return ask(finished)

        return self._once(self._looks, key, question, look)

    def _once(
        self, cache: LendingCache[Any], key: str, question: Question[A], make: Callable[[], A]
    ) -> A:
        """The answer under a key: from memory, from its file in the cache, or made now."""
        kept = self._settings.cache / f"{key}.json"
        with cache.borrow(key, lambda: _read_or_make(kept, question, make)) as answer:
            found: A = answer
            return found

    def _dataset(self, question: q.OfData[Any]) -> Dataset:
        """The data set, read once for a question: for its key and for its answer."""
        return open_dataset(question.data, self._settings.cache)

    def _run(self, run_id: str) -> AbstractContextManager[FinishedRun]:
        return self._runs.borrow(run_id, lambda: self._open(run_id))

    def _model(self, model: str) -> AbstractContextManager[ClipModel]:
        """The model, loaded; again when its files have changed."""
        as_it_is = json.dumps([model, _files(model)])
        return self._models.borrow(
            as_it_is, lambda: zoo.load(model, cache=ArrayCache(self._settings.cache))
        )

    def _open(self, run: str) -> FinishedRun:
        return FinishedRun(self._run_folder(run).path, self._settings.cache)

    def _run_folder(self, run: str) -> RunFolder:
        folder = self._settings.run_folder(run)
        if not run or Path(run).name != run or not folder.path.is_dir():
            raise UserError(f"run: there is no {run!r}. `evenkeel jobs` lists the runs there are.")
        return folder


def describe_device() -> dict[str, Any]:
    """The device that `auto` means here: `{"name", "kind", "bf16"}`."""
    device = choose_device("auto")
    precision = choose_precision(device, "auto", nn.Identity())
    bf16 = precision.dtype is torch.bfloat16
    return {"name": device_name(device), "kind": device.type, "bf16": bf16}


def _files(model: str) -> list[tuple[str, int, int]]:
    """The files of a local model, with size and age."""
    found = [(path, path.stat()) for path in files_of(model)]
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found]


def _fingerprint(dataset: Dataset, model: str, templates: str | tuple[str, ...]) -> str:
    """Of everything that the answer depends on.

    A local model counts with its files' size and age.
    """
    question = {
        "version": core.__version__,
        "answer": 4,  # grows when the answer says more
        "classes": dataset.classes,
        "names": dataset.names,
        "domains": [
            (domain.name, [(item.path, item.sha256, item.label) for item in domain.items])
            for domain in dataset.domains
        ],
        "split": sorted(dataset.split.sides.items()),
        "model": model,
        "files": _files(model),
        "templates": resolve_templates(templates, dataset.templates),
    }
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]


def _read_or_make(path: Path, question: Question[A], make: Callable[[], A]) -> A:
    """The answer in the file; made and written when there is none, or one of another shape."""
    with contextlib.suppress(FileNotFoundError, ValidationError):
        return question.decode(path.read_bytes())
    answer = make()
    write_json(path, question.to_json(answer))
    return answer


class _Packed(NamedTuple):
    """An export as one file to download."""

    file: Path
    holds: Path
    """What a snippet speaks of on this machine."""
    loads: Path
    """What it is to the one who has downloaded."""


def _pack(folder: Path) -> _Packed:
    """A copy of the one file of a folder, or a zip of several, next to it under a name that tells
    what it is.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    alone = len(paths) == 1
    packed = folder.with_name(folder.name + (paths[0].suffix if alone else ".zip"))
    publish(packed, lambda partial: _fill(partial, paths, folder, alone))
    return _Packed(packed, paths[0], packed) if alone else _Packed(packed, folder, folder)


def _fill(partial: Path, paths: list[Path], folder: Path, alone: bool) -> None:
    """Stored, not deflated: weights do not shrink."""
    if alone:
        shutil.copyfile(paths[0], partial)
        return
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            archive.write(path, path.relative_to(folder.parent))
