"""Measures what an image costs a model on this device, in a few passes; run times are estimated
from it.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.results.estimate import Footprint

BATCH = 8
REPEATS = 3
"""Number of timed passes. The fastest counts, because other programs can only slow a pass down."""


def measure_footprint(clip: ClipModel) -> Footprint:
    """Seconds and bytes at the precision that `auto` chooses here. Uses black images; changes
    nothing.
    """
    classifier = clip.classifier(torch.eye(2, clip.embed_dim))
    classifier.tower.requires_grad_(True)  # it is a copy
    images = clip.blank().repeat(BATCH, 1, 1, 1)
    with torch.inference_mode():
        forward = _fastest(lambda: classifier(images))
    kept = _kept_bytes(classifier, images)
    step = _fastest(lambda: classifier(images).sum().backward())
    parameters = sum(parameter.numel() for parameter in classifier.tower.parameters())
    return Footprint(forward / BATCH, step / BATCH, kept // BATCH, parameters)


def _fastest(work: Callable[[], object]) -> float:
    took = []
    for _ in range(1 + REPEATS):  # the first one warms up
        begin = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        took.append(time.perf_counter() - begin)
    return min(took[1:])


def _kept_bytes(classifier: Classifier, images: Tensor) -> int:
    """The bytes of all tensors that autograd saves, each storage once, without the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in classifier.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        logits = classifier(images)  # kept until all are counted: freed addresses are reused
    del logits
    return sum(kept.values())
