"""`evenkeel compare`: finished runs side by side, and what the same images say. No torch."""

from typing import Annotated, Any

import typer

from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import AsJson, answering, percent, table

app = typer.Typer()


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN…", help="Folders or ids. The first is compared against."),
    ],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN",
            help="A plain run for the line of effective robustness. Repeat: three are needed.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tuned weights of several runs: accuracies, paired tests, drift, settings."""
    from core.comparison import compare_runs

    settings = Settings()
    with answering(as_json) as answer:
        found = compare_runs(
            [options.find_run(run, settings) for run in runs],
            [options.find_run(run, settings) for run in baseline or ()],
        )
        if as_json:
            answer(found)
            return
        _accuracies(found)
        _robustness(found)
        for row, pairing in zip(found["runs"][1:], found["paired"], strict=True):
            _pairing(row["name"], found["runs"][0]["name"], pairing)
        _settings(found)
        for note in found["notes"]:
            print(f"\n{note}")


def _accuracies(found: dict[str, Any]) -> None:
    domains = dict.fromkeys(
        name for row in found["runs"] for name in row["domains"] if name.startswith("ood/")
    )
    table(
        (
            "run",
            "method",
            "ID %",
            "95 % interval",
            "OOD %",
            "95 % interval",
            *domains,
            "worst group",
        ),
        [
            (
                row["name"],
                row["method"],
                *_with_interval(row["id"]),
                *_with_interval(row["ood"]),
                *(percent(row["domains"].get(name, {}).get("accuracy")) for name in domains),
                _group(row["worst_group"]),
            )
            for row in found["runs"]
        ],
    )


def _robustness(found: dict[str, Any]) -> None:
    print("\nDrift from zero-shot (mean over OOD domains), and training time against ft:")
    table(
        ("run", "energy gap", "distortion", "relative %", "effective robustness", "step", "total"),
        [
            (
                row["name"],
                *_drift(row["drift_ood"]),
                percent(row["relative_accuracy"]),
                _points(row["effective_robustness"]),
                _number((row["cost"] or {}).get("per_step"), 2),
                _number((row["cost"] or {}).get("total"), 2),
            )
            for row in found["runs"]
        ],
    )
    for domain, r in found["gap_correlation"].items():
        print(f"Energy gap against relative accuracy on {domain}: r = {_number(r, 2)}")


def _pairing(name: str, first: str, pairing: dict[str, Any]) -> None:
    from core.evaluation.paired import Paired
    from studio.verdict import paired_verdict  # with the templates of the page

    print(f"\n{name} against {first}, on the images of both:")
    if pairing["problem"]:
        print(pairing["problem"])
        return
    rows = []
    for domain, counts in pairing["domains"].items():
        if domain == "id" and "test" in pairing["domains"]:
            continue
        paired = Paired(**{key: value for key, value in counts.items() if key != "verdict"})
        rows.append(
            (
                {"id": "all ID", "ood": "all OOD"}.get(domain, domain),
                str(paired.n),
                str(paired.only_first),
                str(paired.only_second),
                _points(paired.difference),
                f"{_points(paired.low)} to {_points(paired.high)}",
                f"{paired.p:.3f}",
                paired_verdict(paired),
            )
        )
    columns = ("domain", "n", "only first", "only second", "difference", "95 % interval", "p", "")
    table(columns, rows)
    print(
        "p is the exact McNemar test, which the last column follows; the interval is Tango's. "
        "Where few images differ the test is the stricter of the two."
    )


def _settings(found: dict[str, Any]) -> None:
    names = [row["name"] for row in found["runs"]]
    if found["differences"]:
        print("\nSettings that differ:")
        table(
            ("setting", *names),
            [
                (setting, *("–" if value is None else str(value) for value in values))
                for setting, values in found["differences"].items()
            ],
        )


def _with_interval(spread: dict[str, Any] | None) -> tuple[str, str]:
    if spread is None:
        return "–", "–"
    return percent(spread["accuracy"]), f"{percent(spread['low'])} to {percent(spread['high'])}"


def _group(group: dict[str, Any] | None) -> str:
    if group is None:
        return "–"
    return f"{percent(group['accuracy'])} % of {group['n']} ({group['name']}, {group['domain']})"


def _drift(drift: dict[str, Any] | None) -> tuple[str, str]:
    if drift is None:
        return "–", "–"
    return _number(drift["energy_gap"], 3), _number(drift["distortion"], 3)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _points(change: float | None) -> str:
    return "–" if change is None else f"{100 * change:+.1f}".replace("-", "−")
