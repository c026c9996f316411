"""VRF: mixes zero-shot and fine-tuned answers by an image's distance to images that fine-tuning
repaired.
"""

from collections.abc import Generator, Sequence
from itertools import product
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.events import Advanced, Event, Warned
from core.interpolation.base import Combination, Interpolator, Member
from core.interpolation.held_out import HeldOut, accuracy, nll
from core.models.clip import ClipModel
from core.models.gates import mixed_answers
from core.models.temperature import fit_temperature
from core.models.vrf import VrfEnsemble, squared_distances, tuned_weights
from core.params import Params as BaseParams
from core.params import Sensible
from core.results.records import ChosenOn

IMAGENET = 1_281_167
"""Number of training images of ImageNet, for which the published share of neighbours was set."""
GRID_A = tuple(round(0.25 * i, 2) for i in range(1, 9))
GRID_B = (0.1, 0.2, 0.4, 0.6, 0.8)
REPAIRED_NOTHING = (
    "The fine-tuned classifier repairs no mistake that zero-shot makes on the training images, so "
    "there is no distance to measure: both have the same weight in every answer."
)

Pair = tuple[Tensor, Tensor]
"""A value of zero-shot and one of the fine-tuned classifier."""


def repaired(zero_shot: Tensor, tuned: Tensor, labels: Tensor) -> Tensor:
    """True where zero-shot is wrong and the fine-tuned classifier right: (N,), from logits `(N,
    C)`.
    """
    return (zero_shot.argmax(1) != labels) & (tuned.argmax(1) == labels)


def neighbours_among(failures: int) -> int:
    """k: the share that 1000 is of ImageNet's training images, applied to M failures; at least
    1.
    """
    return max(1, round(1000 * failures / IMAGENET))


class Vrf(Interpolator):
    """Variance reduction fine-tuning, arXiv 2411.06966; nothing is trained.

    The zero-shot failure set contains the training images that the fine-tuned classifier gets right
    and zero-shot gets wrong. Z `(M, D)` are the fine-tuned tower's unit features of their
    evaluation views. The weight of the fine-tuned classifier falls with the squared distance to the
    k-th nearest row of Z (`tuned_weights`), and probabilities are mixed.

    Differences from the official code: its k is 1000·M/N for N training images, which is more than
    Z has if N is under 1000. Ours is the same share of Z as on ImageNet, so 1 for a few shots. It
    fits the temperatures to the images that it reports, so that mean confidence equals accuracy.
    Ours are the likeliest on validation images, and 1 without any. With M = 0 it fails; ours
    weights both equally and says so. Its a and b are constants, which are the defaults here.
    """

    name = "vrf"
    title = "VRF"
    paper = "Zhu et al. 2024 (VRF), arXiv 2411.06966"
    summary = (
        "Averages a run's answers with zero-shot's: the run's count more near images that it "
        "learnt to get right."
    )
    mixes_weights = False

    class Params(BaseParams):
        """The settings of the fall of the run's weight with the distance."""

        a: Annotated[float, Field(ge=0, le=4), Sensible(0.25, 2)] = 1.5
        """Squared distance (0 to 4) at which the run and zero-shot have equal weight."""
        b: Annotated[float, Field(gt=0), Sensible(0.1, 1)] = 0.6
        """Range of squared distance over which the run's weight falls."""
        fit: Literal["published", "validation"] = "published"
        """`published`: a and b as given, by default the authors' constants. `validation`: the a and
        b with the best validation accuracy; among equals the likeliest.
        """

    params: Params

    def check(self, members: Sequence[Member], task: FewShotTask) -> None:
        """See `Interpolator`; validation images are needed only if a and b are fitted."""
        self.check_count(len(members))
        if self.params.fit == "validation" and not task.val:
            raise UserError(
                "vrf: fit=validation chooses a and b on validation images, and none are left for "
                "this run. Add a val folder, train with fewer shots, or use fit=published."
            )

    @property
    def chosen_on(self) -> ChosenOn:
        """The images that fit at least the temperatures; `Combination.chosen_on` says if there were
        none.
        """
        return "val"

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """One event for each end on the training images, and one for validation."""
        zero_shot, tuned = members[0].zero_shot, members[0].load()
        labels = torch.tensor([item.label for item in task.train])
        before = zero_shot.outputs_of(clip, task.root, task.train)[1]
        yield Advanced(1, 3)
        features, after = tuned.outputs_of(clip, task.root, task.train)
        failures = features[repaired(before, after, labels)]
        k = neighbours_among(len(failures))
        yield Advanced(2, 3)
        if not len(failures):
            yield Warned(REPAIRED_NOTHING)

        a, b, temperatures = self.params.a, self.params.b, (1.0, 1.0)
        if task.val:
            held_out = HeldOut(clip, task, "val")
            features, after = tuned.outputs_of(clip, task.root, task.val)
            ends = (held_out.logits(zero_shot), after)
            temperatures = fitted_temperatures(ends, held_out.labels)
            if self.params.fit == "validation" and len(failures):
                distances = squared_distances(features, failures, k)
                a, b = best_curve(distances, ends, temperatures, held_out.labels)
        yield Advanced(3, 3)
        classifier = VrfEnsemble(zero_shot, tuned, failures, k, a, b, temperatures)
        facts = {
            "failures": len(failures),
            "neighbours": k if len(failures) else 0,
            "a": a,
            "b": b,
            "temperature_of_zero_shot": temperatures[0],
            "temperature_of_the_run": temperatures[1],
        }
        # Use images that nothing was trained on, if there are any.
        share = float(classifier.weights(features).mean())
        return Combination(classifier, (share,), facts, "val" if task.val else "nothing")


def fitted_temperatures(logits: Pair, labels: Tensor) -> tuple[float, float]:
    """T₀ and T₁, the likeliest for the labels `(N,)` given the logits `(N, C)` of both."""
    first, second = (fit_temperature(z.numpy(), labels.numpy()) for z in logits)
    return first, second


def best_curve(
    distances: Tensor, logits: Pair, temperatures: tuple[float, float], labels: Tensor
) -> tuple[float, float]:
    """The a and b of the grid with the highest accuracy on N images; among equals the likelier,
    then the smaller.

    `distances` `(N,)`, `logits` `(N, C)` of both and `labels` `(N,)`. The grid is ours.
    """
    scores = []
    for a, b in product(GRID_A, GRID_B):
        mixed = mixed_answers(*logits, tuned_weights(distances, a, b), temperatures)
        scores.append((-accuracy(mixed, labels), nll(mixed, labels), a, b))
    return min(scores)[2:]
