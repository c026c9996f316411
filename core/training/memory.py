"""Computes the gradient of a batch, in parts when the memory is too small for the whole batch."""

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.events import Event, Warned
from core.models.allocator import is_out_of_memory
from core.training.state import parts as state_of

if TYPE_CHECKING:
    from core.training.loop import Batch, Trainable


import os
import time

import psutil

MOST_PARTS = 16
"""The most parts of a batch: it is halved at most four times."""


class Accumulator:
    """Adds up a batch's gradients over `parts` of it: the same step with a fraction of the memory.

    Losses are means over the batch, so each part is weighted by its share of the images. Every part
    sees the same random draws: what the images of a batch share, such as random texts, all parts
    share.
    """

    def __init__(self, method: "Trainable", trainable: list[nn.Parameter], parts: int) -> None:
        self.parts = parts
        self._method = method
        self._trainable = trainable
        held = state_of(method).values()
        self._draws = [part for part in held if isinstance(part, torch.Generator)]

    def backward(
        self, batch: "Batch", step: int
    ) -> Generator[Event, None, tuple[float, dict[str, float]]]:
        """Fill the gradients; returns the loss and its terms by name. When memory runs out it
        halves the parts and reports that; a `UserError` if that does not help or is not allowed.
        """
        draws = [generator.get_state() for generator in self._draws]
        while True:
            try:
                return self._add_up(batch, draws)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            # After the `except`, not inside it: the error's frames hold the tensors that filled the
            # memory.
            self._forget()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            yield self._halve(len(batch.labels), step)

    def _add_up(self, batch: "Batch", draws: list[Tensor]) -> tuple[float, dict[str, float]]:
        total, sums = 0.0, dict[str, float]()
        size = -(-len(batch.labels) // self.parts)
        self._forget()
        for start in range(0, len(batch.labels), size):
            for generator, state in zip(self._draws, draws, strict=True):
                generator.set_state(state)
            part = _cut(batch, slice(start, start + size))
            share = len(part.labels) / len(batch.labels)
            terms = self._method.loss(part)
            loss = torch.stack(list(terms.values())).sum()
            (loss * share).backward()  # type: ignore[no-untyped-call]
            total += loss.item() * share
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + term.item() * share
        return total, sums

    def _halve(self, size: int, step: int) -> Warned:
        """Halve the parts; returns the warning."""
        lower = f"Lower batch_size (a batch has {size} images), or choose a smaller model."
        if not self._method.splits_batches:
            raise UserError(
                f"memory: it ran out at step {step}, and this method's loss compares the images of "
                f"a batch with each other, so it cannot be computed in parts. {lower}"
            )
        if self.parts >= min(MOST_PARTS, size):
            raise UserError(
                f"memory: it ran out at step {step}, even for {-(-size // self.parts)} of a "
                f"batch's {size} images at a time. {lower}"
            )
        self.parts *= 2
        return Warned(
            f"Out of memory at step {step}: batches are computed in {self.parts} parts from here "
            "on. The steps stay the same, and take longer."
        )

    def _forget(self) -> None:
        for weight in self._trainable:
            weight.grad = None


def _cut(batch: "Batch", part: slice) -> "Batch":
    images = batch.images[part] if len(batch.images) else batch.images
    return replace(batch, images=images, labels=batch.labels[part], index=batch.index[part])


def recompute(tower: nn.Module, on: bool) -> bool:
    """Switch it for every transformer in an open_clip tower; True if there is one."""
    found = [module for module in tower.modules() if hasattr(module, "grad_checkpointing")]
    for module in found:
        module.grad_checkpointing = on  # type: ignore[assignment]
    return bool(found)


FRESH_SECONDS = 1.0
"""Shortest time between two readings. A reading takes up to a millisecond, and people read no
faster.
"""


class Usage:
    """The last reading of a device; `read` renews it after a second."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._cores = os.cpu_count() or 1
        self._at = time.perf_counter()
        self._worked = time.process_time()
        self.memory_bytes = 0
        self.busy: float | None = None
        """Share from 0 to 1: of all cores by this process, or of the GPU by all processes. None if
        unknown (NVIDIA's reading needs the package nvidia-ml-py).
        """

    def read(self) -> None:
        """Renew the reading if it is due."""
        passed = time.perf_counter() - self._at
        if self.memory_bytes and passed < FRESH_SECONDS:
            return
        if self._device.type == "cuda":
            self.memory_bytes = torch.cuda.memory_reserved(self._device)
            self.busy = _gpu_busy(self._device)
        else:
            worked = time.process_time()
            self.memory_bytes = self._process.memory_info().rss
            self.busy = min(1.0, (worked - self._worked) / (passed * self._cores))
            self._worked = worked
        self._at += passed


def _gpu_busy(device: torch.device) -> float | None:
    try:
        return float(torch.cuda.utilization(device)) / 100
    except (ModuleNotFoundError, RuntimeError):
        return None
