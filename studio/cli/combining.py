"""`combine`, `soup`, `interpolators`: finished runs made into another run."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from core.results.records import DEFAULT_ALPHAS, RunRecord
from core.results.runs import EventLog, RunFolder
from core.rounding import percent
from core.spelling import word
from jobs.settings import Settings
from studio.cli import options
from studio.cli.live import display
from studio.cli.output import AsJson, answering, table
from studio.cli.training import make_room

app = typer.Typer()

Runs = Annotated[list[str], typer.Argument(metavar="RUN…", help="Folders or ids of finished runs.")]
Out = Annotated[Path, typer.Option(help="Folder of the new run.")]
Knobs = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KNOB=VALUE", help="A knob of the method. Repeat for more."),
]


@app.command()
def combine(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="How; see `evenkeel interpolators`.")
    ],
    runs: Runs,
    out: Out,
    knobs: Knobs = None,
    alphas: options.Alphas = None,
    device: options.Device = None,
    as_json: AsJson = False,
) -> None:
    """Combine finished runs into another: wise, a soup, an ensemble, tpgm, vrf."""
    _combine(method, runs, out, options.assignments(knobs), alphas, device, as_json)


@app.command()
def soup(
    runs: Runs,
    out: Out,
    uniform: Annotated[
        bool, typer.Option("--uniform", help="Average all runs instead of choosing greedily.")
    ] = False,
    knobs: Knobs = None,
    alphas: options.Alphas = None,
    device: options.Device = None,
    as_json: AsJson = False,
) -> None:
    """Average the weights of finished runs: those that help on validation images, or all."""
    method = "uniform-soup" if uniform else "greedy-soup"
    _combine(method, runs, out, options.assignments(knobs), alphas, device, as_json)


@app.command()
def interpolators(as_json: AsJson = False) -> None:
    """Every way to combine finished runs, with its paper and its knobs."""
    from jobs.checking import catalogue

    with answering(as_json) as answer:
        found = catalogue()["interpolators"]
        if as_json:
            answer(found)
            return
        for one in found:
            fewest, most = one["members"]["fewest"], one["members"]["most"]
            runs = "1 run" if most == 1 else f"{fewest} runs or more"
            print(f"{one['name']}: {one['title']}, {runs} ({one['paper']})")
            print(f"  {one['summary']}")
            for knob in one["knobs"]:
                print(f"    --set {knob['name']}={word(knob['default'])}  {knob['help']}")


def _combine(
    method: str,
    runs: Sequence[str],
    out: Path,
    params: Mapping[str, Any],
    alphas: str | None,
    device: str | None,
    as_json: bool,
) -> None:
    settings = Settings()
    folder = RunFolder(out.expanduser().absolute())
    make_room(folder)
    with answering(as_json) as answer:
        from core.run import asked, combine

        places = [options.find_run(run, settings).path for run in runs]
        grid = options.parse_alphas(alphas) if alphas else DEFAULT_ALPHAS
        config = asked.complete_combination(method, places, params, grid, device or "auto")
        with (
            closing(EventLog(folder)) as log,
            closing(combine.combine(config, folder.path, settings.cache)) as steps,
            display(as_json) as shown,
        ):
            for event in steps:
                shown.show(log.append(event))
        record = folder.record()
        if as_json:
            answer(record.model_dump(mode="json", by_alias=True))
        else:
            _summarise(record, folder)


def _summarise(record: RunRecord, folder: RunFolder) -> None:
    assert record.combined, "it was just combined"
    members = record.combined.members
    table(
        ("run", "method", "validation %", "share %"),
        [(m.run_id, m.method, percent(m.val), percent(m.share)) for m in members],
    )
    labels = {
        "zero-shot": "zero-shot",
        "recommended": f"recommended ({record.mixing})",
        "fine-tuned": record.config["method"],
    }
    table(
        ("classifier", "ID %", "OOD %"),
        [
            (labels[label], percent(score.id), percent(score.ood))
            for label, score in record.evaluations.items()
        ],
    )
    for name, value in record.combined.facts.items():
        print(f"{name.replace('_', ' ')}: {value:.3g}")
    on = {
        "val": "It was chosen on validation images.",
        "oracle": "It was chosen on TEST images (oracle): ID accuracy is not honest.",
        "nothing": "Nothing was chosen.",
    }
    print(f"{on[record.combined.chosen_on]} The run is in {folder.path}")
