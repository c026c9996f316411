"""`PixelStore`: decodes every image of a data set once, within a memory limit."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from core.data.dataset import Item
from core.data.images import read_image
from core.models.transforms import Augmentation, Preprocess

MEMORY_BYTES = int(os.environ.get("EVENKEEL_PIXEL_MEMORY_MIB", 2048)) << 20
"""Set by a field of `jobs.settings.Settings`, which passes it to every process that it starts."""


class PixelStore:
    """Evaluation and training views of the images under `root`, as uint8 batches `(B, 3, n, n)`."""

    def __init__(
        self, root: Path, preprocess: Preprocess, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self.root = root
        self.preprocess = preprocess
        self.limit_bytes = memory_bytes
        """The most bytes that decoded images may take."""
        self._held: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(max_workers=min(8, (os.cpu_count() or 2) + 1))

    @property
    def held_bytes(self) -> int:
        """The bytes that decoded images take now."""
        return self._bytes

    def evaluation(self, items: Sequence[Item]) -> Tensor:
        """The deterministic view that open_clip evaluates."""
        return torch.stack(list(self._threads.map(self._evaluation_view, items)))

    def training(
        self, items: Sequence[Item], augmentation: Augmentation, seed: int, view: int
    ) -> Tensor:
        """Training views number `view`; the same arguments always give the same pixels."""
        size = self.preprocess.size

        def draw(item: Item) -> Tensor:
            return augmentation.view(self._source(item), size, seed, item.sha256, view)

        return torch.stack(list(self._threads.map(draw, items)))

    def evaluation_batches(self, items: Sequence[Item], size: int) -> Iterator[Tensor]:
        """All items in order, `size` at a time; the next batch is decoded while this one is
        used.
        """
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        with ThreadPoolExecutor(max_workers=1) as ahead:
            pending = [ahead.submit(self.evaluation, chunk) for chunk in chunks[:1]]
            for following in [*chunks[1:], None][: len(chunks)]:
                batch = pending.pop().result()
                if following is not None:
                    pending.append(ahead.submit(self.evaluation, following))
                yield batch

    def _evaluation_view(self, item: Item) -> Tensor:
        def compute() -> Tensor:
            return self.preprocess.evaluation_view(read_image(self.root / item.path))

        return self._keep(("evaluation", item.path), compute)

    def _source(self, item: Item) -> Tensor:
        def compute() -> Tensor:
            return self.preprocess.training_source(read_image(self.root / item.path))

        return self._keep(("source", item.path), compute)

    def _keep(self, key: tuple[str, str], compute: Callable[[], Tensor]) -> Tensor:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        pixels = compute()
        with self._lock:
            if key not in self._held:
                self._held[key] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > self.limit_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return pixels
