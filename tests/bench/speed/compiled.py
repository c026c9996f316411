"""T3 on a GPU: a step of FT against the same step of plain PyTorch under `torch.compile`."""

import statistics
from collections.abc import Generator, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from core.events import Event, Stage
from core.models.clip import ClipModel
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.photos import photo_task
from tests.bench.speed.setting import Setting
from tests.bench.speed.steps import WARM_UP, method, seconds_of_steps
from tests.bench.speed.timing import seconds

ARCHITECTURE, BATCH = "ViT-B-16", 256
CLASSES, SHOTS = 16, 32


def measure_against_compiled(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """The model's FLOP rate over the compiled one's: of equal work, so the ratio of the times."""
    clip = setting.clip(ARCHITECTURE)
    batch = setting.pick(BATCH, 4)
    task = photo_task(setting, setting.pick(CLASSES, 2), setting.pick(SHOTS, 4))
    yield Stage("T3", "compiling the reference")
    compiled = compiled_steps(clip, batch, len(task.classes))
    ours = seconds_of_steps(method("ft", clip, task, batch_size=batch))
    pairs = []
    for number in range(WARM_UP + setting.repeats):
        yield Stage("T3", f"step {number + 1} of {WARM_UP + setting.repeats}")
        pairs.append((next(compiled), next(ours)))
    kept = pairs[WARM_UP:]
    return [
        Figure(
            "T3",
            f"FLOP rate of a step of ft, {ARCHITECTURE}, batch {batch}, over compiled PyTorch",
            "%",
            Target("at least", 50),
            tuple(100 * reference / own for reference, own in kept),
            facts={"images/s": batch / statistics.median(own for _, own in kept)},
        )
    ]


def compiled_steps(clip: ClipModel, batch: int, classes: int) -> Iterator[float]:
    """Seconds of a training step on pixels that are on the device already; waits for who asks."""
    device, size = clip.precision.device, clip.preprocess.size
    tower = clip.with_copied_tower(clip.frozen.head).tower.requires_grad_(True)
    run = torch.compile(tower)
    weights = list(tower.parameters())
    optimizer = torch.optim.AdamW(weights, 1e-5, fused=True)
    head = F.normalize(torch.randn(classes, clip.embed_dim, device=device), dim=1)
    images = torch.randn(batch, 3, size, size, device=device)
    labels = torch.arange(batch, device=device) % classes

    def step() -> None:
        with clip.precision.autocast():
            features: Tensor = run(images)
        logits = 100 * F.normalize(features.float(), dim=1) @ head.T
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    while True:
        yield seconds(step)
