"""Describes the machine of a run and times its parts, for the record."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import open_clip
import torch

from core import __version__
from core.models.clip import ClipModel
from core.params import JsonObject


class Clock:
    """Seconds by activity. Blocks of one name add up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    def add(self, earlier: Mapping[str, float]) -> None:
        """Add the time of an earlier attempt at the same work."""
        for name, spent in earlier.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        self._started -= sum(earlier.values())

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def timing(self, images: int, steps: int, step_seconds: float = 0.0) -> dict[str, float]:
        """The timing for the record; `images` is the number of training views that went through the
        tower, in `steps` optimiser steps of this median duration.
        """
        train = self.seconds.get("train_seconds", 0.0)
        timing = {
            **self.seconds,
            "steps": float(steps),
            "step_seconds": step_seconds,
            "images_per_second": images / train if train else 0.0,
            "total_seconds": time.perf_counter() - self._started,
        }
        return {name: round(value, 3) for name, value in timing.items()}


def environment(clip: ClipModel) -> JsonObject:
    """Versions, device, arithmetic, and the hash of the weights that the run started from."""
    return {
        "evenkeel": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
        "device_name": device_name(clip.precision.device),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "logit_scale": round(clip.logit_scale, 6),
        "image_parameters": sum(p.numel() for p in clip.model.visual.parameters()),
        "model_fingerprint": clip.fingerprint,
        "activation": clip.activation,
        "preprocess": json.loads(json.dumps(asdict(clip.preprocess))),
        **clip.precision.describe(),
    }


def device_name(device: torch.device) -> str:
    """The device's name for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
