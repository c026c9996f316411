"""`evenkeel bench speed`: figures T1 … T11 against their targets, on this machine."""

import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.bench.listed import listed
from studio.cli.output import AsJson, answering

if TYPE_CHECKING:
    from core.benchmark.speed.figure import Figure
    from core.benchmark.speed.figures import Measure
    from core.benchmark.speed.setting import Setting

app = typer.Typer()


@app.command()
def speed(
    figures: Annotated[
        str | None, typer.Option(help="Which, with commas, such as T1,T3. By default all.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Readings of each figure.")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, or a GPU such as cuda:0.")] = "auto",
    quick: Annotated[
        bool, typer.Option(help="A tiny model: shows that all of it works, and no numbers.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the figures as JSON; a table goes beside it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How fast it is: against the official loops, the machine's limit, and as the work grows."""
    from core.benchmark.speed.figure import markdown
    from core.benchmark.speed.machine import facts
    from core.benchmark.speed.setting import Setting
    from core.models.precision import choose_device
    from core.results.records import write_json

    keys = listed(figures, str, "figures") if figures else ()
    machine = facts(choose_device(device))
    with answering(as_json) as answer, tempfile.TemporaryDirectory(prefix="speed-") as folder:
        found = _measure(keys, Setting(Path(folder), device, repeats, quick), as_json)
        document = {"machine": machine, "figures": [figure.to_json() for figure in found]}
        text = markdown(found, machine)
        if out:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_json(out, document)
            out.with_suffix(".md").write_text(text, "utf-8")
        if as_json:
            answer(document)
        else:
            print(text)


def every_figure() -> "Mapping[str, Measure]":
    """What can be measured, in the order of the docs."""
    from core.benchmark.speed.figures import FIGURES
    from studio.benchmark.growth import measure_growth
    from studio.benchmark.response import measure_response

    every = {**FIGURES, "T8": measure_response, "T10": measure_growth}
    return {key: every[key] for key in sorted(every, key=lambda key: int(key[1:]))}


def _measure(keys: tuple[str, ...], setting: "Setting", quiet: bool) -> "list[Figure]":
    from core.benchmark.speed.figures import measure

    with closing(measure(every_figure(), keys, setting)) as readings:
        while True:
            try:
                event = next(readings)
            except StopIteration as stop:
                found: list[Figure] = stop.value
                return found
            if not quiet:
                print(*event.to_json().values(), file=sys.stderr)
