"""The whole health check of a data set: decodes every image once and collects all findings."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.data.dataset import Dataset, Item
from core.data.glance import Glance, look
from core.data.health.copies import exact_copies
from core.data.health.files import class_sizes, ingest, missing, readable
from core.data.health.findings import HealthReport
from core.data.health.names import worded
from core.data.health.near import near_copies
from core.data.health.shortcuts import shortcuts
from core.data.images import UnreadableImage

_THREADS = min(4, os.cpu_count() or 1)
_AT_ONCE = 8

Look = Callable[[Path, str], Glance]
"""Function (file, name for errors) that decodes an image. Raises `UnreadableImage`."""


def check(
    dataset: Dataset, look: Look = look, glances: Mapping[str, Glance] | None = None
) -> HealthReport:
    """Checks every image of every domain. It decodes all images, which takes time, except those
    whose summary is in `glances`, by hash.
    """
    items = [item for domain in dataset.domains for item in domain.items]

    def seen_or_reason(item: Item) -> Glance | str:
        if glances and item.sha256 in glances:
            return glances[item.sha256]
        try:
            return look(dataset.root / item.path, item.path)
        except UnreadableImage as error:
            return error.reason

    # In blocks, because handing a single small image to a thread costs as much as decoding it.
    parts = [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        looks = pool.map(lambda part: [seen_or_reason(item) for item in part], parts)
        seen = [one for part in looks for one in part]
    found = {item.path: one for item, one in zip(items, seen, strict=True)}
    refused = {path: one for path, one in found.items() if isinstance(one, str)}
    glances = {path: one for path, one in found.items() if isinstance(one, Glance)}
    return HealthReport.of(
        [
            *readable(glances, refused, len(dataset.unreadable)),
            *exact_copies(dataset),
            *near_copies(dataset, glances),
            *worded(dataset),
            *class_sizes(dataset),
            *missing(dataset),
            *shortcuts(dataset, glances),
            *ingest(dataset),
        ]
    )
