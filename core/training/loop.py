"""The training loop: the only one. It trains any `Trainable` and says what it does in events."""

import copy
import math
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from core.crash import crash_at
from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.events import Event, Measuring, Step
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.training.checkpoints import Checkpoints
from core.training.keeper import Keeper
from core.training.memory import Accumulator
from core.training.optim import Schedule, clip_gradients, make_optimizer
from core.training.settings import LoopParams
from core.training.usage import Usage


@dataclass(frozen=True)
class Batch:
    """What a loss sees."""

    images: Tensor
    """`(B, 3, n, n)` uint8 training views; `(0,)` for a method that does not look at pixels."""
    labels: Tensor
    """`(B,)` class indices."""
    index: Tensor
    """`(B,)` positions in the task's training images."""
    view: int
    """Number of the view that all of these images are in (the epoch)."""


class Trainable(Protocol):
    """What the loop needs of a method."""

    clip: ClipModel
    task: FewShotTask

    @property
    def params(self) -> LoopParams:
        """Its knobs, nothing left empty."""

    @property
    def classifier(self) -> Classifier:
        """The live one, as it stands between two steps."""

    @property
    def looks_at_pixels(self) -> bool:
        """Whether the loss needs the images, or only their number and view."""

    @property
    def splits_batches(self) -> bool:
        """Whether the loss is the mean of what it says of each image by itself."""

    @property
    def checkpoints(self) -> Checkpoints | None:
        """Where the training is kept; None keeps nothing."""

    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser may move."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss by name, as they enter the sum."""

    def after_step(self, step: int, steps: int) -> None:
        """Called after every optimiser step (EMA and the like)."""


def train(method: Trainable) -> Generator[Event, None, None]:
    """Train `method.classifier` in place. Closing the generator cancels between two steps.

    The same method, task and device give the same weights: the order of the images is drawn from
    the seed and the views from (seed, image, epoch). So a training that goes on from one of the
    method's checkpoints ends where an undisturbed one does.
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
    while now.step < steps and not keeper.wish:
        epoch, done = divmod(now.step, per_epoch)
        yield Measuring(now.step)
        for batch in _batches(method, epoch, done):
            started = time.perf_counter()
            lr = schedule(now.step) / 2**now.rate_halvings
            for group in optimizer.param_groups:
                group["lr"] = lr

            loss, terms = yield from memory.backward(batch, now.step + 1)
            norm = clip_gradients(trainable, params.clip_norm)
            if problem := _problem(loss, norm):
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
            if kept is not now or keeper.wish:
                now = kept
                break
    keeper.end()
    if best:
        best.restore()


def _problem(loss: float, norm: float) -> str:
    """Why the step must not be taken; empty when all is well."""
    if not math.isfinite(loss):
        return f"loss became {loss}"
    return "" if math.isfinite(norm) else f"gradient of the loss became {norm}"


def _batches(method: Trainable, epoch: int, done: int) -> Iterator[Batch]:
    """All training images once, in an order drawn from (seed, epoch), without the first `done`
    batches; the next batch is drawn ahead.
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

    with ThreadPoolExecutor(max_workers=1) as ahead:
        chunks = torch.split(order, params.batch_size)[done:]
        pending = ahead.submit(draw, chunks[0])
        for following in [*chunks[1:], None]:
            batch = pending.result()
            if following is not None:
                pending = ahead.submit(draw, following)
            yield batch


class BestEpoch:
    """Remembers the weights of the epoch with the highest validation accuracy; the first of equals
    wins.
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
        """Measure the classifier on the validation images; keep a copy when it is best."""
        classifier, task = self._method.classifier, self._method.task
        features = self._method.clip.features_of(classifier, task.root, task.val)
        logits = classifier.logits_from(features)
        labels = torch.tensor([item.label for item in task.val])
        accuracy = (logits.argmax(1) == labels).float().mean().item()
        if accuracy > self.accuracy:
            self.accuracy = accuracy
            self.weights = copy.deepcopy(classifier.state_dict())

    def restore(self) -> None:
        """Put the best weights back; those of now stay when no epoch was measured."""
        if self.weights:
            self._method.classifier.load_state_dict(self.weights)
