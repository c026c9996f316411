"""T2 to T4: a training step against plain fine-tuning's, against the machine's limit or compiled
PyTorch, and how long it waits for its photos.
"""

import itertools
import statistics
import time
from collections.abc import Generator, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from core.data.fewshot import FewShotTask
from core.events import Event, Stage, Step
from core.methods import METHODS
from core.methods.base import LoopMethod
from core.models.clip import ClipModel
from core.models.fast import make_plain
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import LoopParams
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import DTYPES, multiply_rate, seconds, synchronise
from tests.bench.speed.photos import photo_task
from tests.bench.speed.setting import Setting

CLASSES, SHOTS, BATCH = 10, 16, 32
WARM_UP = 2
"""Steps that are not counted: the first ones allocate."""
HELD = ("fd-align", "car-ft", "kd", "feat-kd", "lipsum-ft")
"""Methods that ask the frozen tower about every batch."""
PHOTO_CLASSES, PHOTO_SHOTS = 10, 100
"""Of T4."""
ARCHITECTURE, COMPILED_BATCH = "ViT-B-16", 256
COMPILED_CLASSES, COMPILED_SHOTS = 16, 32
"""Of T3 on a GPU."""


def measure_overhead(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T2: the step of methods that hold on to the frozen tower, over the step of FT."""
    clip, task = setting.clip(cache=setting.folder / "cache"), step_task(setting)
    steps = WARM_UP + setting.repeats
    yield Stage("T2", "a first run leaves the frozen tower's features in the cache")
    augmentation = method("ft", clip, task).params.augmentation
    for view in range(-(-steps // -(-len(task.train) // BATCH))):
        FrozenViews(clip, task, augmentation).view(view)
    figures = []
    for name in HELD:
        yield Stage("T2", name)
        _read_texts(method(name, clip, task), steps)
        plain = seconds_of_steps(method("ft", clip, task))
        held = seconds_of_steps(method(name, clip, task))
        pairs = list(itertools.islice(zip(plain, held, strict=True), steps))[WARM_UP:]
        figures.append(
            Figure(
                "T2",
                f"step of {name} over the step of ft, second run",
                "×",
                Target("at most", 1.05),
                tuple(own / reference for reference, own in pairs),
                facts={"ft s": min(pair[0] for pair in pairs)},
            )
        )
    return figures


def _read_texts(method: LoopMethod, steps: int) -> None:
    """Leave in the cache what a first run reads, where a method reads texts at every step."""
    method.setup()
    if guidance := getattr(method, "guidance", None):
        for _ in range(steps):
            guidance.texts()


def measure_roofline(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T3 on a CPU: how much of the machine's matrix products a step of FT uses."""
    clip, task = setting.clip(), step_task(setting)
    device = clip.precision.device
    yield Stage("T3", "counting the products of a step")
    products = flops_of_step(method("ft", clip, task))
    done = flops_of_step(method("ft", clip, task), plain=False)
    steps = seconds_of_steps(method("ft", clip, task))
    shares, took, rates = [], [], []
    before = _rate(device)
    for number in range(WARM_UP + setting.repeats):
        yield Stage("T3", f"step {number + 1} of {WARM_UP + setting.repeats}")
        took.append(next(steps))
        after = _rate(device)
        rates.append((before + after) / 2)
        shares.append(100 * products / rates[-1] / took[-1])
        before = after
    step, rate = statistics.median(took[WARM_UP:]), statistics.median(rates[WARM_UP:])
    return [
        Figure(
            "T3",
            "the model's products in a step of ft at the machine's fastest rate, over the step",
            "%",
            Target("at least", 85),
            tuple(shares[WARM_UP:]),
            facts={
                "step s": step,
                "images/s": BATCH / step,
                "GFLOP in a step": products / 1e9,
                "GFLOP that are computed": done / 1e9,
                "% with these": statistics.median(shares[WARM_UP:]) * done / products,
                "GFLOP/s": rate / 1e9,
                "images/s at the limit": BATCH * rate / products,
            },
        )
    ]


def _rate(device: torch.device) -> float:
    return max(multiply_rate(device, dtype) for dtype in DTYPES)


def step_task(setting: Setting) -> FewShotTask:
    """16 shots of 10 classes: five steps an epoch."""
    return photo_task(setting, setting.pick(CLASSES, 2), setting.pick(SHOTS, BATCH))


def method(
    name: str, clip: ClipModel, task: FewShotTask, epochs: int = 100, **knobs: Any
) -> LoopMethod:
    """A method on batches of 32, with more epochs than anybody measures."""
    kind = METHODS[name]
    params = kind.Params.parse({"batch_size": BATCH, "epochs": epochs} | knobs, name)
    assert issubclass(kind, LoopMethod)
    assert isinstance(params, LoopParams)
    return kind(params, clip, task)


def seconds_of_steps(method: LoopMethod) -> Iterator[float]:
    """How long each step takes with all that the loop does between two; waits for who asks."""
    events = method.fit()
    synchronise()
    start = time.perf_counter()
    for event in events:
        if isinstance(event, Step):
            synchronise()
            yield time.perf_counter() - start
            start = time.perf_counter()


def flops_of_step(method: LoopMethod, plain: bool = True) -> float:
    """Floating-point operations of the matrix products in one forward and backward pass: as
    open_clip's tower has them, or fewer as ours computes them.
    """
    method.setup()
    if plain:
        make_plain(method.classifier.tower)
    for weight in method.parameters():
        weight.requires_grad_(True)
    task, device = method.task, method.clip.precision.device
    chosen = task.train[:BATCH]
    images = method.clip.pixels(task.root).training(chosen, method.params.augmentation, 0, 0)
    labels = torch.tensor([item.label for item in chosen])
    batch = Batch(images.to(device), labels.to(device), torch.arange(len(chosen)), 0)
    with FlopCounterMode(display=False) as counter:
        loss = torch.stack(list(method.loss(batch).values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops())


def measure_waiting(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T4: with 1,000 JPEG photos of 1 to 12 MP, in the first epoch and after all were decoded."""
    yield Stage("T4", "taking the photos")
    clip = setting.clip()
    task = photo_task(setting, setting.pick(PHOTO_CLASSES, 2), setting.pick(PHOTO_SHOTS, BATCH))
    epochs = [waits(method("ft", clip, task)) for _ in range(2)]
    yield Stage("T4", "steps of the first epoch")
    first = list(itertools.islice(epochs[0], WARM_UP + setting.repeats))[WARM_UP:]
    epochs[0].close()
    yield Stage("T4", "decoding what is left of it")
    pixels = clip.pixels(task.root)
    augmentation = method("ft", clip, task).params.augmentation
    seen = (WARM_UP + setting.repeats + 1) * BATCH
    rest = [task.train[start : start + BATCH] for start in range(seen, len(task.train), BATCH)]
    took = seconds(lambda: [pixels.training(chunk, augmentation, 0, 0) for chunk in rest])
    yield Stage("T4", "steps of a later epoch")
    later = list(itertools.islice(epochs[1], WARM_UP + setting.repeats))[WARM_UP:]
    facts = {
        "% in the first epoch": 100 * sum(first) / len(first),
        "photos/s decoded": sum(map(len, rest)) / took,
        "MB of pixels held": pixels.held_bytes / 1e6,
        "MB allowed": pixels.limit_bytes / 1e6,
    }
    return [
        Figure(
            "T4",
            "share of a step that waits for data, 1,000 JPEG photos of 1 to 12 MP, decoded before",
            "%",
            Target("at most", 5.0),
            tuple(100 * share for share in later),
            facts=facts,
        )
    ]


def waits(method: LoopMethod) -> Generator[float, None, None]:
    """The share of each step, from 0 to 1, in which the loop had no batch to work on."""
    start = time.perf_counter()
    for event in method.fit():
        if isinstance(event, Step):
            whole = time.perf_counter() - start
            yield max(0.0, 1 - BATCH / event.images_per_second / whole)
            start = time.perf_counter()


def measure_against_compiled(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """The model's FLOP rate over the compiled one's: of equal work, so the ratio of the times."""
    clip = setting.clip(ARCHITECTURE)
    batch = setting.pick(COMPILED_BATCH, 4)
    task = photo_task(setting, setting.pick(COMPILED_CLASSES, 2), setting.pick(COMPILED_SHOTS, 4))
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
