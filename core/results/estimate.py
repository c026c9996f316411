"""Estimates the time and memory of a run before it starts. Imports no torch."""

from dataclasses import dataclass

OVERHEAD_SECONDS = 4.0
"""Time to read the images, build the class head and write the files at the end."""
BYTES_PER_PARAMETER = 20
"""In fp32: the frozen tower, the tuned tower, its gradient and Adam's two averages."""


@dataclass(frozen=True)
class Footprint:
    """The cost of one image in the image tower on this device, measured by `measure_footprint`."""

    forward_seconds: float
    """Forward pass of the frozen tower, without gradients."""
    step_seconds: float
    """Forward and backward pass."""
    activation_bytes: int
    """Memory that is kept for the backward pass."""
    parameters: int
    """Parameters of the image tower."""


@dataclass(frozen=True)
class RunSize:
    """The size of a run, counted in images."""

    trained: int
    """Training images per epoch."""
    epochs: int
    batch_size: int
    measured: int
    """Images in validation, test and the OOD domains."""
    looks: int
    """The number of times that a changed tower measures all of those."""
    step_cost: float | None
    """Cost of a training step relative to plain fine-tuning; None if the tower stays frozen."""


def estimated_seconds(work: RunSize, footprint: Footprint) -> float:
    """Seconds from start to record. With cached features of the frozen tower it takes less."""
    seen = work.trained + work.measured
    seconds = OVERHEAD_SECONDS + footprint.forward_seconds * seen
    if work.step_cost is None:
        return seconds
    training = footprint.step_seconds * work.step_cost * work.trained * work.epochs
    return seconds + training + footprint.forward_seconds * work.measured * work.looks


def estimated_bytes(work: RunSize, footprint: Footprint) -> int:
    """Bytes for weights, gradients, Adam's averages, and the activations of one batch."""
    if work.step_cost is None:
        return 4 * footprint.parameters
    batch = min(work.batch_size, work.trained)
    return BYTES_PER_PARAMETER * footprint.parameters + footprint.activation_bytes * batch
