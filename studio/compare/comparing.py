"""Compares runs for the page: pure functions of records and of one comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.data.health.copies import leaks_noted
from core.results.records import AccuracyChange, MeanChange, Outcome, RunRecord
from core.results.standing import FINE_TUNED, ZERO_SHOT, MeasuredAccuracy, Standing, standing
from studio.compare import words
from studio.frame.domains import DomainStyle, domain_styles, shown
from studio.frame.markup import count, listed, mixture, number

if TYPE_CHECKING:
    from core.results.comparison import RunPairing, RunsComparison

if TYPE_CHECKING:
    from core.results.paired import PairedComparison  # imports numpy

w = words.Compare
LETTERS = "ABCDEF"
MEAN = "mean"


@dataclass(frozen=True)
class Candidate:
    """One of the runs, with the letter, colour and symbol by which the page calls it."""

    id: str
    letter: str
    title: str
    colour: str
    symbol: str
    zero: Standing
    recommended: Standing
    tuned: Standing
    changes: Mapping[str, Mapping[str, AccuracyChange | MeanChange]]
    """Against zero-shot on the same images: by end of the run, then by column of the table."""
    leaks: str
    """The leaks into measured images that its training allowed; empty if there are none."""
    repeatable: bool
    """True if it was trained: a combination of runs has no seed."""


TONES: Mapping[Outcome, str] = {"better": "good", "worse": "bad", "held": "even"}


@dataclass(frozen=True)
class Cell:
    """One accuracy of the table."""

    share: MeasuredAccuracy
    change: float | None
    """Against zero-shot; None of zero-shot itself."""
    tone: str
    outcome: str
    """The outcome of the paired test of the change, in a word; empty if it was not tested."""


@dataclass(frozen=True)
class TableRow:
    """One line of the table: a run, or zero-shot, under one mixing."""

    mixing: str
    what: str
    """The kind of mixing: recommended, or the fine-tuned weights alone."""
    cells: list[Cell | None]
    """None where the run was not measured."""


def candidates(records: Sequence[RunRecord], titles: Sequence[str]) -> list[Candidate]:
    """The runs in the order in which they were chosen."""
    drawn = domain_styles(["test", *(f"ood/{i}" for i in range(5))])
    return [
        Candidate(
            id=record.run_id,
            letter=letter,
            title=title,
            colour=style.colour,
            symbol=style.symbol,
            zero=standing(record, ZERO_SHOT),
            recommended=standing(record, record.mixing),
            tuned=standing(record, FINE_TUNED),
            changes=_changes(record),
            leaks=" ".join(leaks_noted(record.data.get("notes", ()))),
            repeatable=record.combined is None,
        )
        for record, title, letter, style in zip(records, titles, LETTERS, drawn, strict=False)
    ]


def columns(runs: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Key and title of what was measured by any of the runs, ID first, the OOD mean last."""
    found: list[DomainStyle] = shown({name: 0 for run in runs for name in run.zero.domains})
    mean = [(MEAN, w.mean_ood)] if sum(style.role == "ood" for style in found) > 1 else []
    return [(style.key, style.title) for style in found] + mean


def table(runs: Sequence[Candidate]) -> dict[str, object]:
    """The lines of each run; zero-shot is above them if all runs share it."""
    keys = [key for key, _ in columns(runs)]
    shared = all(run.zero == runs[0].zero for run in runs)
    untested = [run.letter for run in runs if not run.changes]
    return {
        "columns": [title for _, title in columns(runs)],
        "zero": _row(w.zero, runs[0].zero, runs[0], keys) if shared else None,
        "runs": [{"run": run, "rows": _rows(run, keys, with_zero=not shared)} for run in runs],
        "untested": w.untested.format(runs=listed(untested)) if untested else "",
    }


def pairings(
    runs: Sequence[Candidate], found: "RunsComparison", titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The paired tests of every later run against the first; `found` is from `compare_runs`.

    `titles` are those of domains.
    """
    return [
        _pairing(runs[0], run, pairing, titles)
        for run, pairing in zip(runs[1:], found.paired, strict=True)
    ]


def next_seed(config: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> int:
    """The first seed above those with which the same was asked for before."""
    same = [other for other in others if {**other, "seed": 0} == {**config, "seed": 0}]
    return 1 + max(int(one["seed"]) for one in (config, *same))


def is_tuned_alone(run: Candidate) -> bool:
    """True if a run recommends its fine-tuned weights alone."""
    return run.recommended.mixing == FINE_TUNED


def _changes(record: RunRecord) -> dict[str, dict[str, AccuracyChange | MeanChange]]:
    found: dict[str, dict[str, AccuracyChange | MeanChange]] = {}
    for end, by_domain in record.changes.items():
        found[end] = dict(by_domain)
        if end in record.mean_changes:
            found[end][MEAN] = record.mean_changes[end]
    return found


def _rows(run: Candidate, keys: Sequence[str], with_zero: bool) -> list[TableRow]:
    rows = [_row(w.zero, run.zero, run, keys)] if with_zero else []
    rows.append(_row(w.recommended, run.recommended, run, keys, "recommended"))
    if is_tuned_alone(run):
        return rows
    return [*rows, _row(w.tuned, run.tuned, run, keys, "fine-tuned")]


def _row(what: str, at: Standing, run: Candidate, keys: Sequence[str], end: str = "") -> TableRow:
    """A line of the table; without an `end` it is zero-shot, which has changed nothing."""
    return TableRow(mixture(at.mixing), what, [_cell(at, run, key, end) for key in keys])


def _cell(at: Standing, run: Candidate, key: str, end: str) -> Cell | None:
    share, before = _share(at, key), _share(run.zero, key)
    if share is None:
        return None
    if before is None or not end:
        return Cell(share, None, "even", "")
    tested = run.changes.get(end, {}).get(key)
    outcome = tested.outcome if tested else None
    return Cell(
        share,
        share.accuracy - before.accuracy,
        TONES[outcome] if outcome else "even",
        w.outcomes[outcome] if outcome else "",
    )


def _share(at: Standing, key: str) -> MeasuredAccuracy | None:
    return at.ood if key == MEAN else at.domains.get(key)


def _pairing(
    first: Candidate, second: Candidate, pairing: "RunPairing", titles: Mapping[str, str]
) -> dict[str, Any]:
    tests = pairing.domains
    one, two = first.letter, second.letter
    return {
        "title": w.against.format(first=one, second=two),
        "problem": pairing.problem or "",
        "sentences": [
            (title, named_verdict(tests[name], one, two), tests[name].verdict)
            for name, title in w.pooled.items()
            if name in tests
        ],
        "columns": [column.format(first=one, second=two) for column in w.columns],
        "rows": [
            (titles[name], test, w.verdicts[test.verdict])
            for name, test in tests.items()
            if name in titles
        ],
    }


def pairings_tested(found: Sequence[Mapping[str, Any]]) -> int:
    """The number of pairs of runs that are tested; each pair is corrected separately."""
    return sum(bool(pairing["sentences"]) for pairing in found)


def named_verdict(paired: "PairedComparison", first: str, second: str) -> str:
    """The verdict of a pair, with the names of both runs."""
    images = count(paired.n, *words.Numbers.images)
    if paired.verdict == "same-answers":
        return w.same_answers.format(first=first, second=second, images=images)
    if paired.verdict == "cannot-tell":
        return w.cannot_tell.format(first=first, second=second, images=images)
    worse, better = (first, second) if paired.verdict == "better" else (second, first)
    more = number(abs(paired.only_second - paired.only_first))
    return w.better.format(first=worse, second=better, more=more, images=images)
