"""`python -m tests.bench.speed`: figures T1 … T11 against their targets, on this machine."""

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.app import run
from studio.cli.output import AsJson, answering
from tests.bench.options import listed

if TYPE_CHECKING:
    from tests.bench.speed.figure import Figure
    from tests.bench.speed.setting import Setting

COMMAND = "python -m tests.bench.speed"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


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
        Path | None, typer.Option(help="File for the figures as JSON; a table goes next to it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How fast it is: against the official loops, the machine's limit, and as the work grows."""
    from core.models.precision import choose_device
    from core.results.records import write_json
    from tests.bench.speed.figure import markdown
    from tests.bench.speed.machine import facts
    from tests.bench.speed.setting import Setting

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


def _measure(keys: tuple[str, ...], setting: "Setting", quiet: bool) -> "list[Figure]":
    from tests.bench.speed.figures import FIGURES, measure

    with closing(measure(FIGURES, keys, setting)) as readings:
        while True:
            try:
                event = next(readings)
            except StopIteration as stop:
                found: list[Figure] = stop.value
                return found
            if not quiet:
                print(*event.to_json().values(), file=sys.stderr)


if __name__ == "__main__":
    run(app, COMMAND)
