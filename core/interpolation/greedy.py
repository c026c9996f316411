"""Greedy selection of weights or outputs: starts with the best run and keeps only runs that
help.
"""

from collections.abc import Generator, Sequence
from typing import Literal, Protocol

from core.events import Event, Step
from core.interpolation.held_out import ChoosingParams

Accept = Literal["higher", "not-lower"]


class GreedyParams(ChoosingParams):
    """The settings of greedy selection."""

    accept: Accept = "higher"
    """Rule for keeping a run: `higher` keeps it if accuracy rises, as in the authors' code;
    `not-lower` also if accuracy stays equal, as in the paper's text.
    """


class Pool(Protocol):
    """Members that can be tried together."""

    def start(self, index: int) -> None:
        """Start with this member alone."""

    def attempt(self, index: int) -> float:
        """The accuracy of the kept members together with this one."""

    def keep(self) -> None:
        """Keep the member of the last attempt."""


def best_first(accuracies: Sequence[float]) -> list[int]:
    """Positions by falling accuracy; among equals the later one first, as the official code
    sorts.
    """
    return sorted(range(len(accuracies)), key=lambda index: (-accuracies[index], -index))


def greedily(
    pool: Pool, accuracies: Sequence[float], accept: Accept, most: int | None = None
) -> Generator[Event, None, list[int]]:
    """The positions of the kept members, in the order in which they joined.

    Model soups, arXiv 2203.05482, Recipe 1: start with the best, try every other once, and keep it
    if accuracy is higher (official code; the paper's ≥ is `not-lower`). At most `most` are kept.
    """
    first, *others = best_first(accuracies)
    pool.start(first)
    kept, best = [first], accuracies[first]
    yield _tried(1, len(accuracies), best, best)
    for number, index in enumerate(others, start=2):
        if len(kept) == most:
            break
        accuracy = pool.attempt(index)
        if accuracy > best or (accept == "not-lower" and accuracy == best):
            pool.keep()
            kept.append(index)
            best = accuracy
        yield _tried(number, len(accuracies), best, accuracy)
    return kept


def _tried(number: int, count: int, best: float, accuracy: float) -> Event:
    terms = {"error kept": 1 - best, "error tried": 1 - accuracy}
    return Step(number, count, 1, 1, loss=1 - best, terms=terms)
