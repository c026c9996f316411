"""`evenkeel episodes`: few-shot protocols of the papers, on a run or on plain CLIP."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import UserError
from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import AsJson, answering, percent, table

if TYPE_CHECKING:
    from core.protocols import Encoder

app = typer.Typer()
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
        from core.evaluation.episodes import EpisodePlan
        from core.protocols import measure_episodes

        asked = {"ways": ways, "shots": shots, "queries": queries, "episodes": episodes}
        plan = EpisodePlan.parse({**asked, "repeats": repeats, "seed": seed}, "episodes")
        encoder = _encoder(what, alpha, settings)
        found = measure_episodes(encoder, data, plan, settings.cache)
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
            f"± episodes: 1.96 × s/√n over {plan.repeats * plan.episodes} episodes, as elsewhere."
        )
        for name, score in found["domains"].items():
            for note in score["notes"]:
                print(f"{name}: {note}")
        for note in found["notes"]:
            print(note)


def _encoder(what: str, alpha: float | None, settings: Settings) -> "Encoder":
    from core.protocols import encoder_of_model, encoder_of_run

    if options.is_run(what, settings):
        return encoder_of_run(options.find_run(what, settings).path, alpha, settings.cache)
    if alpha is not None:
        raise UserError(f"--alpha needs a finished run, and {what!r} is none.")
    return encoder_of_model(what, settings.cache)
