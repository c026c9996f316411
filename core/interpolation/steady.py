"""Steady mixing: an α for every image. Our own method.

One α trades accuracy at home against accuracy elsewhere; a decision for each image does not have
to. A gate on the early statistics of the frozen tower (`core.models.gates`) says how familiar an
image is. The WiSE mixture answers a familiar image, zero-shot an unfamiliar one. There is one
exception: validation can show that the base model is so weak that the fine-tuned model is the
better guess everywhere.

p(x) = (1 − v)·softmax(z₀(x)/T₀) + v·softmax(z_α(x)/T_α),   v = g(x) + (1 − g(x))·w.

Related work: VRF (arXiv 2411.06966) also weights two models by a distance to training images, but
uses last-layer features. DaWin (arXiv 2410.03782) uses the entropy of their answers. Gram matrices
of a network's layers detect unfamiliar images in arXiv 1912.12510. The numbers behind every
constant here: docs/benchmark.md.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.durable import publish
from core.errors import UserError
from core.models.cache_head import CacheHead
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.gates import (
    Gate,
    SteadyClassifier,
    early_layers,
    gate_from,
    gate_state,
    mixed_answers,
    nearest_distances,
    tuned_share,
)
from core.models.temperature import fit_temperature
from core.models.vrf import VrfEnsemble

HeldOutOn = Literal["train", "val"]

NEIGHBOURS = 5
"""Number of nearest training images whose mean distance counts."""
ACCEPTED = 0.95
"""Share of the held-out images that count as familiar."""
LITTLE, MUCH = 0.25, 0.45
"""Gains of the fine-tuned classifier on validation images, in nats of log-likelihood per image.
Below the first it has no part in answers to unfamiliar images; from the second on it answers them
alone.
"""
FEWEST = 4
"""Fewest training images with which a distance means anything."""


@dataclass(frozen=True)
class SteadyMix:
    """A gate and its settings: how a run mixes zero-shot and fine-tuned classifier, image by
    image.
    """

    gate: Gate
    unfamiliar: float
    """w: the share of the fine-tuned classifier in the answer to an unfamiliar image."""
    temperatures: Mapping[float, float]
    """T by α; α 0 is zero-shot. Empty without validation images: then T is 1."""
    fingerprint: str
    """The fingerprint of the model whose tower the gate reads."""
    evidence: float | None = None
    """The number that decided w."""
    calibrated_on: int = 0
    """The number of images that set the gate's threshold."""

    def share(self, familiarity: Tensor) -> Tensor:
        """v `(N,)` from g `(N,)`."""
        return tuned_share(familiarity, self.unfamiliar)

    def temperature(self, alpha: float) -> float:
        """T at any α: linear between the two nearest fitted values."""
        return between_points(self.temperatures, alpha)

    def calibrated(self, alpha: float, logits: Tensor, labels: Tensor) -> "SteadyMix":
        """The same mix with T at α, fitted to the logits `(N, C)` of validation images."""
        temperature = fit_temperature(logits.numpy(), labels.numpy())
        return replace(self, temperatures={**self.temperatures, alpha: temperature})

    def logits(self, zero_shot: Tensor, tuned: Tensor, share: Tensor, alpha: float) -> Tensor:
        """log p `(N, C)` from the logits of zero-shot and of the mixture at α."""
        temperatures = (self.temperature(0.0), self.temperature(alpha))
        return mixed_answers(zero_shot, tuned, share, temperatures)

    def classifier(
        self, zero_shot: Classifier, mixed: Classifier, alpha: float, hard: bool = False
    ) -> SteadyClassifier:
        """The steady classifier of zero-shot and the WiSE mixture at α."""
        temperatures = (self.temperature(0.0), self.temperature(alpha))
        return SteadyClassifier(zero_shot, mixed, self.gate, self.unfamiliar, temperatures, hard)

    def write(self, path: Path) -> None:
        """Write atomically: `gate.safetensors` of a run."""
        tensors, told = gate_state(self.gate)
        told |= {
            "unfamiliar": repr(self.unfamiliar),
            "temperatures": json.dumps({f"{a:g}": t for a, t in self.temperatures.items()}),
            "fingerprint": self.fingerprint,
            "evidence": json.dumps(self.evidence),
            "calibrated_on": str(self.calibrated_on),
        }
        publish(path, lambda partial: save_file(tensors, partial, metadata=told))

    @classmethod
    def read(cls, path: Path, clip: ClipModel) -> "SteadyMix":
        """Read it back. A `UserError` if the file is missing, damaged or of another model."""
        try:
            with safe_open(path, "pt") as file:
                told: dict[str, Any] = file.metadata()
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found = cls(
                gate=gate_from(state, told).to(clip.precision.device),
                unfamiliar=float(told["unfamiliar"]),
                temperatures={float(a): t for a, t in json.loads(told["temperatures"]).items()},
                fingerprint=told["fingerprint"],
                evidence=json.loads(told["evidence"]),
                calibrated_on=int(told["calibrated_on"]),
            )
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} is missing or damaged ({error}). Train the run again, or use it without "
                "the gate."
            ) from None
        if found.fingerprint != clip.fingerprint:
            raise UserError(
                f"{path}: this gate was made for a model with the fingerprint "
                f"{found.fingerprint[:12]}, and {clip.name} has {clip.fingerprint[:12]}. Its "
                "distances mean nothing there: use the model that the run started from."
            )
        return found


