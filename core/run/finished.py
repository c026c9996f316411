"""A finished run, opened again: measures, answers and exports at any mixing weight α."""

import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import __version__
from core.data.fewshot import FewShotTask
from core.data.images import read_image
from core.data.ingest import open_dataset
from core.data.kept_task import KeptTask, kept_task
from core.errors import UserError, unknown
from core.evaluation.correction import correct_templates
from core.evaluation.evaluate import (
    ACCEPTED,
    DetailedEvaluation,
    abstain_threshold,
    domains_of,
    evaluate,
    flat,
    labels_of,
    measure,
    measure_outputs,
    nearest,
)
from core.evaluation.frontier import Frontier, alpha_grid, rows_of
from core.evaluation.inspection import inspect
from core.evaluation.space import MOST_IMAGES, map_features, spread
from core.export.features import export_features
from core.export.huggingface import export_huggingface
from core.export.onnx import export_onnx
from core.export.open_clip import export_open_clip
from core.export.source import LOOKED_AT, Source, SteadySource
from core.export.steady_onnx import export_steady_onnx
from core.export.steady_open_clip import export_steady_open_clip
from core.export.verify import Exported
from core.interpolation.steady import SteadyMix
from core.interpolation.wise import between
from core.methods.fd_align import FDAlign
from core.models import zoo
from core.models.array_cache import ArrayCache
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.gates import SteadyClassifier
from core.models.relevance import relevance
from core.models.vrf import VrfEnsemble
from core.models.weights import load_classifiers
from core.params import JsonObject
from core.results.correction import Correction
from core.results.facts import FORMATS
from core.results.inspection import COLUMNS, Inspection
from core.results.paired import changes
from core.results.photo import Familiarity, Guess, Look, Prediction, RelevanceMap
from core.results.records import (
    Evaluation,
    HandSetMixing,
    Mixing,
    MixingKind,
    RunRecord,
    WisePoint,
    read_config,
)
from core.results.runs import RunFolder
from core.results.space import FeatureSpace

ENCODERS = {
    "open_clip": export_open_clip,
    "onnx": export_onnx,
    "huggingface": export_huggingface,
}
"""The export formats of an encoder at some α, with their exporters."""
BEHIND_A_GATE = {
    "steady-onnx": export_steady_onnx,
    "steady-open_clip": export_steady_open_clip,
}
"""The same for both ends of a steady run with the gate."""


