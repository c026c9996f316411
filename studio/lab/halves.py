"""The α of a finished run as half of each OOD domain chooses it, read from the run's folder."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.results.records import MixingKind
from core.results.runs import RunFolder

if TYPE_CHECKING:
    from core.results.halves import HalfChoice  # imports numpy

Halves = Mapping[MixingKind, Mapping[str, "HalfChoice"]]
"""By kind of mixing and domain."""


def halves_of(folder: RunFolder) -> Halves:
    """Empty for a run of an older version, which kept no answers at every α."""
    try:
        changed = folder.grid_path.stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _halves(folder.path, changed)


@functools.lru_cache(maxsize=16)
def _halves(path: Path, _changed: int) -> Halves:
    from core.results.grid import Grid
    from core.results.halves import chosen_on_half
    from core.results.predictions import Predictions

    folder = RunFolder(path)
    try:
        grid = Grid.read(folder.grid_path)
        images = Predictions.read(folder.predictions_path).domains
    except UserError:
        return {}
    kinds: tuple[MixingKind, ...] = ("wise", "steady")
    found = {
        kind: {
            name: half
            for name, domain in images.items()
            if name.startswith("ood/") and (half := chosen_on_half(grid, kind, name, domain.sha256))
        }
        for kind in kinds
    }
    return {kind: by_domain for kind, by_domain in found.items() if by_domain}
