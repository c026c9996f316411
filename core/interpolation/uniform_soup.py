"""Uniform soup: the mean of all weights."""

from collections.abc import Generator, Sequence

from core.data.fewshot import FewShotTask
from core.events import Event, Step
from core.interpolation.base import Combination, Interpolator, Member
from core.interpolation.soup import Pot
from core.models.clip import ClipModel


class UniformSoup(Interpolator):
    """θ = (1/k)·Σθᵢ over tower, projection and head."""

    name = "uniform-soup"
    title = "Uniform soup"
    paper = "Wortsman et al. 2022 (Model soups), arXiv 2203.05482"
    summary = "Averages the weights of several runs into one model that costs no more than one."
    fewest = 2
    most = None

    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """One pass over the members; nothing is chosen."""
        pot = Pot(members, clip)
        pot.start(0)
        for index in range(1, len(members)):
            pot.stir(index)
            yield Step(index + 1, len(members), 1, 1, loss=0.0)
        share = 1 / len(members)
        return Combination(pot.soup, (share,) * len(members))
