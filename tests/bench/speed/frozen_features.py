"""T5: methods that train no tower, once its features are cached, and reading those back."""

import hashlib
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.data.prompts import TIP_7
from core.events import Event, Stage
from core.methods import METHODS
from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel, unit
from core.training.cache import CacheParams
from core.training.frozen import FrozenViews
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import seconds, timed
from tests.bench.speed.setting import Setting

CLASSES, SHOTS, VAL = 100, 16, 4
NOISE = 0.15
"""Of a feature's coordinate, beside a class's own direction: some images are taken for others."""


def measure_frozen_features(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T5. The features are made up, so that 100 classes can be told apart, but not always."""
    folder = setting.folder / "features"
    clip, task = setting.clip(cache=folder), made_up_task(setting)
    yield Stage("T5", "the cache")
    keys = fill(clip, task)
    figures = []
    for name in ("lp", "tip-adapter", "ape"):
        yield Stage("T5", name)
        run = partial(_run, name, clip, task)
        run()
        what = f"{name} with its search, {task.shots} × {len(task.classes)}, features cached"
        readings = tuple(seconds(run) for _ in range(setting.repeats))
        figures.append(Figure("T5", what, "s", Target("at most", 5.0), readings))
    yield Stage("T5", "reading the features")
    return [*figures, _reading(folder, keys, setting.repeats)]


def made_up_task(setting: Setting) -> FewShotTask:
    """Images that are names alone: nobody opens them."""
    count = setting.pick(CLASSES, 3)
    train = _items("train", count, setting.pick(SHOTS, 4))
    names = tuple(f"thing number {number}" for number in range(count))
    return FewShotTask(
        root=Path("nowhere"),
        classes=names,
        names=names,
        templates=TIP_7,
        shots=setting.pick(SHOTS, 4),
        seed=0,
        train=train,
        val=_items("val", count, VAL),
        test=(),
    )


def fill(clip: ClipModel, task: FewShotTask) -> list[dict[str, Any]]:
    """Put features into the cache where methods look for them; returns the keys."""
    params = CacheParams()
    frozen = FrozenViews(clip, task, params.augmentation)
    wanted = [(frozen.key(view), task.train) for view in range(params.views)]
    wanted += [(clip.key("evaluation", items), items) for items in (task.train, task.val)]
    for number, (key, items) in enumerate(wanted):
        clip.cache.get(key, partial(_features, clip, items, number))
    return [key for key, _ in wanted]


def _run(name: str, clip: ClipModel, task: FewShotTask) -> None:
    kind = METHODS[name]
    for _ in kind(kind.Params(), clip, task).fit():
        pass


def _features(clip: ClipModel, items: tuple[Item, ...], seed: int) -> Tensor:
    directions = torch.Generator().manual_seed(-1)
    labels = torch.tensor([item.label for item in items])
    classes = unit(torch.randn(int(labels.max()) + 1, clip.embed_dim, generator=directions))
    noise = torch.randn(len(items), clip.embed_dim, generator=torch.Generator().manual_seed(seed))
    return unit(classes[labels] + NOISE * noise)


def _items(part: str, classes: int, each: int) -> tuple[Item, ...]:
    paths = [
        (f"{part}/{label}/{number}", label) for label in range(classes) for number in range(each)
    ]
    return tuple(Item(p, label, hashlib.sha256(p.encode()).hexdigest()) for p, label in paths)


def _reading(folder: Path, keys: Sequence[dict[str, Any]], repeats: int) -> Figure:
    """As another process reads them: nothing is left of the first run but its files."""
    rates = []
    for _ in range(repeats):
        cache = ArrayCache(folder)
        took, read = timed(partial(_read, cache, keys))
        rates.append(sum(tensor.nbytes for tensor in read) / took / 1e6)
        cache.close()
    what = "reading cached features in a second run"
    return Figure("T5", what, "MB/s", Target("at least", 200.0), tuple(rates))


def _read(cache: ArrayCache, keys: Sequence[dict[str, Any]]) -> list[Tensor]:
    def missing() -> Tensor:
        raise LookupError("the features were to be in the cache")

    return [cache.get(key, missing) for key in keys]
