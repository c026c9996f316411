"""What to label next, in a sentence and a table: HTML from the shots curve that core measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.data.dataset import Dataset
from studio.frame.markup import listed, points, render
from studio.lab import words
from studio.workspace.background import Answer
from studio.workspace.session import Notice

SHOWN = 8
"""Classes that are in the table before it is opened."""
SIDES = tuple(words.Domains.sides)


def advice(
    dataset: Dataset | None,
    answer: Answer | None,
    method: str,
    missing: Sequence[int],
    note: Notice | None,
) -> str:
    """The advice, or how to get it; and the button for the runs that are `missing`."""
    ready = answer is not None and answer.state == "ready"
    found = told(answer.value, dataset) if ready and answer and dataset else None
    return render(
        "lab/advice.html",
        has_data=dataset is not None,
        state=answer.state if answer else "",
        note=Notice(answer.error) if answer and answer.error else note,
        found=found,
        method=method,
        missing=missing,
        queue=words.Shots.queue.format(method=method, shots=listed([str(n) for n in missing])),
    )


def told(curve: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Values for the template from what `core.run.protocols.measure_shots` found."""
    w = words.Shots
    names = dict(zip(dataset.classes, dataset.names, strict=True))
    rows = [{**row, "title": names[row["name"]]} for row in curve["advice"] if row["name"] in names]
    told = {row["name"] for row in rows}
    alone = [names[folder] for folder in dataset.classes if folder not in told]
    return {
        "sides": [s for s in SIDES if any(s in row["gains"] for row in rows)],
        "first": rows[:SHOWN],
        "rest": rows[SHOWN:],
        "verdict": _verdict(rows),
        "alone": w.label_alone.format(names=", ".join(alone)) if alone else "",
        "note": w.label_note.format(model=curve["encoder"]),
    }


def _verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first class whose gain is clear of chance on one side; without one the first as a guess.

    One for which nothing is expected is no guess.
    """
    w = words.Shots
    clear = [row for row in rows if any(g["expected"]["low"] > 0 for g in row["gains"].values())]
    hoped = [row for row in rows if any(g["expected"]["mean"] > 0 for g in row["gains"].values())]
    if not hoped:
        return w.label_nothing if rows else ""
    row, said = (clear[0], w.label_best) if clear else (hoped[0], w.label_unclear)
    gains = [
        w.label_gain.format(
            side=words.Domains.sides[side],
            expected=points(gain["expected"]["mean"]),
            low=points(gain["expected"]["low"]),
            high=points(gain["expected"]["high"]),
        )
        for side, gain in row["gains"].items()
    ]
    return said.format(more=row["images"], name=row["title"], gains=listed(gains))
