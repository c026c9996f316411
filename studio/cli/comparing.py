"""`evenkeel compare`: finished runs side by side, and what the same images say. No torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from core.results.records import AccuracyChange, DomainScore, GroupScore, MeanChange
from core.rounding import percent, points
from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import OWN, OWN_NOTE, AsJson, answering, lacking_classes, own, table

if TYPE_CHECKING:
    from core.results.comparison import (
        AccuracySpread,
        ComparedRun,
        MeanDrift,
        RunPairing,
        RunsComparison,
    )

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
    """Several runs, each at what it recommends: accuracies, paired tests, drift, settings."""
    from core.results.comparison import compare_runs

    settings = Settings()
    with answering(as_json) as answer:
        found = compare_runs(
            [options.find_run(run, settings) for run in runs],
            [options.find_run(run, settings) for run in baseline or ()],
        )
        if as_json:
            answer(found)
            return
        domains = _ood_domains(found)
        _accuracies(found, domains)
        _against_zero_shot(found, domains)
        _robustness(found)
        for row, pairing in zip(found.runs[1:], found.paired, strict=True):
            _pairing(row.name, found.runs[0].name, pairing)
        _settings(found)
        for note in found.notes:
            print(f"\n{note}")


def _ood_domains(found: "RunsComparison") -> list[str]:
    names = (name for row in found.runs for name in row.domains if name.startswith("ood/"))
    return list(dict.fromkeys(names))


def _accuracies(found: "RunsComparison", domains: Sequence[str]) -> None:
    table(
        (
            "run",
            "method",
            "compared at",
            "ID %",
            "95 % interval",
            "mean OOD %",
            "95 % interval",
            *domains,
            "worst group",
        ),
        [
            (
                row.name,
                row.method,
                str(row.mixing),
                *_with_interval(row.id),
                *_with_interval(row.ood),
                *(_accuracy(row.domains.get(name)) for name in domains),
                _group(row.worst_group),
            )
            for row in found.runs
        ],
    )
    if lacking := dict.fromkeys(name for row in found.runs for name in lacking_classes(_told(row))):
        print("\nDomains without some of the classes:")
        table(
            ("run", *(f"{name} {column}" for name in lacking for column in OWN)),
            [
                (row.name, *(cell for name in lacking for cell in own(_told(row).get(name))))
                for row in found.runs
            ],
        )
        print(OWN_NOTE)


def _against_zero_shot(found: "RunsComparison", domains: Sequence[str]) -> None:
    if not any(row.changes for row in found.runs):
        return
    print("\nEach against zero-shot on the same images, in points:")
    table(
        ("run", "ID", *domains, "mean over OOD domains"),
        [
            (
                row.name,
                *(_changed(row.changes.get(name)) for name in ("test", *domains)),
                _mean_changed(row.mean_change),
            )
            for row in found.runs
        ],
    )
    print(
        "better, worse, held: the exact McNemar test, corrected over the domains of a run (Holm). "
        "Of the mean: whether 0 lies in its 95 % interval."
    )


def _robustness(found: "RunsComparison") -> None:
    print(
        "\nDrift of the fine-tuned weights from zero-shot (mean over OOD domains), robustness as "
        "compared above, and training time against ft:"
    )
    table(
        ("run", "energy gap", "distortion", "relative %", "effective robustness", "step", "total"),
        [
            (
                row.name,
                *_drift(row.drift_ood),
                percent(row.relative_accuracy),
                points(row.effective_robustness),
                _number(row.cost.per_step if row.cost else None, 2),
                _number(row.cost.total if row.cost else None, 2),
            )
            for row in found.runs
        ],
    )
    for domain, r in found.gap_correlation.items():
        print(f"Energy gap against relative accuracy on {domain}: r = {_number(r, 2)}")


def _pairing(name: str, first: str, pairing: "RunPairing") -> None:
    from studio.live.verdict import paired_verdict  # with the templates of the page

    print(f"\n{name} against {first}, on the images of both:")
    if pairing.problem:
        print(pairing.problem)
        return
    rows = []
    # Pooled from one domain it would be that domain again.
    pooled = {"id": "ID pooled", "ood": "OOD pooled"}
    several = len([name for name in pairing.domains if name.startswith("ood/")]) > 1
    for domain, paired in pairing.domains.items():
        if (domain == "id" and "test" in pairing.domains) or (domain == "ood" and not several):
            continue
        rows.append(
            (
                pooled.get(domain, domain),
                str(paired.n),
                str(paired.only_first),
                str(paired.only_second),
                points(paired.difference),
                f"{points(paired.low)} to {points(paired.high)}",
                f"{paired.p:.3f}",
                f"{paired.p_holm:.3f}",
                paired_verdict(paired),
            )
        )
    head = ("domain", "n", "only first", "only second", "difference", "95 % interval")
    table((*head, "p", "p (Holm)", ""), rows)
    print(
        "p is the exact McNemar test; corrected over the domains of this pairing (Holm) it decides "
        "the last column. Pooled over images is one test by itself, and another number than the "
        "mean over domains. The interval is Tango's."
    )


def _settings(found: "RunsComparison") -> None:
    names = [row.name for row in found.runs]
    if found.differences:
        print("\nSettings that differ:")
        table(
            ("setting", *names),
            [
                (setting, *("–" if value is None else str(value) for value in values))
                for setting, values in found.differences.items()
            ],
        )


def _accuracy(score: DomainScore | None) -> str:
    return percent(score.accuracy if score else None)


def _told(row: "ComparedRun") -> dict[str, dict[str, object]]:
    """The scores as tables of scores read them."""
    return {name: score.model_dump() for name, score in row.domains.items()}


def _with_interval(spread: "AccuracySpread | None") -> tuple[str, str]:
    if spread is None:
        return "–", "–"
    return percent(spread.accuracy), f"{percent(spread.low)} to {percent(spread.high)}"


def _changed(change: AccuracyChange | MeanChange | None) -> str:
    return "–" if change is None else f"{points(change.difference)} {change.outcome}"


def _mean_changed(change: MeanChange | None) -> str:
    if change is None:
        return "–"
    return f"{_changed(change)} ({points(change.low)} to {points(change.high)})"


def _group(group: GroupScore | None) -> str:
    if group is None:
        return "–"
    return f"{percent(group.accuracy)} % of {group.n} ({group.name}, {group.domain})"


def _drift(drift: "MeanDrift | None") -> tuple[str, str]:
    if drift is None:
        return "–", "–"
    return _number(drift.energy_gap, 3), _number(drift.distortion, 3)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
