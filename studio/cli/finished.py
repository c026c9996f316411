"""`evaluate`, `wise`, `predict`, `export`: what can be asked of a finished run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import UserError, unknown
from core.results.facts import DOCUMENTS, FORMATS, STEADY
from core.results.records import Mixing, MixingKind, RunRecord, WisePoint
from core.results.runs import RunFolder
from core.rounding import percent
from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import AsJson, answering, scores, table

if TYPE_CHECKING:
    from core.export.verify import Exported

app = typer.Typer()


@app.command()
def evaluate(
    what: Annotated[
        str, typer.Argument(metavar="RUN|MODEL", help="A finished run, a model, or a checkpoint.")
    ],
    data: options.Data,
    alpha: options.Alpha = None,
    steady: options.Steady = None,
    templates: options.Templates = None,
    activation: options.Activation = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy and calibration of a run at alpha, or of plain CLIP, on any data set."""
    settings = Settings()
    with answering(as_json) as answer:
        if options.is_run(what, settings):
            if templates or activation:
                flag = "--templates" if templates else "--activation"
                raise UserError(f"{flag}: a run keeps its own. Leave it out.")
            folder = options.find_run(what, settings)
            how = options.mixing(folder.record(), alpha, steady)
            measured = _evaluate_run(folder, data, how, settings)
        else:
            for flag, given in (("--alpha", alpha), ("--steady", steady)):
                if given is not None:
                    raise UserError(f"{flag} needs a finished run, and {what!r} is none.")
            measured = _evaluate_model(
                what,
                data,
                options.template_spec(templates or ["dataset"]),
                activation or "auto",
                settings,
            )
        if as_json:
            answer(measured)
        else:
            scores(measured["evaluation"]["domains"])
            for note in measured.get("notes", ()):
                print(note)


@app.command()
def wise(
    run: options.Run,
    alphas: options.Alphas = None,
    steady: Annotated[
        bool, typer.Option("--steady", help="The same behind the run's gate (see evaluate).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The ID/OOD frontier: zero-shot and fine-tuned weights mixed by alpha."""
    settings = Settings()
    folder = options.find_run(run, settings)
    record = folder.record()
    with answering(as_json) as answer:
        points = _frontier(record, folder, alphas, "steady" if steady else "wise", settings)
        if as_json:
            answer([point.model_dump(mode="json") for point in points])
            return
        names = list(points[0].domains)
        table(
            ("alpha", "ID %", "OOD %", *names),
            [
                (
                    f"{point.alpha:g}",
                    percent(point.id),
                    percent(point.ood),
                    *(percent(point.domains[name]) for name in names),
                )
                for point in points
            ],
        )


@app.command()
def predict(
    run: options.Run,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…")],
    alpha: options.Alpha = None,
    steady: options.Steady = None,
    as_json: AsJson = False,
) -> None:
    """The likeliest classes of one or more images."""
    settings = Settings()
    folder = options.find_run(run, settings)
    chosen = options.mixing(folder.record(), alpha, steady)
    with answering(as_json) as answer:
        from core.run.finished import FinishedRun

        predictions = FinishedRun(folder.path, settings.cache).predict(images, chosen)
        if as_json:
            answer([one.model_dump(mode="json", by_alias=True) for one in predictions])
            return
        gated = chosen.kind == "steady"
        table(
            ("image", "class", "probability %", *(["familiar %"] if gated else [])),
            [
                (
                    Path(one.image).name,
                    guess.name,
                    percent(guess.probability),
                    *([percent(one.familiarity)] if gated else []),
                )
                for one in predictions
                for guess in one.top
            ],
        )


@app.command()
def export(
    run: options.Run,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    format: Annotated[str, typer.Option(help=", ".join(FORMATS))] = "open_clip",
    alpha: options.Alpha = None,
    steady: options.Steady = None,
    as_json: AsJson = False,
) -> None:
    """Write the encoder at alpha, or all of a steady run, for another program, loaded again and
    compared; or a document.
    """
    settings = Settings()
    folder = options.find_run(run, settings)
    chosen = _to_export(folder.record(), format, alpha, steady)
    with answering(as_json) as answer:
        exported = _export(folder, format, chosen, out.expanduser().absolute(), settings)
        if as_json:
            told = {"format": format, "alpha": chosen.alpha, "mixing": chosen.model_dump()}
            answer({**exported.to_json(), **told})
        else:
            print("\n\n".join(filter(None, (exported.check, exported.snippet))))


def _export(
    folder: RunFolder, kind: str, mixing: Mixing, out: Path, settings: Settings
) -> "Exported":
    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    if kind in DOCUMENTS:
        from core.export.documents import write_document

        return write_document(kind, folder, mixing, out)
    from core.run.finished import FinishedRun

    return FinishedRun(folder.path, settings.cache).export(kind, mixing, out)


def _to_export(record: RunRecord, kind: str, alpha: float | None, steady: bool | None) -> Mixing:
    """A document tells of what the run recommends; an encoder is one set of weights, and takes the
    α that was chosen for such; what holds a gate is steady.
    """
    if kind in DOCUMENTS:
        return options.mixing(record, alpha, steady)
    if kind in STEADY:
        if steady is False:
            raise UserError(
                f"--no-steady: {kind} holds both towers and the gate between them. Leave the flag "
                "out, or export one set of weights with --format open_clip or onnx."
            )
        return Mixing.steady(record.mixing.alpha if alpha is None else alpha)
    if steady:
        raise UserError(
            f"--steady: {kind} holds one set of weights, and a steady run answers with two and a "
            f"gate. Use --format {' or '.join(STEADY)}, or leave the flag out for the encoder "
            "alone."
        )
    return options.mixing(record, alpha, steady=False)


def _frontier(
    record: RunRecord,
    folder: RunFolder,
    alphas: str | None,
    kind: MixingKind,
    settings: Settings,
) -> list[WisePoint]:
    """From the record where it has the points, else measured."""
    points = record.wise if kind == "wise" else record.steady.points if record.steady else []
    known = {point.alpha: point for point in points}
    wanted = set(known) if alphas is None else set(options.parse_alphas(alphas))
    if wanted and wanted <= set(known):
        return [known[alpha] for alpha in sorted(wanted)]
    from core.run.finished import FinishedRun

    finished = FinishedRun(folder.path, settings.cache)
    return finished.frontier(sorted(wanted), kind)


def _evaluate_model(
    model: str,
    data: str,
    templates: str | tuple[str, ...],
    activation: str,
    settings: Settings,
) -> Mapping[str, Any]:
    from core.data.ingest import open_dataset
    from core.run.zero_shot import measure_zero_shot

    dataset = open_dataset(data, settings.cache)
    answer = measure_zero_shot(dataset, model, templates, settings.cache, activation=activation)
    return answer.model_dump(mode="json")


def _evaluate_run(
    folder: RunFolder, data: str, mixing: Mixing, settings: Settings
) -> Mapping[str, Any]:
    from core.run.finished import FinishedRun

    finished = FinishedRun(folder.path, settings.cache)
    task = finished.task_in(data)
    known = finished.record.data.get("notes", ())
    return {
        "run": finished.record.run_id,
        "alpha": mixing.alpha,
        "mixing": mixing.model_dump(),
        "evaluation": finished.measure(mixing, task).model_dump(mode="json"),
        "notes": [note for note in task.notes if note not in known],
    }
