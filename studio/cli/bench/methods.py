"""`evenkeel bench methods`: every method, and the papers' ablations."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import unknown
from jobs.settings import Settings
from studio.cli.bench.listed import listed
from studio.cli.live import display
from studio.cli.output import AsJson, answering

if TYPE_CHECKING:
    from core.benchmark.running import Plan, Result
    from core.benchmark.trials import Trial

app = typer.Typer()

EVERYTHING = (
    "methods,heads,guidance,prototypes,texts,plug-in,shots,interpolation,cost,unseen,references"
)


@app.command()
def methods(
    data: Annotated[
        Path | None, typer.Option(help="Data set. By default the whole demo, all 27 classes.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="The demo's ten classes and two OOD styles instead.")
    ] = False,
    experiments: Annotated[str, typer.Option(help="Which, with commas.")] = EVERYTHING,
    only: Annotated[
        str | None, typer.Option(help="Of the experiment `methods`, these alone, with commas.")
    ] = None,
    shots: Annotated[
        str, typer.Option(help="Training images per class for the experiment `methods`.")
    ] = "1,2,4,8,16",
    seeds: Annotated[str, typer.Option(help="Which seeds, with commas.")] = "0,1,2",
    model: Annotated[str, typer.Option(help="Which CLIP.")] = "embedded",
    search: Annotated[
        bool, typer.Option(help="Choose the learning rate of every method on validation.")
    ] = True,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing; tables of what is finished.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder of the runs, results.json and results.md.")
    ] = Path("bench-methods"),
    as_json: AsJson = False,
) -> None:
    """ID and OOD of every method, and the papers' ablations. Resumes where it was stopped."""
    from core.benchmark.report import write_results
    from core.benchmark.running import Plan

    wanted = listed(experiments, str, "experiments")
    counts, numbers = listed(shots, int, "shots"), listed(seeds, int, "seeds")
    out.mkdir(parents=True, exist_ok=True)
    source = data or _demo(out, quick)
    kept = listed(only, str, "only") if only else ()
    plan = Plan(
        data=source,
        experiments=_trials(wanted, counts, kept, source, out),
        seeds=numbers,
        folder=out,
        model=model,
        search=search,
        finished=finished,
    )
    with answering(as_json) as answer:
        results = _run(plan, as_json)
        payload, text = write_results(plan, results, out / "results.json")
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
    from core.demo import write_demo
    from core.embedded import demo_folder

    return write_demo(out / "demo") if quick else demo_folder()


def _trials(
    wanted: Iterable[str], shots: tuple[int, ...], only: tuple[str, ...], data: Path, out: Path
) -> "dict[str, list[Trial]]":
    from core.benchmark import trials
    from core.benchmark.rotation import rotated
    from core.data.ingest import open_dataset
    from core.methods import find

    found: dict[str, list[Trial]] = {}
    for name in wanted:
        if name == "methods":
            kept = {find(method).name for method in only}
            every = trials.every_method(shots)
            found[name] = [trial for trial in every if not kept or trial.method in kept]
        elif name == "unseen":
            found[name] = trials.unseen(open_dataset(data).classes)
        elif name == "references":
            dataset = open_dataset(data)
            styles = [d.name.removeprefix("ood/") for d in dataset.domains if d.role == "ood"]
            found[name] = trials.references(rotated(dataset, s, out / s).name for s in styles)
        elif name in trials.EXPERIMENTS:
            found[name] = trials.EXPERIMENTS[name]()
        else:
            raise unknown("experiments", name, EVERYTHING.split(","))
    return found
