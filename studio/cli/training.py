"""`evenkeel train`: a run in this process, without a queue."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import UserError
from core.results.records import RunConfig, RunRecord
from core.results.runs import EventLog, RunFolder
from core.rounding import percent, points
from jobs.ledger import new_id
from jobs.naming import with_run_folders
from jobs.settings import Settings
from studio.cli import options
from studio.cli.live import display
from studio.cli.output import AsJson, answering, table

app = typer.Typer()


@app.command()
@options.describing_a_run
def train(
    asked: RunConfig,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. By default ./runs/<a new id>.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train, measure, and write the run into a folder. The same command goes on with a run that
    was interrupted.
    """
    folder = RunFolder((out or Path("runs") / new_id(asked.method)).expanduser().absolute())
    make_room(folder)
    with answering(as_json) as answer:
        record = _train(asked, folder, as_json)
        if as_json:
            answer(record.model_dump(mode="json", by_alias=True))
        else:
            _summarise(record, folder)


def _train(config: RunConfig, folder: RunFolder, as_json: bool) -> RunRecord:
    from core import methods
    from core.run import asked, pipeline

    settings = Settings()
    knobs = methods.find(config.method).Params.knobs()
    config = asked.complete(with_run_folders(config, knobs, settings))
    with (
        closing(EventLog(folder)) as log,
        closing(pipeline.run(config, folder.path, settings.cache)) as run,
        display(as_json) as shown,
    ):
        for event in run:
            shown.show(log.append(event))
    return folder.record()


def make_room(folder: RunFolder) -> None:
    """A finished run is never overwritten; one that did not finish goes on or is tried again."""
    if folder.record_path.exists():
        raise UserError(f"out: {folder.path} already holds a finished run. Name another folder.")
    if folder.path.exists() and not folder.path.is_dir():
        raise UserError(f"out: {folder.path} is a file. Name a folder.")
    if folder.path.exists() and any(folder.path.iterdir()) and not folder.config_path.exists():
        raise UserError(f"out: {folder.path} holds other files. Name a new or empty folder.")


def _summarise(record: RunRecord, folder: RunFolder) -> None:
    names = {"recommended": f"recommended ({record.mixing})"}
    rows: list[tuple[str, str, str]] = [
        (names.get(label, label), percent(score.id), percent(score.ood))
        for label, score in record.evaluations.items()
    ]
    table(("classifier", "ID %", "OOD %"), rows)
    if record.generalised:
        sides = [(label, found.macro) for label, found in record.generalised.items()]
        shares = [(x, percent(s.seen), percent(s.unseen), percent(s.harmonic)) for x, s in sides]
        table(("test, per class", "seen %", "unseen %", "harmonic %"), shares)
    if record.stress:
        before, after = record.stress["zero-shot"], record.stress["fine-tuned"]
        changed = [
            (name, percent(before[name].accuracy), percent(after[name].accuracy)) for name in after
        ]
        table(("synthetic stress", "zero-shot %", "fine-tuned %"), changed)
    outcomes = ", ".join(
        f"{name} {points(change.difference)} ({change.outcome})"
        for name, change in record.changes["recommended"].items()
    )
    print(f"Against zero-shot on the same images, in points: {outcomes}.")
    print(f"{record.mixing} was chosen on {_source(record)}. The run is in {folder.path}")


def _source(record: RunRecord) -> Any:
    on = record.selection.alpha_chosen_on
    return "validation images" if on == "val" else "no images (there are none for validation)"
