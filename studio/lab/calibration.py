"""The table above the reliability diagram: ECE by domain and model, with and without T."""

from collections.abc import Mapping

from core.results.inspection import COLUMNS, Inspection
from studio.frame.domains import looks
from studio.frame.markup import percent, render
from studio.lab import words
from studio.lab.errors import chosen, column_titles


def calibration_lab(inspection: Inspection, asked: Mapping[str, str]) -> str:
    """Which model is looked at, the temperature of each, and every ECE with its n."""
    rows = [
        {
            "look": look,
            "n": len(inspection.domains[look.key].labels),
            "fitted_here": look.role == "val",
            "ece": [_pair(inspection, look.key, column) for column in COLUMNS],
        }
        for look in looks(inspection.domains)
    ]
    fitted = inspection.domains.get("val")
    return render(
        "lab/calibration.html",
        now=chosen(inspection, asked),
        titles=column_titles(inspection),
        rows=rows,
        temperatures=[inspection.temperatures.get(column) for column in COLUMNS],
        temperature_note=words.Lab.temperature_note.format(n=len(fitted.labels))
        if fitted
        else words.Lab.no_temperature,
    )


def _pair(inspection: Inspection, domain: str, column: str) -> tuple[str, str]:
    answer = inspection.domains[domain].answers[column]
    return percent(answer.plain.ece), percent(answer.scaled.ece if answer.scaled else None)
