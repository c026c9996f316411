"""Prints the output of commands: a table for people, or a single JSON document."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from core.printing import json_for
from core.rounding import NOTHING, percent

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@contextlib.contextmanager
def answering(as_json: bool) -> Iterator[Callable[[Any], None]]:
    """Yields a function that prints the answer; with `--json` all other output goes to stderr."""
    answers = sys.stdout

    def answer(document: Any) -> None:
        if isinstance(document, BaseModel):
            document = document.model_dump(mode="json", by_alias=True)
        print(json_for(document, answers), file=answers)

    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        yield answer


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns, numbers to the right. Nothing is cut: half an id cannot be copied."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    numeric = [all(map(_is_number, column[1:])) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        print("  ".join(cells).rstrip())


def scores(domains: Mapping[str, Mapping[str, Any]]) -> None:
    """One line a domain: images, accuracy with its interval, calibration error, NLL; where classes
    are missing, also the accuracy among those that are there.
    """
    lacking = lacking_classes(domains)
    table(
        ("domain", "n", "accuracy %", "95 % interval", "ECE", "NLL", *(OWN if lacking else ())),
        [
            (
                name,
                str(score["n"]),
                percent(score["accuracy"]),
                f"{percent(score['low'])} to {percent(score['high'])}",
                f"{score['ece']:.3f}",
                f"{score['nll']:.3f}",
                *(own(score) if lacking else ()),
            )
            for name, score in domains.items()
        ],
    )
    if lacking:
        print(f"\n{OWN_NOTE}")


OWN = ("classes", "own %")
OWN_NOTE = (
    "accuracy % is over all classes. own % is of the same images with only the domain's own "
    "classes to choose from, as ImageNet-R and ImageNet-A are reported; it enters no mean."
)


def lacking_classes(domains: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The domains that do not have images of every class."""
    return [name for name, score in domains.items() if score.get("accuracy_own") is not None]


def own(score: Mapping[str, Any] | None) -> tuple[str, str]:
    """The number of classes of a domain and the accuracy among them; dashes if it has all."""
    if score is None or score.get("accuracy_own") is None:
        return NOTHING, NOTHING
    return f"{score['classes_present']} of {score['classes_all']}", percent(score["accuracy_own"])


def _is_number(value: str) -> bool:
    return value.lstrip("-−+±").replace(".", "", 1).isdigit() or value == NOTHING
