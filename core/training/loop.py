"""The training loop, the only one: trains any `Trainable` and reports its progress as events."""

import copy
import math
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from core.data.fewshot import FewShotTask
from core.durable import crash_at
from core.errors import UserError
from core.events import Event, Measuring, Step
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.training.checkpoints import Checkpoints
from core.training.keeper import Keeper
from core.training.memory import Accumulator, Usage
from core.training.optim import Schedule, clip_gradients, make_optimizer
from core.training.settings import LoopParams


@dataclass(frozen=True)
class Batch:
    """The input of a loss."""

    images: Tensor
    """Training views `(B, 3, n, n)` uint8; `(0,)` for a method that does not look at pixels."""
    labels: Tensor
    """`(B,)` class indices."""
    index: Tensor
    """`(B,)` positions in the task's training images."""
    view: int
    """Number of the view of all these images (the epoch)."""


class Trainable(Protocol):
    """The interface of a method that the loop needs."""

    clip: ClipModel
    task: FewShotTask

    @property
    def params(self) -> LoopParams:
        """The method's settings, all filled in."""

    @property
    def classifier(self) -> Classifier:
        """The current classifier, between two steps."""

    @property
    def looks_at_pixels(self) -> bool:
        """True if the loss needs the images, not only their index and view."""

    @property
    def splits_batches(self) -> bool:
        """True if the loss is a mean of one term per image."""

    @property
    def checkpoints(self) -> Checkpoints | None:
        """The checkpoints of the training; None saves none."""

    def parameters(self) -> list[nn.Parameter]:
        """The parameters that the optimiser may change."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss by name; the loss is their sum."""

    def after_step(self, step: int, steps: int) -> None:
        """Called after every optimiser step (EMA and the like)."""


def train(method: Trainable) -> Generator[Event, None, None]:
    """Train `method.classifier` in place. Closing the generator cancels between two steps.

    The same method, task and device give the same weights: the order of the images is drawn from
    the seed, and the views from (seed, image, epoch). So a training that continues from one of the
    method's checkpoints ends with the same weights as an uninterrupted one.
    """
    params, task = method.params, method.task
    trainable = method.parameters()
    schedule = Schedule(params, len(task.train))
    optimizer = make_optimizer(params, trainable, schedule.peak)
    steps, per_epoch = schedule.steps, schedule.per_epoch
    best = BestEpoch(method) if params.keep == "best" else None
    keeper = Keeper(method, trainable, optimizer, schedule, best)

    now = yield from keeper.begin()
    memory = Accumulator(method, trainable, now.parts)
    usage = Usage(method.classifier.precision.device)
    while now.step < steps and not keeper.must_stop():
        epoch, done = divmod(now.step, per_epoch)
        # The frozen tower may look at all images first: the worker must not call that a hang.
        yield Measuring(now.step)
        for batch in _batches(method, epoch, done):
            started = time.perf_counter()
            lr = schedule(now.step) / 2**now.rate_halvings
            for group in optimizer.param_groups:
                group["lr"] = lr

            loss, terms = yield from memory.backward(batch, now.step + 1)
            norm = clip_gradients(trainable, params.clip_norm)
            if problem := _problem(loss, norm):
                # The order of the images depends on the epoch: going back needs new batches.
                now = yield from keeper.go_back(now, f"{problem} at step {now.step + 1}")
                break
            crash_at("mid-epoch")
            optimizer.step()
            method.after_step(now.step, steps)
            now = replace(now, step=now.step + 1, parts=memory.parts)

            seconds = time.perf_counter() - started
            usage.read()
            if best and now.step % per_epoch == 0:
                yield Measuring(now.step)
                best.look()
            yield Step(
                step=now.step,
                steps=steps,
                epoch=epoch + 1,
                epochs=params.epochs,
                loss=loss,
                terms=terms,
                lr=lr,
                grad_norm=norm,
                images_per_second=len(batch.labels) / seconds,
                memory_bytes=usage.memory_bytes,
                busy=usage.busy,
            )
            kept = yield from keeper.after(now, epoch_ended=now.step % per_epoch == 0)
            # The keeper returns another position only when it went back. It also ends a training
            # for a pause: one that comes right now waits for the next step.
            if kept is not now or keeper.must_stop():
                now = kept
                break
    keeper.end()
    if best:
        best.restore()


def _problem(loss: float, norm: float) -> str:
    """The reason not to take the step; empty if all is well."""
    if not math.isfinite(loss):
        return f"loss became {loss}"
    return "" if math.isfinite(norm) else f"gradient of the loss became {norm}"


def _batches(method: Trainable, epoch: int, done: int) -> Iterator[Batch]:
    """All training images once, in an order drawn from (seed, epoch), without the first `done`
    batches. The next batch is prepared while the current one is used.
    """
    task, params = method.task, method.params
    generator = torch.Generator().manual_seed(task.seed * 1_000_003 + epoch)
    order = torch.randperm(len(task.train), generator=generator)
    labels = torch.tensor([item.label for item in task.train])
    pixels = method.clip.pixels(task.root)
    device = method.clip.precision.device

    def draw(index: Tensor) -> Batch:
        views = torch.empty(0)
        if method.looks_at_pixels:
            items = [task.train[i] for i in index.tolist()]
            views = pixels.training(items, params.augmentation, task.seed, epoch)
        return Batch(views.to(device), labels[index].to(device), index.to(device), epoch)

    # One thread, so that images are decoded while the device computes, one batch ahead.
    with ThreadPoolExecutor(max_workers=1) as ahead:
        chunks = torch.split(order, params.batch_size)[done:]
        pending = ahead.submit(draw, chunks[0])
        for following in [*chunks[1:], None]:
            batch = pending.result()
            if following is not None:
                pending = ahead.submit(draw, following)
            yield batch


class BestEpoch:
    """Keeps the weights of the epoch with the highest validation accuracy; among equals the
    first.
    """

    def __init__(self, method: Trainable) -> None:
        if not method.task.val:
            raise UserError(
                "keep: 'best' needs validation images, and this task has none. "
                "Add a val folder, lower the shots, or use keep=last."
            )
        self._method = method
        self.accuracy = -1.0
        self.weights: dict[str, Tensor] = {}

    def look(self) -> None:
        """Measure the classifier on the validation images; keep a copy of its weights if it is the
        best.
        """
        classifier, task = self._method.classifier, self._method.task
        features = self._method.clip.features_of(classifier, task.root, task.val)
        logits = classifier.logits_from(features)
        labels = torch.tensor([item.label for item in task.val])
        accuracy = (logits.argmax(1) == labels).float().mean().item()
        # The state dict holds references, and the next step changes them in place.
        if accuracy > self.accuracy:
            self.accuracy = accuracy
            self.weights = copy.deepcopy(classifier.state_dict())

    def restore(self) -> None:
        """Restore the best weights; without a measured epoch the current weights stay."""
        if self.weights:
            self._method.classifier.load_state_dict(self.weights)
