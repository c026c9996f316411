"""Finds runs by their folder, or by their id in the data folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import UserError, unknown
from core.results.records import RunConfig
from core.results.runs import RunFolder
from jobs.settings import Settings


def find_run(run: str, settings: Settings) -> RunFolder:
    """A run by its folder, or by its id in the studio's data folder."""
    folder = RunFolder(Path(run).expanduser())
    if folder.path.is_dir():
        return RunFolder(folder.path.absolute())
    kept = settings.run_folder(run)
    if Path(run).name == run and kept.path.is_dir():
        return kept
    known = [path.name for path in (settings.home / "runs").iterdir()]
    if known:
        raise unknown("run", run, known)
    raise UserError(f"run: there is no folder {run!r}. Name the folder of a run.")


def with_run_folders(
    config: RunConfig, knobs: Iterable[Mapping[str, Any]], settings: Settings
) -> RunConfig:
    """The config with the absolute folder in every knob of its method that names a run.

    `knobs` are the method's, as `Params.knobs` describes them: those of type `run` are looked at. A
    run that is not there, or has not finished, is a `UserError`.
    """
    folders = {}
    for knob in knobs:
        named = config.params.get(knob["name"])
        if knob["type"] == "run" and isinstance(named, str):
            folder = find_run(named, settings)
            folder.record()
            folders[knob["name"]] = str(folder.path)
    return config.model_copy(update={"params": {**config.params, **folders}})
