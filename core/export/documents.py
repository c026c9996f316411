"""Model card and report: describe a run and its results for people. Imports no torch."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core import __version__
from core.errors import unknown
from core.export import charts
from core.export.verify import Exported, make_room
from core.results.facts import DOCUMENTS, RunFacts
from core.results.records import Mixing
from core.results.runs import RunFolder
from core.results.standing import MeasuredAccuracy
from core.rounding import NOTHING, percent, points

NAMES = {"card": "model-card.md", "report": "report.html"}


def write_document(kind: str, run: RunFolder, mixing: Mixing, folder: Path) -> Exported:
    """Write the model card (Markdown) or the report (one HTML file that loads no other file)."""
    if kind not in DOCUMENTS:
        raise unknown("format", kind, DOCUMENTS)
    facts = RunFacts(run.record(), mixing, run.by_hand())
    text = card(facts) if kind == "card" else report(facts, _losses(run))
    make_room(folder, {NAMES[kind]})
    (folder / NAMES[kind]).write_text(text, "utf-8")
    return Exported(folder, "")


def card(facts: RunFacts) -> str:
    """The model card in Markdown."""
    return _render("card.md", facts=facts)


def report(facts: RunFacts, losses: list[float]) -> str:
    """The report in HTML, with styles and charts inside."""
    drawn = [
        charts.accuracies(facts.columns),
        charts.frontier(facts.record, facts.mixing),
        charts.loss(losses),
    ]
    return _render("report.html", facts=facts, charts=[chart for chart in drawn if chart])


def _losses(run: RunFolder) -> list[float]:
    return [float(event["loss"]) for event in run.events() if event["kind"] == "step"]


def _render(name: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(score=_score, cell=_cell, points=points)
    return environment.get_template(name).render(version=__version__, **values)


def _score(score: MeasuredAccuracy | None) -> str:
    if score is None:
        return NOTHING
    said = f"{percent(score.accuracy)} % ({percent(score.low)}–{percent(score.high)})"
    if score.accuracy_own is None:
        return said
    return f"{said}, own {percent(score.accuracy_own)} %"


def _cell(text: object) -> str:
    """A name that a stranger may have chosen, as one line of plain Markdown."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]<>()#|!~&])", r"\\\1", line)