class FinishedRun:
    """The zero-shot and the fine-tuned classifier of one run, and all mixtures of them."""

    def __init__(self, folder: Path, cache: Path | None = None, device: str = "auto") -> None:
        """Load the run in `folder`. A `UserError` says what is missing or does not fit."""
        self.folder = RunFolder(folder)
        self.record = self.folder.record()
        self.config = read_config(self.record.config)
        self._cache = cache
        self.clip = load_clip(self.record, cache, device)
        self.zero_shot, self.tuned = load_classifiers(self.folder.weights_path, self.clip)
        self._mixer = between(self.zero_shot, self.tuned)
        self._steady: SteadyMix | None = None
        self._known_at: tuple[float, Tensor, float] | None = None

    @functools.cached_property
    def task(self) -> FewShotTask:
        """The run's task, with its images at their present place. A `UserError` if the data is
        gone, its classes have changed or no test image is left.
        """
        return kept_task(self._kept, Path(self.config.data), self._cache)

    def task_in(self, data: Path | str) -> FewShotTask:
        """The images that can honestly be measured in a folder or zip: the run's own task if its
        images are there, else all images that the run has not seen.
        """
        path = Path(data).expanduser()
        if path.resolve() == Path(self.config.data).resolve():
            return self.task
        dataset = open_dataset(path, self._cache)
        kept = self._kept
        return kept.found_in(dataset) if kept.is_in(dataset) else kept.unseen_in(dataset)

    @property
    def steady(self) -> SteadyMix:
        """The gate of the run, with its bank of training images. A `UserError` says why there is
        none. It does not need the run's images.
        """
        if self._steady is None:
            if self.record.steady is None:
                why = self.record.why_not_steady or (
                    "It was made before runs had a gate: train it again."
                )
                raise UserError(f"steady: {self.record.run_id} cannot be steady. {why}")
            self._steady = SteadyMix.read(self.folder.gate_path, self.clip)
        return self._steady

    def at(self, alpha: float) -> Classifier | Ensemble:
        """The classifier at α; valid until the next call. An ensemble has only its two ends."""
        if not 0 <= alpha <= 1:
            raise UserError(f"alpha must be from 0 (zero-shot) to 1 (fine-tuned), got {alpha:g}.")
        return self._mixer.at(alpha)

    def mixed(self, mixing: Mixing) -> Classifier | Ensemble | SteadyClassifier:
        """The classifier that answers under a mixing; valid until the next call."""
        classifier = self.at(mixing.alpha)
        if mixing.kind == "wise":
            return classifier
        steady = self.steady
        assert isinstance(classifier, Classifier), "an ensemble has no gate"
        return steady.classifier(self.zero_shot, classifier, mixing.alpha)

    def encoder_at(self, alpha: float) -> Classifier:
        """The classifier at α, which has one image tower; a `UserError` for an ensemble."""
        classifier = self.at(alpha)
        if isinstance(classifier, VrfEnsemble):
            raise UserError(
                f"{self.record.run_id} was made by VRF, which uses zero-shot's encoder and "
                "a run's, and this needs one. Name the run that it was made of."
            )
        if isinstance(classifier, Ensemble):
            raise UserError(
                f"{self.record.run_id} is an ensemble of several encoders, and this needs one. "
                "Name one of its members, or make a soup of them: `evenkeel soup`."
            )
        return classifier

    @functools.cached_property
    def seen(self) -> frozenset[str]:
        """Hashes of the images that the weights, or a member's, were trained on or chosen with."""
        return self._kept.seen

    @functools.cached_property
    def _kept(self) -> KeptTask:
        return KeptTask.read(self.folder.task_path)

    def measure(self, mixing: Mixing, task: FewShotTask | None = None) -> Evaluation:
        """Measure a mixing on all domains of the run's own task, or of another one with the same
        classes.
        """
        return evaluate(self.mixed(mixing), self.clip, task or self.task)

    def measure_by_hand(self, mixing: Mixing) -> HandSetMixing:
        """Measure a mixing on the run's own task, test it against zero-shot and store it in the
        run's folder. So a manual setting can be read in the same place as the run's own choice.
        """
        measured = self._measured(mixing)
        found = HandSetMixing(
            mixing=mixing,
            evaluation=measured.evaluation,
            changes=changes(_hits(self._start), _hits(measured)),
        )
        self.folder.keep_by_hand(found)
        return found

    def _measured(self, mixing: Mixing) -> DetailedEvaluation:
        """A mixing on the run's own task. Everything that is the same at every α is computed once,
        so moving the slider takes the time of one tower only.
        """
        if mixing.kind == "wise":
            return measure(self.at(mixing.alpha), self.clip, self.task)
        start, steady = self._start, self.steady
        wise = measure(self.at(mixing.alpha), self.clip, self.task)
        logits = steady.logits(start.logits, wise.logits, self._shares, mixing.alpha)
        return measure_outputs(wise.features, logits, wise.domains, self.task.classes)

    @functools.cached_property
    def _start(self) -> DetailedEvaluation:
        """Zero-shot on the run's own task, without features."""
        measured = measure(self.zero_shot, self.clip, self.task)
        return replace(measured, features=measured.features[:0])

    @functools.cached_property
    def _shares(self) -> Tensor:
        """v `(N,)`: the share of the fine-tuned classifier in the answer to each measured image."""
        gate, items = self.steady.gate, flat(self._start.domains)
        statistics = self.clip.early_statistics(self.task.root, items)
        return self.steady.share(gate(statistics.to(gate.bank.device)).cpu())

    def frontier(self, alphas: Sequence[float], kind: MixingKind = "wise") -> list[WisePoint]:
        """The ID/OOD frontier at mixing weights that the run did not measure."""
        frontier = Frontier(
            start=measure(self.zero_shot, self.clip, self.task),
            end=measure(self.tuned, self.clip, self.task),
            classifiers=(self.zero_shot, self.tuned),
            clip=self.clip,
            task=self.task,
            alphas=alpha_grid(alphas),
            steady=self.steady if kind == "steady" else None,
        )
        for _ in frontier.complete():
            pass
        return frontier.points(kind)

    def inspect(self, mixing: Mixing) -> Inspection:
        """The answers of zero-shot, a mixing and the fine-tuned weights for every image that the
        run measured.
        """
        columns = {}
        zero_shot, tuned = (Mixing.wise(end) for end in (0.0, 1.0))
        for column, how in zip(COLUMNS, (zero_shot, mixing, tuned), strict=True):
            measured = measure(self.mixed(how), self.clip, self.task)
            by_domain = measured.by_domain(measured.logits)
            columns[column] = {name: logits.numpy() for name, logits in by_domain.items()}
        names = (self.record.classes, self.record.data.get("names", self.record.classes))
        return inspect(mixing, names, measured.domains, columns)

    def feature_space(self, alpha: float) -> FeatureSpace:
        """The positions of the run's measured images for zero-shot CLIP and for α; an even part of
        very many.
        """
        measured = domains_of(self.task)
        shown = spread(measured, MOST_IMAGES)
        root, items = self.task.root, flat(shown)
        before = self.clip.evaluation_features(root, items)
        after = self.clip.features_of(self.encoder_at(alpha), root, items)
        return map_features(
            alpha,
            self.task.names,
            shown,
            {"zero-shot": before.double().numpy(), "alpha": after.double().numpy()},
            measured=len(flat(measured)),
            seed=self.task.seed,
        )

    def correct_templates(self, excluded: Sequence[str] | None = None) -> Correction:
        """The run's spurious prototypes, and those without the `excluded` templates (None: as in
        the run). For a method without prototypes, those of FD-Align's defaults.
        """
        has_own = self.config.method == FDAlign.name
        params = FDAlign.Params.parse(self.config.params if has_own else {}, FDAlign.name)
        asked = params.excluded_templates if excluded is None else excluded
        return correct_templates(self.clip, self.task, params, asked)

    @torch.inference_mode()
    def predict(self, images: Sequence[Path], mixing: Mixing, top: int = 5) -> list[Prediction]:
        """The likeliest classes of every image."""
        views = [self.clip.preprocess.evaluation_view(read_image(path)) for path in images]
        classifier, pixels = self.mixed(mixing), torch.stack(views)
        judged: list[tuple[float | None, float | None]] = [(None, None)] * len(images)
        if isinstance(classifier, SteadyClassifier):
            logits, familiarity, share = classifier.judged(pixels)
            judged = [*zip(familiarity.tolist(), share.tolist(), strict=True)]
        else:
            logits = classifier(pixels)
        return [
            Prediction(
                image=str(path),
                alpha=mixing.alpha,
                mixing=mixing,
                familiarity=g,
                tuned_share=v,
                top=self._top(row, top),
            )
            for path, row, (g, v) in zip(images, logits.softmax(1).cpu(), judged, strict=True)
        ]

    def look(self, image: Path, alpha: float) -> Look:
        """The familiarity of an image and the map of where α looked. Each is None if there is none:
        for an ensemble, or if the run's data has moved.
        """
        classifier = self.at(alpha)
        if isinstance(classifier, Ensemble):
            return Look(familiarity=None, map=None)
        view = self.clip.preprocess.evaluation_view(read_image(image))
        with torch.no_grad():
            feature = classifier.features(view[None]).cpu()
        label = int(classifier.logits_from(feature).argmax())
        seen = relevance(classifier, view, label)
        found = seen and RelevanceMap(kind=seen[0], label=label, values=seen[1].tolist())
        return Look(familiarity=self._familiarity(classifier, feature, alpha), map=found)

    def _familiarity(
        self, classifier: Classifier, feature: Tensor, alpha: float
    ) -> Familiarity | None:
        try:
            train, threshold = self._known(classifier, alpha)
        except UserError:
            return None
        similarity = float(nearest(feature, train)[0])
        return Familiarity(
            similarity=similarity,
            threshold=threshold,
            accepted=ACCEPTED,
        )

    def _known(self, classifier: Classifier, alpha: float) -> tuple[Tensor, float]:
        """Training features at α, and the threshold from validation images (else from training
        images).
        """
        if self._known_at is None or self._known_at[0] != alpha:
            task = self.task
            train = self.clip.features_of(classifier, task.root, task.train)
            if task.val:
                inside = nearest(self.clip.features_of(classifier, task.root, task.val), train)
            else:
                inside = nearest(train, train, leave_self_out=True)
            self._known_at = (alpha, train, abstain_threshold(inside))
        return self._known_at[1:]

    def export(self, kind: str, mixing: Mixing, folder: Path) -> Exported:
        """Write the run in another program's format, and load it again to verify.

        An encoder is that at α, for any kind of mixing, because it is one set of weights. Formats
        with a gate are steady; a `UserError` says why a run has none.
        """
        if kind not in (*ENCODERS, *BEHIND_A_GATE, "features"):
            raise unknown("format", kind, FORMATS)
        if kind in BEHIND_A_GATE:
            return BEHIND_A_GATE[kind](self._steady_source(mixing.alpha), folder)
        classifier = self.encoder_at(mixing.alpha)
        card = {**self._card(mixing.alpha), "head": classifier.head.formula}
        source = Source(self.clip, classifier, card, self._pictures())
        if kind == "features":
            dataset = open_dataset(self.task.root, self._cache)
            return export_features(source, folder, self.task, dataset)
        return ENCODERS[kind](source, folder)

    def _steady_source(self, alpha: float) -> SteadySource:
        mix = self.steady  # raises first if there is none
        steady = mix.classifier(self.zero_shot, self.encoder_at(alpha), alpha)
        card = {**self._card(alpha), "mixing": "steady"}
        return SteadySource(self.clip, steady, alpha, card, self._pictures())

    def _pictures(self) -> tuple[Path, ...]:
        """Some test images of every domain; empty if the data is gone, so that an export still
        works.
        """
        try:
            task = self.task
        except UserError:
            return ()
        domains = [task.test, *task.ood.values()]
        turns = itertools.chain(*itertools.zip_longest(*domains))
        items = (item for item in turns if item is not None)
        return tuple(task.root / item.path for item in itertools.islice(items, LOOKED_AT))

    def _top(self, row: Tensor, count: int) -> list[Guess]:
        values, indices = row.topk(min(count, len(row)))
        names = self.record.data["names"]
        return [
            Guess(folder=self.record.classes[i], name=names[i], probability=round(value, 6))
            for value, i in zip(values.tolist(), indices.tolist(), strict=True)
        ]

    def _card(self, alpha: float) -> JsonObject:
        return {
            "made_by": f"Evenkeel {__version__}",
            "run": self.record.run_id,
            "model": self.config.model,
            "activation": self.clip.activation,
            "method": self.config.method,
            "alpha": alpha,
            "classes": self.record.classes,
            "names": self.record.data["names"],
            "templates": self.record.data["templates"],
        }


