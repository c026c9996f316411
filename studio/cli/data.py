"""`evenkeel demo` and `evenkeel data check`. No torch, unless a model is asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.options import Data
from studio.cli.output import AsJson, answering, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.data.dataset import Dataset
    from core.data.health.findings import Finding

app = typer.Typer()
_data = typer.Typer(help="Look at data sets.")
app.add_typer(_data, name="data")


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    full: Annotated[bool, typer.Option(help="All images, not only the small subset.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the demo data set as folders."""
    from core.data.demo import write_demo

    with answering(as_json) as answer:
        written = write_demo(directory, full=full)
        if as_json:
            answer({"path": str(written)})
        else:
            print(f"The demo data set is in {written}. Next: evenkeel train {written}")


ZipNames = Annotated[
    str | None,
    typer.Option(
        metavar="ENCODING",
        help="Read names in a zip that say no encoding in this one, such as cp932 or cp866. By "
        "default it is guessed, and said.",
    ),
]


@_data.command("check")
def check_data(
    data: Data,
    model: Annotated[
        str | None,
        typer.Option(
            help="Also ask this CLIP, such as `embedded`: which labels look wrong, and whether it "
            "can tell the class names apart."
        ),
    ] = None,
    zip_names: ZipNames = None,
    as_json: AsJson = False,
) -> None:
    """The health report: what was understood, and what may go wrong."""
    from core.data.glance import Glance
    from core.data.health import HealthReport, check
    from core.data.ingest import open_dataset
    from jobs.settings import Settings

    with answering(as_json) as answer:
        glances: dict[str, Glance] = {}
        dataset = open_dataset(data, Settings().cache, glances=glances, zip_names=zip_names)
        report = check(dataset, glances=glances)
        if model:
            report = HealthReport.of([*report.findings, *_asked(dataset, model)])
        if as_json:
            answer(
                {
                    "title": dataset.title,
                    "classes": list(dataset.names),
                    "folders": list(dataset.classes),
                    "counts": dataset.counts(),
                    "ingest": dataset.report.to_json(),
                    "health": report.to_json(),
                }
            )
            return
        for sentence in dataset.report.understood:
            print(sentence)
        for path, reason in dataset.report.ignored:
            print(f"ignored  {path}: {reason}")
        for finding in report.findings:
            print(f"{finding.level:8} {finding.title}")
            if finding.detail:
                print(f"         {finding.detail}")


@_data.command("unpack")
def unpack_data(
    archive: Annotated[Path, typer.Argument(metavar="ZIP")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    zip_names: ZipNames = None,
    as_json: AsJson = False,
) -> None:
    """Write the images of a zip as a folder, under names that you can choose how to read."""
    from core.data.ingest import unpack_to

    with answering(as_json) as answer:
        unpacked = unpack_to(archive, directory, zip_names)
        if as_json:
            answer({"path": str(directory), "warnings": list(unpacked.warnings)})
            return
        for sentence in unpacked.warnings:
            print(sentence)
        print(f"The images are in {directory}. Next: evenkeel data check {directory}")


@_data.command("split")
def split_data(
    data: Data,
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN:VAL:TEST",
            help="Split again in these parts, such as 2:1:1. Finished runs keep what they had.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which images train, choose and measure. The split is made once and stored."""
    from core.data import split
    from core.data.ingest import open_dataset
    from jobs.settings import Settings

    with answering(as_json) as answer:
        cache = Settings().cache
        dataset = open_dataset(data, cache)
        if shares is None:
            dataset = split.keep_split(dataset, cache)
        else:
            dataset = split.move_split(dataset, split.parse_shares(shares), cache)
        counted = split.sizes(dataset)
        if as_json:
            answer(
                {
                    "shares": split.write_shares(dataset.split.shares),
                    "shots": split.default_shots(dataset),
                    "classes": {name: found._asdict() for name, found in counted.items()},
                }
            )
            return
        rows = [(name, *map(str, found)) for name, found in counted.items()]
        table(("class", "train", "val", "test"), rows)


def _asked(dataset: "Dataset", model: str) -> "Iterator[Finding]":
    """Findings of a model about the labels, and of its text tower about the class names."""
    from core.data.health.findings import mislabels
    from core.data.health.names import unseen_by
    from core.run.zero_shot import measure_zero_shot
    from jobs.settings import Settings

    answer = measure_zero_shot(dataset, model, cache=Settings().cache)
    yield mislabels(answer.doubts, model)
    yield from unseen_by(answer.names_read, model)
