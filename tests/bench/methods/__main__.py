"""`python -m tests.bench.methods`: every method, and the papers' ablations."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from core.errors import unknown
from jobs.settings import Settings
from studio.cli.app import run
from studio.cli.live import display
from studio.cli.options import parse_alphas
from studio.cli.output import AsJson, answering
from tests.bench.options import listed

if TYPE_CHECKING:
    from tests.bench.methods.running import Plan, Result
    from tests.bench.methods.trials import Trial

COMMAND = "python -m tests.bench.methods"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

EVERYTHING = (
    "methods,heads,guidance,prototypes,texts,plug-in,shots,interpolation,cost,unseen,references,"
    "rates"
)


@app.callback(invoke_without_command=True)
def methods(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Data set. By default the whole demo, all 27 classes.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="The demo's ten classes and two OOD styles instead.")
    ] = False,
    experiments: Annotated[str, typer.Option(help="Which, with commas.")] = EVERYTHING,
    only: Annotated[
        str | None,
        typer.Option(help="In `methods`, `references` and `rates` these alone, with commas."),
    ] = None,
    shots: Annotated[
        str, typer.Option(help="Training images per class for the experiment `methods`.")
    ] = "1,2,4,8,16",
    seeds: Annotated[str, typer.Option(help="Which seeds, with commas.")] = "0,1,2",
    model: Annotated[str, typer.Option(help="Which CLIP.")] = "embedded",
    search: Annotated[
        bool,
        typer.Option(
            help="Choose the learning rate of every method on validation, instead of its default."
        ),
    ] = False,
    names: Annotated[
        bool,
        typer.Option(
            "--same-names/--own-names",
            help="Whether files of one name show the same thing in every domain, as in the demo.",
        ),
    ] = True,
    most: Annotated[
        int | None,
        typer.Option(help="In `references`, images of a class that each domain keeps at most."),
    ] = None,
    alphas: Annotated[str, typer.Option(help="Mixing weights of every run.")] = "0:1:0.1",
    title: Annotated[str | None, typer.Option(help="What the tables call the data set.")] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing; tables of what is finished.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder of the runs, results.json and results.md.")
    ] = Path("bench-methods"),
    as_json: AsJson = False,
) -> None:
    """ID and OOD of every method, and the papers' ablations. Resumes where it was stopped."""
    if context.invoked_subcommand:
        return
    from tests.bench.methods.report import write_results
    from tests.bench.methods.running import Plan

    wanted = listed(experiments, str, "experiments")
    counts, numbers = listed(shots, int, "shots"), listed(seeds, int, "seeds")
    out.mkdir(parents=True, exist_ok=True)
    source = data or _demo(out, quick)
    kept = listed(only, str, "only") if only else ()
    plan = Plan(
        data=source,
        experiments=_trials(wanted, counts, kept, _Source(source, out, names, most), model),
        seeds=numbers,
        folder=out,
        model=model,
        search=search,
        finished=finished,
        alphas=parse_alphas(alphas),
    )
    with answering(as_json) as answer:
        results = _run(plan, as_json)
        key = source.name if data else "quick" if quick else "whole"
        called = title or ("Quick demo" if quick else source.name if data else "Whole demo")
        payload, text = write_results(plan, results, out / "results.json", key, called)
        if as_json:
            answer(payload)
        else:
            print(text)


def _run(plan: "Plan", as_json: bool) -> "dict[str, list[Result]]":
    with closing(plan.run(Settings().cache)) as runs, display(as_json) as shown:
        while True:
            try:
                shown.show({"time": 0.0, **next(runs).to_json()})
            except StopIteration as stop:
                found: dict[str, list[Result]] = stop.value
                return found


def _demo(out: Path, quick: bool) -> Path:
    from core.data.demo import write_demo
    from core.embedded import demo_folder

    return write_demo(out / "demo") if quick else demo_folder()


@app.command()
def tables(
    results: Annotated[list[Path], typer.Argument(help="results.json of one or more benchmarks.")],
    out: Annotated[Path | None, typer.Option(help="Write all as one JSON file.")] = None,
) -> None:
    """The tables of several benchmarks on one page, what a click gives on top."""
    from core.results.records import RunConfig, write_json
    from tests.bench.methods.report import merged
    from tests.bench.methods.tables import published

    with answering(False):
        payload = merged(results)
        if out is not None:
            write_json(out, payload)
        print(published(payload["datasets"], RunConfig.model_fields["method"].default))


@app.command()
def gate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    as_json: AsJson = False,
) -> None:
    """What each choice in the gate of steady mixing is worth: one changed at a time."""
    from tests.bench.methods.gates import compare_gates, open_runs
    from tests.bench.methods.tables import gates

    with answering(as_json) as answer:
        rows = compare_gates(open_runs(runs, Settings().cache))
        if as_json:
            answer(rows)
        else:
            print(gates(rows))


class _Source(NamedTuple):
    """The data of a benchmark, and how its reference domains are rotated."""

    data: Path
    out: Path
    same_names: bool
    most: int | None

    def rotations(self) -> list[str]:
        """The rotated data sets by name, the data set's own reference first."""
        from core.data.ingest import open_dataset
        from tests.bench.methods.rotation import OWN, rotated

        dataset = open_dataset(self.data)
        ood = [d.name.removeprefix("ood/") for d in dataset.domains if d.role == "ood"]
        return [
            rotated(dataset, name, self.out / name, self.same_names, self.most).name
            for name in (OWN, *ood)
        ]


def _trials(
    wanted: Iterable[str],
    shots: tuple[int, ...],
    only: tuple[str, ...],
    source: _Source,
    model: str,
) -> "dict[str, list[Trial]]":
    from core.data.ingest import open_dataset
    from core.methods import find
    from tests.bench.methods import trials
    from tests.bench.methods.running import SEARCHED, default_rate

    kept = {find(method).name for method in only}
    found: dict[str, list[Trial]] = {}
    for name in wanted:
        if name == "methods":
            found[name] = trials.every_method(shots)
        elif name == "unseen":
            found[name] = trials.unseen(open_dataset(source.data).classes)
        elif name == "references":
            found[name] = trials.references(source.rotations(), only or trials.REFERENCED)
        elif name == "rates":
            found[name] = trials.rates(SEARCHED, default_rate(model))
        elif name in trials.EXPERIMENTS:
            found[name] = trials.EXPERIMENTS[name]()
        else:
            raise unknown("experiments", name, EVERYTHING.split(","))
        if kept and name in ("methods", "rates"):
            found[name] = [trial for trial in found[name] if trial.method in kept]
    return found


if __name__ == "__main__":
    run(app, COMMAND)
