"""`evenkeel episodes` and `evenkeel shots`: few-shot protocols, on a run or on plain CLIP."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import UserError
from core.rounding import percent, points
from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import AsJson, answering, table

if TYPE_CHECKING:
    from core.results.untrained import ClassAdvice, Gain, ShotsCurvePoint
    from core.run.protocols import Encoder

app = typer.Typer()
CLASSES_ADVISED = 5
"""The number of classes that are recommended for more labels."""
What = Annotated[
    str, typer.Argument(metavar="RUN|MODEL", help="A finished run, a model, or a checkpoint.")
]


@app.command()
def episodes(
    what: What,
    data: options.Data,
    ways: Annotated[int, typer.Option(help="Classes in an episode.")] = 5,
    shots: Annotated[int, typer.Option(help="Images a class for the prototypes.")] = 1,
    queries: Annotated[int, typer.Option(help="Images a class to tell apart.")] = 15,
    episodes: Annotated[int, typer.Option(help="Episodes in a repeat.")] = 600,
    repeats: Annotated[int, typer.Option(help="How often, with other draws.")] = 5,
    seed: Annotated[int, typer.Option(help="Draws classes and images.")] = 0,
    alpha: options.Alpha = None,
    as_json: AsJson = False,
) -> None:
    """N-way K-shot episodes with prototypes, as few-shot papers measure."""
    settings = Settings()
    with answering(as_json) as answer:
        from core.data.ingest import open_dataset
        from core.evaluation.episodes import EpisodePlan
        from core.run.protocols import measure_episodes

        asked = {"ways": ways, "shots": shots, "queries": queries, "episodes": episodes}
        plan = EpisodePlan.parse({**asked, "repeats": repeats, "seed": seed}, "episodes")
        encoder = _encoder(what, alpha, settings)
        found = measure_episodes(encoder, open_dataset(data, settings.cache), plan)
        if as_json:
            answer(found)
            return
        table(
            ("domain", "classes", "images", "accuracy %", "± runs", "± episodes"),
            [
                (
                    name,
                    str(score["classes"]),
                    str(score["n"]),
                    percent(score["accuracy"]),
                    percent(score["ci_repeats"]),
                    percent(score["ci_episodes"]),
                )
                for name, score in found["domains"].items()
            ],
        )
        print(
            f"± runs: 1.96 × standard deviation of {plan.repeats} run means, as in FD-Align. "
            f"± episodes: 1.96 × s/√n over {plan.repeats * plan.episodes} episodes, as elsewhere. "
            "Both are about other draws from these images, not about other images."
        )
        for name, score in found["domains"].items():
            for note in score["notes"]:
                print(f"{name}: {note}")
        for note in found["notes"]:
            print(note)


@app.command()
def shots(
    what: What,
    data: options.Data,
    shots: Annotated[str, typer.Option(help="Images a class, with commas.")] = "1,2,4,8,16",
    seeds: Annotated[int, typer.Option(help="How many draws of the images.")] = 5,
    alpha: options.Alpha = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy by number of shots without training, and which classes to label next."""
    settings = Settings()
    with answering(as_json) as answer:
        from core.data.ingest import open_dataset
        from core.results.untrained import ShotsPlan
        from core.run.protocols import measure_shots

        plan = ShotsPlan.parse({"shots": shots.split(","), "seeds": seeds}, "shots")
        encoder = _encoder(what, alpha, settings)
        found = measure_shots(encoder, open_dataset(data, settings.cache), plan)
        if as_json:
            answer(found)
            return
        for domain, points in found.domains.items():
            heads = dict.fromkeys(point.head for point in points)
            counts = dict.fromkeys(point.shots for point in points)
            print(f"{domain}, accuracy % (mean ± standard deviation over {seeds} seeds)")
            cells = {(point.head, point.shots): point for point in points}
            table(
                ("shots", *heads),
                [(str(n), *(_cell(cells[head, n]) for head in heads)) for n in counts],
            )
        print("mixed: text and image prototypes in equal parts. Nothing is trained or chosen.")
        _print_advice(found.advice[:CLASSES_ADVISED])
        for note in found.notes:
            print(note)


@app.command("cross-validate")
def cross_validate(
    data: options.Data,
    method: Annotated[
        str | None, typer.Option(help="A method on frozen features. By default a linear probe.")
    ] = None,
    model: options.Model = None,
    templates: options.Templates = None,
    folds: Annotated[int, typer.Option(help="In how many parts.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Accuracy over all images of a small data set; no image is in the training data of the head
    that classifies it.
    """
    settings = Settings()
    with answering(as_json) as answer:
        from core.data.ingest import open_dataset
        from core.run.asked import USUAL_IN_FOLDS
        from core.run.cross_validation import cross_validate as read

        found = read(
            open_dataset(data, settings.cache),
            method or USUAL_IN_FOLDS,
            model or "embedded",
            options.template_spec(templates or ["dataset"]),
            folds,
            cache=settings.cache,
        )
        if as_json:
            answer(found)
            return
        rows = [(found.method, found), ("zero-shot", found.zero_shot)]
        table(
            ("classifier", "accuracy %", "95 %", "images"),
            [
                (
                    name,
                    percent(one.accuracy),
                    f"{percent(one.low)} to {percent(one.high)}",
                    str(one.n),
                )
                for name, one in rows
            ],
        )
        change = found.change
        print(f"Against zero-shot {points(change.difference)} points: {change.outcome}.")
        for note in found.notes:
            print(note)


def _print_advice(advice: Sequence["ClassAdvice"]) -> None:
    """The classes most worth labelling."""
    if not advice:
        return
    print("what to label next: as many images of a class again, points expected (95 % interval)")
    sides = dict.fromkeys(side for one in advice for side in one.gains)
    table(
        ("class", "images", *sides),
        [
            (
                one.name,
                str(one.images),
                *(_expected(one.gains[s]) if s in one.gains else "" for s in sides),
            )
            for one in advice
        ],
    )
    print("An estimate without training: half of what the newer half of its images brought.")


def _expected(gain: "Gain") -> str:
    expected = gain.expected
    return f"{points(expected.mean)} ({points(expected.low)} to {points(expected.high)})"


def _cell(point: "ShotsCurvePoint") -> str:
    spread = "" if point.std is None else f" ± {percent(point.std)}"
    return f"{percent(point.mean)}{spread}"


def _encoder(what: str, alpha: float | None, settings: Settings) -> "Encoder":
    from core.run.protocols import encoder_of_model, encoder_of_run

    if options.is_run(what, settings):
        return encoder_of_run(options.find_run(what, settings).path, alpha, settings.cache)
    if alpha is not None:
        raise UserError(f"--alpha needs a finished run, and {what!r} is none.")
    return encoder_of_model(what, settings.cache)
