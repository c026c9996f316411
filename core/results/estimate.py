"""How long a run will take and how much memory its training needs, before it starts. No torch."""

from dataclasses import dataclass

OVERHEAD_SECONDS = 4.0
"""Reading the images, the class head, the files at the end."""
BYTES_PER_PARAMETER = 20
"""In fp32: the frozen tower, the tuned one, its gradient and Adam's two averages."""


@dataclass(frozen=True)
class Footprint:
    """What one image costs the image tower on this device, as `measure_footprint` found it."""

    forward_seconds: float
    """Frozen: no gradients."""
    step_seconds: float
    """Forward and backward."""
    activation_bytes: int
    """What the backward pass keeps."""
    parameters: int
    """Of the image tower."""


@dataclass(frozen=True)
class Work:
    """What a run is asked to do, in images."""

    trained: int
    """Drawn for training, each epoch."""
    epochs: int
    batch_size: int
    measured: int
    """In validation, test and the OOD domains."""
    looks: int
    """Measurements of all of those by a tower that has changed."""
    step_cost: float | None
    """Of a training step relative to plain fine-tuning's; None when the tower stays frozen."""


def estimated_seconds(work: Work, footprint: Footprint) -> float:
    """From start to record. Features of the frozen tower may be cached: then it is less."""
    seen = work.trained + work.measured
    seconds = OVERHEAD_SECONDS + footprint.forward_seconds * seen
    if work.step_cost is None:
        return seconds
    training = footprint.step_seconds * work.step_cost * work.trained * work.epochs
    return seconds + training + footprint.forward_seconds * work.measured * work.looks


def estimated_bytes(work: Work, footprint: Footprint) -> int:
    """Weights, gradients, Adam's averages, and the activations of one batch."""
    if work.step_cost is None:
        return 4 * footprint.parameters
    batch = min(work.batch_size, work.trained)
    return BYTES_PER_PARAMETER * footprint.parameters + footprint.activation_bytes * batch
