"""Greedy ensemble: averages the outputs of runs that help each other on validation images."""

from collections.abc import Generator, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.events import Event
from core.interpolation.base import Combination, Interpolator, Member
from core.interpolation.greedy import GreedyParams, greedily
from core.interpolation.held_out import HeldOut, accuracy
from core.models.clip import ClipModel
from core.models.ensemble import Average, Ensemble, averaged
from core.params import Sensible


class GreedyEnsemble(Interpolator):
    """The greedy soup's selection in output space; every member costs a tower at inference.

    There is no official code. Logits are averaged, as in the ensembles of Wortsman et al. At most
    four members are kept, as in Lipsum-FT (arXiv 2404.00860). An ensemble of one is that
    classifier.
    """

    name = "greedy-ensemble"
    title = "Greedy ensemble"
    paper = "Wortsman et al. 2022 (Model soups), arXiv 2203.05482"
    summary = "Averages the answers of those runs that raise validation accuracy together."
    fewest = 2
    most = None
    mixes_weights = False

    class Params(GreedyParams):
        """The settings of greedy selection and of an ensemble."""

        max_members: Annotated[int, Field(ge=2), Sensible(2, 8)] = 4
        """The most members to keep; prediction takes this many times the work of one run."""
        average: Average = "logits"
        """Average of `logits`, where a sure member weighs more, or of `probabilities`."""

    params: Params

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """Every member sees the held-out images once; the rest is arithmetic on logits."""
        held_out = HeldOut(clip, task, self.params.choose_on)
        outputs = [held_out.logits(member.load()) for member in members]
        accuracies = [accuracy(logits, held_out.labels) for logits in outputs]
        pool = _Outputs(outputs, held_out.labels, self.params.average)
        kept = yield from greedily(pool, accuracies, self.params.accept, self.params.max_members)
        chosen = [members[index].load() for index in kept]
        classifier = chosen[0] if len(chosen) == 1 else Ensemble(chosen, self.params.average)
        shares = tuple(1 / len(kept) if i in kept else 0.0 for i in range(len(members)))
        return Combination(classifier, shares)


class _Outputs:
    """Tries members by averaging their logits `(N, C)`."""

    def __init__(self, outputs: Sequence[Tensor], labels: Tensor, average: Average) -> None:
        self._outputs, self._labels, self._average = outputs, labels, average

    def start(self, index: int) -> None:
        self._kept = [self._outputs[index]]

    def attempt(self, index: int) -> float:
        self._tried = self._outputs[index]
        return accuracy(averaged([*self._kept, self._tried], self._average), self._labels)

    def keep(self) -> None:
        self._kept.append(self._tried)
