"""A finished run, opened again: measured, asked and exported at any mixing weight α."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core import __version__
from core.data.cache import ArrayCache
from core.data.fewshot import FewShotTask, sample_task
from core.data.images import read_image
from core.data.ingest import open_dataset
from core.errors import UserError, unknown
from core.evaluation.evaluate import evaluate
from core.evaluation.frontier import measure_frontier
from core.export.open_clip import Exported, export_open_clip
from core.interpolation.wise import WiseMixer
from core.models import zoo
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.weights import load_classifiers
from core.records import Evaluation, RunConfig, WisePoint
from core.runs import RunFolder

FORMATS = {"open_clip": export_open_clip}
"""What can be exported, and who writes it."""


class FinishedRun:
    """Zero-shot and tuned classifier of one run, and everything between them."""

    def __init__(self, folder: Path, cache: Path | None = None, device: str = "auto") -> None:
        """Load the run in `folder`. A `UserError` says what is missing or does not fit."""
        self.folder = RunFolder(folder)
        self.record = self.folder.record()
        self.config = RunConfig.model_validate(self.record.config)
        self._cache = cache
        self.clip = self._load_clip(device)
        self.zero_shot, self.tuned = load_classifiers(self.folder.weights_path, self.clip)
        self._mixer = WiseMixer(self.zero_shot, self.tuned)

    @functools.cached_property
    def task(self) -> FewShotTask:
        """The run's task, sampled again from its data. A `UserError` when the data moved or
        changed.
        """
        root = Path(self.config.data)
        if not root.exists():
            raise UserError(
                f"data: {root} is where this run found its images, and it is not there any more. "
                "Put it back, or measure on another folder with `evenkeel evaluate RUN DATA`."
            )
        dataset = open_dataset(root, self._cache)
        asked = self.config
        task = sample_task(dataset, asked.shots, asked.seed, asked.allow_fewer, asked.unseen)
        if list(task.classes) != self.record.classes:
            raise UserError(
                f"data: the classes in {root} are no longer those that the run was trained on."
            )
        return task

    def at(self, alpha: float) -> Classifier:
        """The classifier at α; valid until the next call."""
        if not 0 <= alpha <= 1:
            raise UserError(f"alpha must be from 0 (zero-shot) to 1 (fine-tuned), got {alpha:g}.")
        return self._mixer.at(alpha)

    def measure(self, alpha: float, task: FewShotTask | None = None) -> Evaluation:
        """The classifier at α on all domains of the run's own task, or of another with the same
        classes.
        """
        return evaluate(self.at(alpha), self.clip, task or self.task)

    def frontier(self, alphas: Sequence[float]) -> list[WisePoint]:
        """The ID/OOD frontier at other mixing weights than the run measured."""
        ends = (self.measure(0.0), self.measure(1.0))
        steps = measure_frontier(ends, (self.zero_shot, self.tuned), self.clip, self.task, alphas)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                points: list[WisePoint] = stop.value
                return points

    @torch.inference_mode()
    def predict(self, images: Sequence[Path], alpha: float, top: int = 5) -> list[dict[str, Any]]:
        """For every image the likeliest classes: `{"image", "alpha", "top": [{"class", "name",
        "probability"}]}`.
        """
        views = [self.clip.preprocess.evaluation_view(read_image(path)) for path in images]
        probabilities = self.at(alpha)(torch.stack(views)).softmax(1).cpu()
        return [
            {"image": str(path), "alpha": alpha, "top": self._top(row, top)}
            for path, row in zip(images, probabilities, strict=True)
        ]

    def export(self, kind: str, alpha: float, folder: Path) -> Exported:
        """Write the encoder at α in another program's format, and load it again to verify."""
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
        return FORMATS[kind](self.clip, self.at(alpha), folder, self._card(alpha))

    def _top(self, row: Tensor, count: int) -> list[dict[str, Any]]:
        values, indices = row.topk(min(count, len(row)))
        names = self.record.data["names"]
        return [
            {"class": self.record.classes[i], "name": names[i], "probability": round(value, 6)}
            for value, i in zip(values.tolist(), indices.tolist(), strict=True)
        ]

    def _card(self, alpha: float) -> dict[str, Any]:
        return {
            "made_by": f"Evenkeel {__version__}",
            "run": self.record.run_id,
            "model": self.config.model,
            "method": self.config.method,
            "alpha": alpha,
            "classes": self.record.classes,
            "names": self.record.data["names"],
            "templates": self.record.data["templates"],
            "head": self.tuned.head.formula,
        }

    def _load_clip(self, device: str) -> ClipModel:
        clip = zoo.load(self.config.model, device, self.config.precision, ArrayCache(self._cache))
        trained = self.record.environment["model_fingerprint"]
        if clip.fingerprint != trained:
            raise UserError(
                f"model: {self.config.model} has other weights now ({clip.fingerprint[:12]}) than "
                f"when this run was trained ({trained[:12]}). Mixing them would be meaningless."
            )
        return clip
