"""TPGM: learns on validation images how far every tensor may move from zero-shot."""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.events import Event, Step
from core.interpolation.base import Combination, Interpolator, Member, copied
from core.interpolation.held_out import ChoosingParams, HeldOut
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.params import Sensible

TINY = 1e-8
"""Smallest radius, also added to a norm before dividing, as in the official code."""

Norm = Literal["l2", "mars"]


def norms(delta: Tensor, norm: Norm) -> Tensor:
    """The ‖Δ‖ that a radius is divided by. `l2`: of the whole tensor, a scalar. `mars`: the L1 norm
    of every row, `(rows, 1, …)`; of a vector or a scalar, its L1 norm.
    """
    if norm == "l2":
        return delta.norm()
    rows = tuple(range(1, delta.dim())) or tuple(range(delta.dim()))
    return delta.abs().sum(dim=rows, keepdim=True) if rows else delta.abs()


def project(start: Tensor, tuned: Tensor, radius: Tensor, distance: Tensor) -> Tensor:
    """θ̃ = θ⁰ + clamp(γ/(‖Δ‖ + 1e-8), 0, 1)·Δ: no row is further from θ⁰ than its radius γ.

    TPGM, arXiv 2303.10720, with `distance` = `norms(Δ)`. The gradient with respect to γ is 0 where
    the clamp is saturated. If the ratio is 1 or more, θ̃ is θ to the bit.
    """
    return torch.lerp(start, tuned, F.hardtanh(radius / (distance + TINY), 0.0, 1.0))


class Tpgm(Interpolator):
    """Trains only the radii γ, one scalar per tensor, on the cross entropy of held-out images.

    Follows the official code: radii start at half the smallest norm, are clipped to [1e-8, largest
    norm] before use, and tensors are projected once at the end. The official code fits the split
    that it reports; ours fits validation. Buffers have no radius, and tensors that did not move
    need none.
    """

    name = "tpgm"
    title = "TPGM"
    paper = "Tian et al. 2023, arXiv 2303.10720"
    summary = "Pulls every layer back towards zero-shot as far as the validation images require."

    class Params(ChoosingParams):
        """The settings for measuring and fitting radii."""

        norm: Norm = "l2"
        """Meaning of a radius: `l2`, the length of a whole tensor's change, as in the authors' CLIP
        runs; `mars`, the summed change of each row, as in their ResNet runs.
        """
        steps: Annotated[int, Field(ge=0), Sensible(50, 400)] = 200
        """Number of Adam steps on the radii."""
        lr: Annotated[float, Field(gt=0), Sensible(1e-3, 1e-1, log=True)] = 1e-2
        """Adam's learning rate, in the units of the radii."""
        batch_size: Annotated[int, Field(ge=1), Sensible(16, 256, log=True)] = 64
        """Held-out images per step."""
        start_ratio: Annotated[float, Field(ge=0, le=1), Sensible(0, 1)] = 0.5
        """Radii at the start, as a share of the smallest norm; 0.5 starts in the middle of
        WiSE-FT's line.
        """
        project_head: bool = True
        """Give the class head radii too; off leaves it fine-tuned, as in the authors' ResNet
        runs.
        """

    params: Params

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """One Adam step per event."""
        zero_shot, classifier = members[0].zero_shot, _copy(members[0].load(), clip)
        held_out = HeldOut(clip, task, self.params.choose_on)
        radii = Radii(zero_shot, classifier, self.params)
        optimizer = torch.optim.Adam(radii.radii.values(), self.params.lr)
        count, pixels = self.params.steps, clip.pixels(task.root)
        order = shuffled(len(held_out.items), self.params.batch_size, task.seed)
        for step, index in zip(range(1, count + 1), order, strict=False):
            radii.clip()
            images = pixels.evaluation([held_out.items[i] for i in index.tolist()])
            logits = functional_call(classifier, radii.projected(), (images,))
            labels = held_out.labels[index].to(logits.device)
            terms = {"class": F.cross_entropy(logits, labels), **self.regulariser(radii)}
            loss = torch.stack(list(terms.values())).sum()
            if not math.isfinite(loss.item()):
                raise UserError(f"{self.name}: the loss became {loss.item()}. Lower lr.")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            radii.check_gradients()
            optimizer.step()
            values = {name: term.item() for name, term in terms.items()}
            yield Step(step, count, 1, 1, loss=loss.item(), terms=values, lr=self.params.lr)
        radii.clip()
        ratio = radii.write(classifier)
        return Combination(classifier, (ratio,), {"mean_ratio": ratio})

    def regulariser(self, radii: "Radii") -> dict[str, Tensor]:
        """Terms in addition to the cross entropy."""
        return {}


class Radii:
    """One trainable radius for every tensor that moved between the two ends of a run."""

    def __init__(self, zero_shot: Classifier, tuned: Classifier, params: Tpgm.Params) -> None:
        ends = dict(zero_shot.named_parameters())
        self._start: dict[str, Tensor] = {}
        self._tuned: dict[str, Tensor] = {}
        self.distance: dict[str, Tensor] = {}
        self.radii: dict[str, nn.Parameter] = {}
        for name, weight in tuned.named_parameters():
            start, end = ends[name].detach(), weight.detach()
            distance = norms(end - start, params.norm)
            if distance.max() == 0 or (name.startswith("head.") and not params.project_head):
                continue
            self._start[name], self._tuned[name], self.distance[name] = start, end, distance
            self.radii[name] = nn.Parameter(params.start_ratio * distance.min())
        if not self.radii:
            raise UserError("tpgm: this run moved no weights that could be projected.")

    def check_gradients(self) -> None:
        """Raises a `UserError` if the loss cannot tell how far a tensor should go."""
        for name, radius in self.radii.items():
            if radius.grad is None:
                raise UserError(
                    f"tpgm: the loss has no gradient for {name}, as for a text tower that the head "
                    "reads its prototypes from. Use project_head=false, or wise."
                )

    @torch.no_grad()
    def clip(self) -> None:
        """Clip the radii to [1e-8, largest norm], in place."""
        for name, radius in self.radii.items():
            radius.clamp_(min=TINY).clamp_(max=self.distance[name].max())

    def projected(self) -> dict[str, Tensor]:
        """The projected tensors by name; gradients flow only to the radii."""
        return {
            name: project(self._start[name], self._tuned[name], radius, self.distance[name])
            for name, radius in self.radii.items()
        }

    @torch.no_grad()
    def write(self, classifier: Classifier) -> float:
        """Project the tensors of `classifier` in place. Returns the mean ratio over the tensors."""
        ratios = []
        for name, radius in self.radii.items():
            ratios.append((radius / (self.distance[name] + TINY)).clamp(0, 1).mean())
            weight = classifier.get_parameter(name)
            weight.copy_(project(self._start[name], weight, radius, self.distance[name]))
        return float(torch.stack(ratios).mean())


def shuffled(count: int, size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches of positions, each pass in a new order; the last batch of a pass may be
    short.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.split(torch.randperm(count, generator=generator), size)


def _copy(classifier: Classifier, clip: ClipModel) -> Classifier:
    return copied(classifier, share_tower=clip.owns(classifier))
