"""T1: a whole run of FD-Align against the official-style loop.

The loop is FD-Align as the official code runs it, rewritten from the paper: fp32, PIL opens and
crops every photo in every epoch, the frozen tower sees every batch, and modules are open_clip's
own. It is given what such a loop has: threads that decode ahead, and PyTorch's optimiser as it
comes.
"""

import itertools
import statistics
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.events import Event, Stage
from core.models.clip import ClipModel
from core.models.fast import make_plain
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import DTYPES, multiply_rate, synchronise
from tests.bench.speed.setting import Setting
from tests.bench.speed.steps import BATCH, flops_of_step, method, seconds_of_steps, step_task

SPURIOUS, WEIGHT = 20, 20.0
EPOCHS = 10
AGAINST = "run of fd-align, 16 shots × 10 classes × 10 epochs, the official-style loop over ours"


class OfficialLoop:
    """Trains a copy of `clip`'s image tower; every step sees the next `batch` photos of an epoch
    in the order that Evenkeel's loop has.
    """

    def __init__(self, clip: ClipModel, task: FewShotTask, batch: int, crop_min: float) -> None:
        self._task, self._batch = task, batch
        self._device = clip.precision.device
        self._frozen, self._tuned = (_plain_tower(clip) for _ in range(2))
        self._frozen.requires_grad_(False)
        self._tuned.requires_grad_(True)
        generator = torch.Generator().manual_seed(0)
        rows = torch.randn(len(task.classes) + SPURIOUS, clip.embed_dim, generator=generator)
        unit = 100 * F.normalize(rows, dim=1).to(self._device)
        self._head, self._spurious = unit[: len(task.classes)], unit[len(task.classes) :]
        self._optimizer = torch.optim.AdamW(self._tuned.parameters(), 1e-5, weight_decay=0.0)
        self._transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(
                    clip.preprocess.size,
                    scale=(crop_min, 1.0),
                    interpolation=transforms.InterpolationMode.BICUBIC,
                ),
                transforms.ToTensor(),
                transforms.Normalize(clip.preprocess.mean, clip.preprocess.std),
            ]
        )

    def seconds_of_steps(self) -> Iterator[float]:
        """How long each step takes, epoch after epoch; waits for who asks."""
        batches = self._batches()
        while True:
            synchronise()
            start = time.perf_counter()
            self._step(*next(batches))
            synchronise()
            yield time.perf_counter() - start

    def _step(self, images: Tensor, labels: Tensor) -> float:
        with torch.no_grad():
            before = F.normalize(self._frozen(images), dim=1)
        features = F.normalize(self._tuned(images), dim=1)
        classes = F.cross_entropy(features @ self._head.T, labels)
        spurious = F.kl_div(
            F.log_softmax(features @ self._spurious.T, dim=1),
            F.softmax(before @ self._spurious.T, dim=1),
            reduction="none",
        ).mean()  # over the prototypes too, as the official code does
        loss = classes + WEIGHT * spurious
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        with ThreadPoolExecutor(torch.get_num_threads()) as workers:
            for epoch in range(1_000_000):
                generator = torch.Generator().manual_seed(self._task.seed * 1_000_003 + epoch)
                order = torch.randperm(len(self._task.train), generator=generator)
                chunks = [
                    [self._task.train[i] for i in chunk.tolist()]
                    for chunk in torch.split(order, self._batch)
                ]
                ahead = [self._submit(workers, chunk) for chunk in chunks[:1]]
                for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
                    images = torch.stack([view.result() for view in ahead.pop()])
                    if following is not None:
                        ahead.append(self._submit(workers, following))
                    labels = torch.tensor([item.label for item in chunk])
                    yield images.to(self._device), labels.to(self._device)

    def _submit(self, workers: ThreadPoolExecutor, chunk: Sequence[Item]) -> list:  # type: ignore[type-arg]
        return [workers.submit(self._view, self._task.root / item.path) for item in chunk]

    def _view(self, path: Path) -> Tensor:
        with Image.open(path) as photo:
            view: Tensor = self._transform(photo.convert("RGB"))
        return view


def _plain_tower(clip: ClipModel) -> nn.Module:
    tower = clip.with_copied_tower(clip.frozen.head).tower
    make_plain(tower)
    return tower.float()


def measure_run(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T1. A whole official run takes most of ten minutes, so runs are put together from parts: the
    official one from its steps, ours from its first epoch, in which photos are decoded, and from
    later epochs with the frozen tower's look at their views.
    """
    clip, task = setting.clip(), step_task(setting)
    per_epoch = -(-len(task.train) // BATCH)
    yield Stage("T1", "building the heads")
    method("fd-align", clip, task).setup()  # their texts are kept: neither loop is charged for them
    ours = seconds_of_steps(method("fd-align", clip, task, EPOCHS))
    crop_min = method("fd-align", clip, task).params.crop_min
    official = OfficialLoop(clip, task, BATCH, crop_min).seconds_of_steps()
    yield Stage("T1", "first epoch")
    next(official)
    cold = sum(itertools.islice(ours, per_epoch))
    first, second, readings = [], [], []
    for number in range(setting.repeats):
        yield Stage("T1", f"reading {number + 1} of {setting.repeats}")
        slow = next(official)
        steps = list(itertools.islice(ours, per_epoch))
        warm = statistics.median(steps[1:] or steps)  # the first step of an epoch looks ahead
        readings.append((slow, sum(steps) / per_epoch, warm))
        whole = EPOCHS * per_epoch * slow
        first.append(whole / (cold + (EPOCHS - 1) * sum(steps)))
        second.append(whole / (EPOCHS * per_epoch * warm))
    target = Target("at least", 4.0 if clip.precision.device.type == "cpu" else 3.0)
    slow, own, warm = (statistics.median(column) for column in zip(*readings, strict=True))
    rate = max(multiply_rate(clip.precision.device, dtype) for dtype in DTYPES)
    limit = flops_of_step(method("fd-align", clip, task), plain=False) / rate
    facts = {
        "official s a step": slow,
        "our s a step": warm,
        "ours with the frozen tower's look": own,
        "our first epoch s": cold,
        "ratio that a step at the machine's limit would have": slow / limit,
    }
    note = f"{clip.precision.describe()['precision']} was chosen for ours."
    return [
        Figure("T1", f"{AGAINST}, first run", "×", target, tuple(first), note, facts),
        Figure("T1", f"{AGAINST}, second run", "×", target, tuple(second)),
    ]
