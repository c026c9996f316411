"""Greedy soup: averages the weights of runs that help each other on validation images."""

from collections.abc import Generator, Sequence

from core.data.fewshot import FewShotTask
from core.events import Event
from core.interpolation.base import Combination, Interpolator, Member
from core.interpolation.greedy import GreedyParams, greedily
from core.interpolation.held_out import HeldOut
from core.interpolation.soup import Pot
from core.models.clip import ClipModel


class GreedySoup(Interpolator):
    """Recipe 1 of the paper; the default accepts as the official code does (>), not as printed (≥).

    All members count equally: the soup is their mean, in whatever order they joined.
    """

    name = "greedy-soup"
    title = "Greedy soup"
    paper = "Wortsman et al. 2022 (Model soups), arXiv 2203.05482"
    summary = "Averages the weights of those runs that raise validation accuracy together."
    Params = GreedyParams
    params: GreedyParams
    fewest = 2
    most = None

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """One candidate per event."""
        held_out = HeldOut(clip, task, self.params.choose_on)
        accuracies = [held_out.accuracy_of(member) for member in members]
        pool = _Weights(members, clip, held_out)
        kept = yield from greedily(pool, accuracies, self.params.accept)
        shares = tuple(1 / len(kept) if i in kept else 0.0 for i in range(len(members)))
        return Combination(pool.soup, shares)


class _Weights(Pot):
    """Tries members by averaging their weights."""

    def __init__(self, members: Sequence[Member], clip: ClipModel, held_out: HeldOut) -> None:
        super().__init__(members, clip)
        self._held_out = held_out

    def attempt(self, index: int) -> float:
        return self._held_out.accuracy(self.candidate(index))