def why_no_gate(classifier: Classifier | Ensemble, clip: ClipModel, task: FewShotTask) -> str:
    """The reason why a run cannot be steady, as a sentence; empty if it can."""
    if isinstance(classifier, VrfEnsemble):
        return (
            "VRF has no gate: it already weights zero-shot and the fine-tuned classifier image by "
            "image."
        )
    if isinstance(classifier, Ensemble):
        return (
            "An ensemble has no gate: its members answer together, so there is no single "
            "fine-tuned tower to choose instead of zero-shot."
        )
    if isinstance(classifier.head, CacheHead):
        return (
            "A cache of training images has no gate: it already weights every image by its nearest "
            "training images."
        )
    if not early_layers(clip.model.visual):
        return (
            f"{clip.name} has no gate: its image tower has no early layers that Evenkeel knows, "
            "such as those of a vision transformer, a ResNet, a ConvNeXt or an EfficientNet."
        )
    if len(task.train) < FEWEST:
        return (
            f"There is no gate: it needs at least {FEWEST} training images to tell familiar from "
            f"unfamiliar, and this run has {len(task.train)}."
        )
    return ""


def fit_gate(clip: ClipModel, task: FewShotTask) -> tuple[Gate, int]:
    """The gate of a task, and the number of images that set its threshold."""
    train = clip.early_statistics(task.root, task.train)
    val = clip.early_statistics(task.root, task.val) if task.val else train[:0]
    gate, held_out = gate_on(train, val, early_layers(clip.model.visual))
    return gate.to(clip.precision.device), held_out


def gate_on(
    train: Tensor,
    val: Tensor,
    layers: Sequence[str],
    neighbours: int = NEIGHBOURS,
    held_out: Collection[HeldOutOn] = ("train", "val"),
) -> tuple[Gate, int]:
    """The gate, and the number of images that set its threshold, from early statistics `(M, S)` of
    training and `(N, S)` of validation images.

    a is the distance below which 95 % of the held-out images lie. Held out are validation images,
    and each training image compared with the other training images, because there may be only a
    handful of validation images. b is half their interquartile range.
    """
    mean, spread = train.mean(0), train.std(0, correction=0)
    # Without a floor, a channel that is the same in all training images would decide alone.
    std = spread + 0.01 * spread.mean() + 1e-6
    bank = (train - mean) / std
    found = []
    if "train" in held_out:
        found.append(nearest_distances(bank, bank, neighbours, leave_self_out=True))
    if "val" in held_out and len(val):
        found.append(nearest_distances((val - mean) / std, bank, neighbours))
    distances = torch.cat(found)
    threshold = float(distances.quantile(ACCEPTED))
    quarter, three_quarters = distances.quantile(torch.tensor([0.25, 0.75])).tolist()
    # Equal distances have no range: the floors keep the division by the width finite.
    width = max((three_quarters - quarter) / 2, 1e-3 * threshold, 1e-6)
    return Gate(mean, std, bank, threshold, width, neighbours, layers), len(distances)


def trust_in_tuned(zero_shot: Tensor, tuned: Tensor, labels: Tensor) -> tuple[float, float | None]:
    """(w, its evidence) from the logits `(N, C)` of both on the N validation images.

    The evidence is the gain in log-likelihood of the fine-tuned classifier after temperature
    scaling, in nats per image, minus one standard error. If the base model knows the classes, there
    is little to gain, and it stays the safer choice for an image that looks strange. If it hardly
    knows them, it is not safe for any image. w rises linearly from `LITTLE` to `MUCH`. (0, None)
    for fewer than two images.
    """
    if len(labels) < 2:
        return 0.0, None
    gain = _log_likelihoods(tuned, labels) - _log_likelihoods(zero_shot, labels)
    evidence = float(gain.mean() - gain.std() / len(gain) ** 0.5)
    return min(1.0, max(0.0, (evidence - LITTLE) / (MUCH - LITTLE))), evidence


def between_points(points: Mapping[float, float], at: float) -> float:
    """The value on the line between the two nearest points; 1 if there are no points."""
    if not points:
        return 1.0
    below = max((x for x in points if x <= at), default=min(points))
    above = min((x for x in points if x >= at), default=max(points))
    if above == below:
        return points[below]
    share = (at - below) / (above - below)
    return points[below] + share * (points[above] - points[below])


def _log_likelihoods(logits: Tensor, labels: Tensor) -> Tensor:
    """The log-likelihoods (N,) of the true classes, after temperature scaling."""
    temperature = fit_temperature(logits.numpy(), labels.numpy())
    return -F.cross_entropy(logits.double() / temperature, labels, reduction="none")
