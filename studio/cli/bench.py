"""`evenkeel bench`: the figures in the docs, reproduced."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from core.errors import UserError
from core.records import RunRecord
from jobs.settings import Settings
from studio.cli.live import display
from studio.cli.output import AsJson, answering

app = typer.Typer()
bench = typer.Typer(help="Reproduce the figures that the docs state.", no_args_is_help=True)
app.add_typer(bench, name="bench")

METHODS = "ft,fd-align"
SEEDS = "0,1,2"


@bench.command()
def methods(
    data: Annotated[
        Path | None, typer.Option(help="Data set. By default the whole demo, all 27 classes.")
    ] = None,
    methods: Annotated[str, typer.Option(help="Which methods, with commas.")] = METHODS,
    seeds: Annotated[str, typer.Option(help="Which seeds, with commas.")] = SEEDS,
    shots: Annotated[int, typer.Option(help="Training images per class.")] = 16,
    model: Annotated[str, typer.Option(help="Which CLIP.")] = "embedded",
    out: Annotated[Path, typer.Option(help="Folder of the runs and of results.json.")] = Path(
        "bench-methods"
    ),
    as_json: AsJson = False,
) -> None:
    """ID and OOD accuracy by method, as trained and with WiSE. Resumes where it was stopped."""
    from core.benchmark import Plan, run_plan, to_markdown, write_results
    from core.embedded import demo_folder
    from core.methods import find

    names = tuple(find(name.strip()).name for name in methods.split(","))
    plan = Plan(data or demo_folder(), names, _numbers(seeds), shots, model)
    out.mkdir(parents=True, exist_ok=True)
    with answering(as_json) as answer:
        records: list[RunRecord] = []
        with closing(run_plan(plan, out, Settings().cache)) as runs, display(as_json) as shown:
            while True:
                try:
                    shown.show({"time": 0.0, **next(runs).to_json()})
                except StopIteration as stop:
                    records = stop.value
                    break
        rows = write_results(plan, records, out / "results.json")
        if as_json:
            answer(rows)
        else:
            print(to_markdown(rows))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"seeds must be numbers with commas such as 0,1,2; got {text!r}.") from None
