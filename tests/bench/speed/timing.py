"""Readings: seconds of some work, until the device is done with it."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long `work` took, and what came of it."""
    synchronise()
    start = time.perf_counter()
    result = work()
    synchronise()
    return time.perf_counter() - start, result


def seconds(work: Callable[[], object]) -> float:
    """How long `work` took."""
    return timed(work)[0]


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
