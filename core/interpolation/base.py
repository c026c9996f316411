"""The base class of interpolators: finished runs in, one classifier out, no further fine-tuning."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.events import Event
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.params import Params as BaseParams
from core.results.records import ChosenOn

SAME_HEAD = 1e-4
"""Largest difference of a unit weight that still counts as the same start (other devices, bf16)."""


@dataclass(frozen=True)
class Member:
    """One finished run as an interpolator sees it."""

    name: str
    zero_shot: Classifier
    """Its starting point, with the same tensor names as the fine-tuned classifier."""
    load: Callable[[], Classifier]
    """Reads the fine-tuned classifier at every call: a pool of runs need not fit into memory."""
    accuracy: float | None = None
    """Accuracy on the task's validation images, if known."""


@dataclass(frozen=True)
class Combination:
    """The result of combining the members."""

    classifier: Classifier | Ensemble
    shares: tuple[float, ...]
    """The share of each member in the result, in their order; 0 for a member that was left out."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Numbers worth keeping, such as the chosen α."""
    chosen_on: ChosenOn | None = None
    """The images that the result was fitted to, if that depends on the task; None: as the
    interpolator says.
    """


class Interpolator(ABC):
    """A way to turn one or more finished runs into another classifier.

    The members do not change, to the bit. All start from the same CLIP (`clip`) on the same
    classes. The caller must check that, because a member does not know where it comes from.
    """

    name: ClassVar[str]
    """The id as the papers write it, lower-case with hyphens."""
    title: ClassVar[str]
    """The display name."""
    paper: ClassVar[str]
    """The source: authors, year, arXiv id."""
    summary: ClassVar[str]
    """One plain sentence: what it does and what it is good for."""
    Params: ClassVar[type[BaseParams]] = BaseParams
    fewest: ClassVar[int] = 1
    """The fewest members that it needs."""
    most: ClassVar[int | None] = 1
    """The most members that it takes; None for any number."""
    mixes_weights: ClassVar[bool] = True
    """False if it averages outputs, so that members may have different heads."""

    def __init__(self, params: Any) -> None:
        self.params = params

    def combine(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """Run to the end. Closing the generator cancels. A `UserError` if the members do not fit.

        Choices are made on `task.val`, and radii are fitted to it. Only a setting called `oracle`
        looks at `task.test`.
        """
        self.check(members, task)
        return (yield from self.steps(members, clip, task))

    @property
    def chosen_on(self) -> ChosenOn:
        """The images on which members, weights or radii are chosen, as the record states it."""
        on: ChosenOn = getattr(self.params, "choose_on", "nothing")
        return on

    @abstractmethod
    def steps(
        self, members: Sequence[Member], clip: ClipModel, task: FewShotTask
    ) -> Generator[Event, None, Combination]:
        """The work of `combine`, for members that fit."""

    def check(self, members: Sequence[Member], task: FewShotTask) -> None:
        """Raises a `UserError` if these members cannot be combined on this task."""
        self.check_count(len(members))
        if self.mixes_weights:
            for member in members[1:]:
                _check_heads(self.name, members[0], member)
        if (self.chosen_on == "val" and not task.val) or (
            self.chosen_on == "oracle" and not task.test
        ):
            raise UserError(
                f"{self.name}: it chooses on validation images, and none are left for these runs. "
                "Add a val folder, train with fewer shots, or use a method without a choice: "
                "uniform-soup, or wise with a fixed alpha."
            )

    @classmethod
    def check_count(cls, count: int) -> None:
        """Raises a `UserError` if it cannot take this number of runs."""
        if count < cls.fewest:
            raise UserError(
                f"{cls.name}: at least {cls.fewest} {'run is' if cls.fewest == 1 else 'runs are'} "
                f"needed, got {count}. Name more runs."
            )
        if cls.most is not None and count > cls.most:
            raise UserError(
                f"{cls.name}: it takes {cls.most} run, got {count}. "
                "Name one of them, or make a soup of them first with `evenkeel soup`."
            )


def copied(classifier: Classifier, share_tower: bool) -> Classifier:
    """A frozen copy to write into; a copy of the head alone if the tower stays shared."""
    shared = {id(classifier.tower): classifier.tower} if share_tower else {}
    return copy.deepcopy(classifier, dict(shared)).requires_grad_(False)


def _check_heads(name: str, first: Member, other: Member) -> None:
    """Raises a `UserError` unless the weights have the same names and shapes and started from one
    head.
    """
    one, two = first.zero_shot.head, other.zero_shot.head
    start, end = one.state_dict(), two.state_dict()
    shapes = [{n: tuple(t.shape) for n, t in state.items()} for state in (start, end)]
    if one.kind != two.kind or shapes[0] != shapes[1]:
        raise UserError(
            f"{name}: {other.name} has another kind of head than {first.name}, so their "
            "weights cannot be averaged. Combine runs with the same head, or use greedy-ensemble."
        )
    for key, tensor in start.items():
        scale = max(1.0, float(tensor.abs().max())) if tensor.numel() else 1.0
        if not torch.allclose(tensor.float(), end[key].float(), rtol=0, atol=SAME_HEAD * scale):
            raise UserError(
                f"{name}: {other.name} started from another zero-shot head than {first.name}: "
                "other prompts, class names or cached images. Averages are only valid from one "
                "start; train with the same templates, or use greedy-ensemble."
            )
