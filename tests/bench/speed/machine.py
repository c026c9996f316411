"""Readings of time, and the machine's matrix products a second, which no training step can beat."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from core.run.environment import device_name

SHAPE = (1600, 768, 3072)
"""Tokens of a batch of 32, width and inner width of ViT-B/32: what a step multiplies most."""

DTYPES = (torch.float32, torch.bfloat16)
"""What a tower computes in (see `core.models.precision`)."""


def facts(device: torch.device) -> dict[str, Any]:
    """What a table of figures must name."""
    return {
        "device": device_name(device),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def multiply_rate(device: torch.device, dtype: torch.dtype, at_least: float = 0.3) -> float:
    """FLOP/s of a matrix product as a transformer's layer asks for it, over `at_least` seconds."""
    tokens, width, inner = SHAPE if device.type == "cpu" else tuple(8 * n for n in SHAPE)
    x = torch.randn(tokens, width, device=device).to(dtype)
    weight = torch.randn(inner, width, device=device).to(dtype)
    products, took = 0, 0.0
    with torch.inference_mode():
        F.linear(x, weight)
        while took < at_least:
            took += seconds(lambda: [F.linear(x, weight) for _ in range(4)])
            products += 4
    return products * 2 * tokens * width * inner / took


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
