"""`python -m tests.bench.faults`: runs under random faults; `visitors`: a page that many watch."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from core.errors import UserError
from studio.cli.app import run as run_command
from studio.cli.output import AsJson, answering

COMMAND = "python -m tests.bench.faults"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def faults(
    context: typer.Context,
    faults: Annotated[int, typer.Option(min=1, help="How many things go wrong.")] = 100,
    jobs: Annotated[int, typer.Option(min=1, help="How many runs.")] = 12,
    seed: Annotated[int, typer.Option(help="Draws what goes wrong, when, and under whom.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder of the runs; one that does not exist yet.")
    ] = Path("bench-faults"),
    as_json: AsJson = False,
) -> None:
    """Runs under random faults: none may be lost, done twice, or have other weights."""
    if context.invoked_subcommand:
        return
    from core.data.demo import write_demo
    from tests.bench.faults.soak import plan, soak

    if out.exists():
        raise UserError(f"out: {out} is there already. Name a folder that does not exist yet.")
    data = write_demo(out / "demo")
    with answering(as_json) as answer:
        outcome = soak(out, plan(data, jobs), faults, seed, partial(print, file=sys.stderr))
        if as_json:
            answer(outcome.to_json())
        else:
            print(outcome.in_words())
    if not outcome.is_good:
        raise typer.Exit(1)


@app.command()
def visitors(
    url: Annotated[str, typer.Option(help="A studio that is up.")] = "http://127.0.0.1:7860",
    visitors: Annotated[int, typer.Option(min=1, max=500, help="How many at a time.")] = 50,
    minutes: Annotated[float, typer.Option(min=0.01, help="For how long.")] = 10.0,
    run: Annotated[
        str | None, typer.Option(help="A finished run that they may see, whose α they move.")
    ] = None,
) -> None:
    """How a running studio bears visitors: p95, errors and the memory of its page, as JSON."""
    import json

    from tests.bench.visits import check_answers, visit

    check_answers(url)
    print(json.dumps(visit(url, visitors, 60 * minutes, run), indent=2))


if __name__ == "__main__":
    run_command(app, COMMAND)
