"""N-way K-shot episodes on features: the protocol in which FD-Align reports few-shot accuracy."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from core.errors import UserError
from core.models.clip import unit
from core.params import Params, Sensible

CHUNK = 128
"""Episodes that are drawn and evaluated at a time. Fixed: the draws must not depend on the model's
size.
"""
Z = 1.96


class EpisodePlan(Params):
    """The number and kind of episodes."""

    ways: Annotated[int, Field(ge=2), Sensible(2, 20)] = 5
    """Classes in an episode."""
    shots: Annotated[int, Field(ge=1), Sensible(1, 16)] = 1
    """Images per class that form the prototypes."""
    queries: Annotated[int, Field(ge=1), Sensible(1, 15)] = 15
    """Images per class that are classified."""
    episodes: Annotated[int, Field(ge=2), Sensible(100, 2000)] = 600
    """Episodes per repeat."""
    repeats: Annotated[int, Field(ge=1), Sensible(1, 5)] = 5
    """Number of repeats with different draws."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for the draws of classes and images. The same seed draws the same episodes for every
    model.
    """


@dataclass(frozen=True)
class EpisodeScore:
    """Accuracy over episodes, a fraction of 1, with the two intervals that papers write as ±.

    Both describe other draws from the same images. Neither describes other images.
    """

    accuracy: float
    repeats: tuple[float, ...]
    """The mean accuracy of every repeat."""
    ci_repeats: float | None
    """1.96 × population standard deviation of the repeats' means, not divided by √repeats, as in
    FD-Align's tables. None for one repeat.
    """
    ci_episodes: float
    """1.96 × s/√n over all n episodes: the usual 95 % interval of few-shot papers."""
    classes: int
    """The number of classes with enough images."""
    notes: tuple[str, ...] = ()


def run_episodes(
    features: Tensor, labels: Tensor, classes: Sequence[str], plan: EpisodePlan
) -> EpisodeScore:
    """Draws the plan's episodes from features `(N, D)` with labels `(N,)` and evaluates them.

    Classes with fewer than shots + queries images are left out, with a note. A `UserError` if fewer
    than `ways` remain.
    """
    members, notes = _members(labels, classes, plan)
    if len(members) < plan.ways:
        raise UserError(
            f"ways: {plan.ways} classes with at least {plan.shots + plan.queries} images are "
            f"needed ({plan.shots} shots and {plan.queries} queries), there are {len(members)}. "
            "Lower the queries, the shots or the ways."
        )
    generator = torch.Generator().manual_seed(plan.seed)
    scores = torch.stack(
        [
            torch.cat(
                [
                    episode_accuracy(features, images, plan.shots)
                    for images in draw_episodes(members, plan, generator)
                ]
            )
            for _ in range(plan.repeats)
        ]
    )  # (repeats, episodes)
    means = scores.mean(1)
    return EpisodeScore(
        accuracy=float(scores.mean()),
        repeats=tuple(means.tolist()),
        ci_repeats=interval_of_repeats(means),
        ci_episodes=interval_of_episodes(scores.flatten()),
        classes=len(members),
        notes=notes,
    )


def draw_episodes(
    members: Sequence[Tensor], plan: EpisodePlan, generator: torch.Generator
) -> Iterator[Tensor]:
    """Indices of images `(E, shots + queries, ways)`, support first; each row has one image of each
    class.

    Classes are drawn by one random permutation and images by another, without replacement, in the
    shot-major order of FD-Align's sampler. `members` are the indices of every class's images.
    """
    counts = torch.tensor([len(one) for one in members])
    table = torch.nn.utils.rnn.pad_sequence(list(members), batch_first=True)  # (C, most)
    for start in range(0, plan.episodes, CHUNK):
        size = min(CHUNK, plan.episodes - start)
        keys = torch.rand(size, len(members), generator=generator, dtype=torch.float64)
        classes = keys.argsort(1)[:, : plan.ways]  # (E, ways)
        shape = (size, plan.ways, table.shape[1])
        keys = torch.rand(shape, generator=generator, dtype=torch.float64)
        missing = torch.arange(table.shape[1]) >= counts[classes].unsqueeze(-1)
        keys = keys.masked_fill(missing, 2.0)
        order = keys.topk(plan.shots + plan.queries, largest=False).indices  # in order of the keys
        yield table[classes].gather(-1, order).transpose(1, 2)


def episode_accuracy(features: Tensor, images: Tensor, shots: int) -> Tensor:
    """Share of queries that are classified correctly in each episode, `(E,)` in fp64.

    The prototypical head of FD-Align's code: unit features, averaged over the shots of a class and
    made unit again; the class with the largest cosine wins. Its learnt scale does not change
    accuracy.
    """
    picked = unit(features[images].float())  # (E, shots + queries, ways, D)
    prototypes = unit(picked[:, :shots].mean(1))  # (E, ways, D)
    cosines = torch.einsum("eqwd,ecd->eqwc", picked[:, shots:], prototypes)
    hits = cosines.argmax(-1) == torch.arange(images.shape[-1])
    return hits.double().mean((1, 2))


def interval_of_repeats(means: Tensor) -> float | None:
    """FD-Align's interval: see `EpisodeScore.ci_repeats`."""
    return Z * float(means.std(correction=0)) if len(means) > 1 else None


def interval_of_episodes(scores: Tensor) -> float:
    """The usual interval: see `EpisodeScore.ci_episodes`."""
    return Z * float(scores.std(correction=1)) / math.sqrt(len(scores))


def _members(
    labels: Tensor, classes: Sequence[str], plan: EpisodePlan
) -> tuple[list[Tensor], tuple[str, ...]]:
    """Indices of the images of every class with enough images, and notes on what was left out."""
    needed = plan.shots + plan.queries
    found = [(labels == label).nonzero().flatten() for label in range(len(classes))]
    short = [
        f"{name} ({len(one)})"
        for name, one in zip(classes, found, strict=True)
        if 0 < len(one) < needed
    ]
    shown = ", ".join(short[:10]) + (f" and {len(short) - 10} more" if len(short) > 10 else "")
    notes = (f"Left out, with fewer than {needed} images: {shown}.",) if short else ()
    return [one for one in found if len(one) >= needed], notes
