"""Readings: seconds of some work, alone, or in pairs that feel the machine's moods alike."""

import time
from collections.abc import Callable

import torch


def seconds(work: Callable[[], object]) -> float:
    """How long `work` took, until the device is done with it."""
    synchronise()
    start = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - start


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternately(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> list[tuple[float, float]]:
    """Seconds of both, `repeats` times, the two next to each other and each first every other time.

    Run each once before, so that neither pays for what happens once.
    """
    pairs = []
    for number in range(repeats):
        if number % 2:
            after = seconds(second)
            pairs.append((seconds(first), after))
        else:
            before = seconds(first)
            pairs.append((before, seconds(second)))
    return pairs
