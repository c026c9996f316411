"""Checks a run before it is queued, and lists what can be queued.

This needs no evaluator and no torch: it reads the rules from the sources of `core`
(`core.without_torch`).
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.data.dataset import Dataset
from core.data.health.copies import refuse_leaks
from core.data.split import task_of, with_shots
from core.errors import UserError
from core.models.names import absolute
from core.results.records import CombinedConfig, RunConfig
from core.without_torch import read
from jobs.naming import with_run_folders
from jobs.settings import Settings

if TYPE_CHECKING:
    from types import ModuleType


@cache
def catalogue() -> dict[str, Any]:
    """Methods, interpolators and models with their hyper-parameters; those of a run; the template
    sets; what can be read in folds. The first call takes most of a second.
    """
    return cast(dict[str, Any], json.loads(json.dumps(_asked().catalogue())))  # no tuples


def check(settings: Settings, asked: RunConfig, own_templates: Sequence[str] | None) -> RunConfig:
    """The config with every hyper-parameter of its method spelled out and every path absolute; a
    `UserError` for what is wrong. `own_templates` are the data set's.
    """
    method = next((m for m in catalogue()["methods"] if m["name"] == asked.method), {"knobs": ()})
    asked = asked.model_copy(update={"model": absolute(asked.model)})
    asked = with_run_folders(asked, method["knobs"], settings)
    return cast(RunConfig, _asked().complete(asked, own_templates))


def check_on(settings: Settings, dataset: Dataset, asked: Mapping[str, Any]) -> RunConfig:
    """A run on a data set as it is queued: complete, its shots counted, its task drawn once."""
    parsed = RunConfig.parse(asked, "run")
    refuse_leaks(dataset, parsed.allow_leaks)
    config = with_shots(dataset, check(settings, parsed, dataset.templates))  # queued is frozen
    task_of(dataset, config)
    return config


def check_combination(settings: Settings, method: str, run_ids: Sequence[str]) -> CombinedConfig:
    """The config of a combination of finished runs, which fit each other."""
    folders = [settings.run_folder(run_id) for run_id in run_ids]
    for run_id, folder in zip(run_ids, folders, strict=True):
        if Path(run_id).name != run_id or not folder.path.is_dir():
            known = "`evenkeel jobs` lists the runs there are."
            raise UserError(f"run: there is no {run_id!r}. {known}")
    return cast(
        CombinedConfig,
        _asked().complete_combination(method, [folder.path for folder in folders], {}),
    )


def _asked() -> "ModuleType":
    return read("core.run.asked")
