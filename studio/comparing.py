"""Runs side by side as the page shows them: pure functions of records and of one comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.data.health.copies import leaks_noted
from core.evaluation.standing import Share, Standing, standing
from core.records import RunRecord
from studio import words
from studio.components.run_header import tone
from studio.domains import Look, looks, shown
from studio.markup import decimal
from studio.verdict import named_verdict

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
    chosen: Standing
    tuned: Standing
    leaks: str
    """Which leaks into the measured images its training was allowed; empty without any."""
    repeatable: bool
    """Whether it was trained: a combination of runs has no seed."""


@dataclass(frozen=True)
class Cell:
    """One accuracy of the table."""

    share: Share
    change: float | None
    """Against zero-shot; None of zero-shot itself."""
    tone: str


@dataclass(frozen=True)
class Row:
    """One line of the table: a run, or zero-shot, at one α."""

    weight: str
    cells: list[Cell | None]
    """None where the run was not measured."""


def candidates(records: Sequence[RunRecord], titles: Sequence[str]) -> list[Candidate]:
    """The runs in the order in which they were chosen."""
    drawn = looks(["test", *(f"ood/{i}" for i in range(5))])
    return [
        Candidate(
            id=record.run_id,
            letter=letter,
            title=title,
            colour=look.colour,
            symbol=look.symbol,
            zero=standing(record, 0),
            chosen=standing(record, record.selection.alpha),
            tuned=standing(record, 1),
            leaks=" ".join(leaks_noted(record.data.get("notes", ()))),
            repeatable=record.combined is None,
        )
        for record, title, letter, look in zip(records, titles, LETTERS, drawn, strict=False)
    ]


def columns(runs: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Key and title of what was measured by any of the runs, ID first, the OOD mean last."""
    found: list[Look] = shown({name: 0 for run in runs for name in run.zero.domains})
    mean = [(MEAN, w.mean_ood)] if sum(look.role == "ood" for look in found) > 1 else []
    return [(look.key, look.title) for look in found] + mean


def table(runs: Sequence[Candidate]) -> dict[str, Any]:
    """The lines of each run; zero-shot stands above all of them where they share it."""
    keys = [key for key, _ in columns(runs)]
    shared = all(run.zero == runs[0].zero for run in runs)
    return {
        "columns": [title for _, title in columns(runs)],
        "zero": _row(w.zero, runs[0].zero, None, keys) if shared else None,
        "runs": [{"run": run, "rows": _rows(run, keys, with_zero=not shared)} for run in runs],
    }


def pairings(
    runs: Sequence[Candidate], found: Mapping[str, Any], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What the images say of every later run against the first; `found` as `compare_runs` has it.

    `titles` are those of domains.
    """
    return [
        _pairing(runs[0], run, pairing, titles)
        for run, pairing in zip(runs[1:], found["paired"], strict=True)
    ]


def next_seed(config: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> int:
    """The first seed above those with which the same was asked for before."""
    same = [other for other in others if {**other, "seed": 0} == {**config, "seed": 0}]
    return 1 + max(int(one["seed"]) for one in (config, *same))


def _rows(run: Candidate, keys: Sequence[str], with_zero: bool) -> list[Row]:
    rows = [_row(w.zero, run.zero, None, keys)] if with_zero else []
    chosen = w.chosen.format(alpha=decimal(run.chosen.alpha))
    rows.append(_row(chosen, run.chosen, run.zero, keys))
    return rows if run.chosen.alpha == 1 else [*rows, _row(w.tuned, run.tuned, run.zero, keys)]


def _row(weight: str, at: Standing, zero: Standing | None, keys: Sequence[str]) -> Row:
    return Row(weight, [_cell(at, zero, key) for key in keys])


def _cell(at: Standing, zero: Standing | None, key: str) -> Cell | None:
    share = _share(at, key)
    before = _share(zero, key) if zero else None
    if share is None:
        return None
    if before is None:
        return Cell(share, None, "even")
    change = share.accuracy - before.accuracy
    return Cell(share, change, tone(asdict(before), share.accuracy))


def _share(at: Standing, key: str) -> Share | None:
    return at.ood if key == MEAN else at.domains.get(key)


def _pairing(
    first: Candidate, second: Candidate, pairing: Mapping[str, Any], titles: Mapping[str, str]
) -> dict[str, Any]:
    from core.evaluation.paired import Paired

    tests = {
        name: Paired(**{key: value for key, value in counts.items() if key != "verdict"})
        for name, counts in pairing["domains"].items()
    }
    one, two = first.letter, second.letter
    return {
        "title": w.against.format(first=one, second=two),
        "problem": pairing["problem"] or "",
        "sentences": [
            (title, named_verdict(tests[name], one, two), tests[name].verdict)
            for name, title in w.pooled.items()
            if name in tests
        ],
        "columns": [column.format(first=one, second=two) for column in w.columns],
        "rows": [(titles[name], tests[name]) for name in tests if name in titles],
    }


def tests_shown(found: Sequence[Mapping[str, Any]]) -> int:
    """How many tests the page's sentences rest on."""
    return sum(len(pairing["sentences"]) for pairing in found)