def load_clip(record: RunRecord, cache: Path | None, device: str) -> ClipModel:
    """The model that a run started from; a `UserError` if its weights have changed."""
    config = read_config(record.config)
    # Records of older versions do not name the activation: it was that of the name or the config.
    activation = record.environment.get("activation", config.activation)
    clip = zoo.load(config.model, device, config.precision, ArrayCache(cache), activation)
    trained = record.environment["model_fingerprint"]
    if clip.fingerprint != trained:
        raise UserError(
            f"model: {config.model} has other weights now ({clip.fingerprint[:12]}) than "
            f"when this run was trained ({trained[:12]}). Mixing them would be meaningless."
        )
    prepared = record.environment.get("preprocess")
    if prepared and prepared != json.loads(json.dumps(asdict(clip.preprocess))):
        raise UserError(
            f"model: {config.model} prepares pictures in another way now than when this run was "
            f"trained ({prepared}). Put its preprocess_cfg back."
        )
    return clip


def _hits(measured: DetailedEvaluation) -> dict[str, NDArray[np.bool_]]:
    """For each domain (N,), which images were answered correctly."""
    labels = measured.by_domain(labels_of(flat(measured.domains)))
    logits = measured.by_domain(measured.logits)
    return {name: rows_of(logits[name], labels[name]).hits for name in logits}
