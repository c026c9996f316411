"""WiSE-FT: mixes the weights of the zero-shot and the fine-tuned classifier."""

from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.events import Event, Step
from core.interpolation.base import Combination, Interpolator, Member, copied
from core.interpolation.fisher import Fishers, diagonal_fisher, fisher_mix
from core.interpolation.held_out import ChoosingParams, HeldOut, accuracy, nll
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.params import Sensible
from core.results.records import ChosenOn

State = Mapping[str, Tensor]


def mix(
    zero_shot: State, tuned: State, alpha: float, fishers: Fishers | None = None
) -> dict[str, Tensor]:
    """θ_α = (1−α)·θ₀ + α·θ₁ over tower, projection and head. WiSE-FT, arXiv 2109.01903, Eq. 1.

    Exact at both ends: α = 0 gives θ₀ and α = 1 gives θ₁ to the bit. Integer buffers are copied
    from θ₀, running statistics are mixed. Tensors that both `fishers` contain are weighted by them.
    """
    if zero_shot.keys() != tuned.keys():
        odd = sorted(zero_shot.keys() ^ tuned.keys())
        raise ValueError(f"the two classifiers do not have the same weights: {odd[:3]}")
    before, after = fishers or ({}, {})
    mixed = {}
    for name, start in zero_shot.items():
        if not start.is_floating_point():
            mixed[name] = start.clone()
        elif name in before and name in after:
            mixed[name] = fisher_mix(start, tuned[name], alpha, before[name], after[name])
        else:
            mixed[name] = torch.lerp(start, tuned[name], alpha)
    return mixed


class WiseMixer:
    """The classifier at any α, in one scratch copy that every call overwrites.

    A tower that both ends share is not copied: only their heads are mixed.
    """

    def __init__(
        self, zero_shot: Classifier, tuned: Classifier, fishers: Fishers | None = None
    ) -> None:
        shared = zero_shot.tower is tuned.tower
        self._scratch = copied(tuned, share_tower=shared)
        self._part = "head" if shared else ""
        self._zero_shot = self._state(zero_shot)
        self._tuned = self._state(tuned)
        below = "head." if shared else ""
        self._fishers = fishers and (_below(below, fishers[0]), _below(below, fishers[1]))

    def at(self, alpha: float) -> Classifier:
        """The mixed classifier; valid until the next call."""
        part = self._scratch.get_submodule(self._part)
        part.load_state_dict(mix(self._zero_shot, self._tuned, alpha, self._fishers))
        return self._scratch

    def _state(self, classifier: Classifier) -> dict[str, Tensor]:
        state = classifier.get_submodule(self._part).state_dict()
        return {name: tensor.detach() for name, tensor in state.items()}


class Ends:
    """Zero-shot and an ensemble. An ensemble has no weights to mix, so nothing lies between the
    two.
    """

    def __init__(self, zero_shot: Classifier, ensemble: Ensemble) -> None:
        self._ends: dict[float, Classifier | Ensemble] = {0.0: zero_shot, 1.0: ensemble}

    def at(self, alpha: float) -> Classifier | Ensemble:
        """One of the two ends; a `UserError` for any α between them."""
        if alpha not in self._ends:
            raise UserError(
                f"alpha: this run is an ensemble, whose members have no common weights to mix, got "
                f"{alpha:g}. Use 0 (zero-shot) or 1 (the ensemble)."
            )
        return self._ends[alpha]


def between(zero_shot: Classifier, tuned: Classifier | Ensemble) -> WiseMixer | Ends:
    """The source of classifiers at every possible α."""
    if isinstance(tuned, Ensemble):
        return Ends(zero_shot, tuned)
    return WiseMixer(zero_shot, tuned)


class Wise(Interpolator):
    """θ_α at the α with the best validation accuracy; among equals the one with the lowest NLL."""

    name = "wise"
    title = "WiSE-FT"
    paper = "Wortsman et al. 2022 (WiSE-FT), arXiv 2109.01903"
    summary = "Mixes a run's weights with zero-shot's: most of the gain, much less forgetting."

    class Params(ChoosingParams):
        """The settings of the mixture."""

        alpha: Annotated[float, Field(ge=0, le=1), Sensible(0, 1)] | None = None
        """Mixing weight: 0 is zero-shot, 1 the run. Empty: the best on the images that the choice
        is made on.
        """
        points: Annotated[int, Field(ge=2), Sensible(11, 101)] = 21
        """Number of mixing weights from 0 to 1 that are tried if alpha is empty."""
        weighting: Literal["plain", "fisher"] = "plain"
        """`plain`: alpha mixes all weights equally. `fisher`: each weight leans to the end that is
        surer about it, by the diagonal Fisher information on the training shots.
        """

    params: Params

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """One α of the grid per event."""
        zero_shot, tuned = members[0].zero_shot, members[0].load()
        mixer = WiseMixer(zero_shot, tuned, self._fishers(zero_shot, tuned, clip, task))
        alpha = self.params.alpha
        if alpha is None:
            held_out = HeldOut(clip, task, self.params.choose_on)
            alpha = yield from best_alpha(mixer, held_out, self.params.points)
        return Combination(mixer.at(alpha), (alpha,), {"alpha": alpha})

    @property
    def chosen_on(self) -> ChosenOn:
        """No images if α is given: then nothing is chosen."""
        return super().chosen_on if self.params.alpha is None else "nothing"

    def _fishers(
        self, zero_shot: Classifier, tuned: Classifier, clip: ClipModel, task: FewShotTask
    ) -> Fishers | None:
        if self.params.weighting == "plain":
            return None
        pixels = clip.pixels(task.root)
        return (
            diagonal_fisher(zero_shot, pixels, task.train),
            diagonal_fisher(tuned, pixels, task.train),
        )


def best_alpha(mixer: WiseMixer, held_out: HeldOut, points: int) -> Generator[Event, None, float]:
    """The α of an even grid with the highest accuracy; then the lowest NLL, then the lowest α."""
    scores = []
    for number in range(points):
        alpha = round(number / (points - 1), 6)
        logits = held_out.logits(mixer.at(alpha))
        scores.append((-accuracy(logits, held_out.labels), nll(logits, held_out.labels), alpha))
        yield Step(number + 1, points, 1, 1, loss=scores[-1][1])
    return min(scores)[2]


def _below(prefix: str, tensors: State) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
