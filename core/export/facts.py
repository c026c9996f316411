"""What a document says of a run at some α: everything from the record, nothing computed anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.intervals import wilson
from core.records import DomainScore, RunRecord, WisePoint


@dataclass(frozen=True)
class Score:
    """An accuracy with its 95 % Wilson interval."""

    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Facts:
    """A finished run, as it is told to a stranger."""

    record: RunRecord
    alpha: float

    @property
    def method(self) -> str:
        """Its name."""
        return str(self.record.config["method"])

    @property
    def columns(self) -> dict[str, dict[str, Score]]:
        """By classifier, then by domain; without α where the record has no such mixing weight."""
        ends = self.record.evaluations
        zero = _scores(ends["zero-shot"].domains)
        tuned = _scores(ends["fine-tuned"].domains)
        found = {"zero-shot": zero}
        if 0 < self.alpha < 1 and self.point:
            found[self.label] = {
                name: _score(round(share * zero[name].n), zero[name].n)
                for name, share in self.point.domains.items()
            }
        return {**found, "fine-tuned": tuned}

    @property
    def label(self) -> str:
        """The name of the exported classifier among the columns."""
        return {0.0: "zero-shot", 1.0: "fine-tuned"}.get(self.alpha, f"α = {self.alpha:g}")

    @property
    def point(self) -> WisePoint | None:
        """The measured point of the frontier at α."""
        return next((p for p in self.record.wise if abs(p.alpha - self.alpha) < 1e-9), None)

    @property
    def domains(self) -> list[str]:
        """All that were measured."""
        return list(self.record.evaluations["zero-shot"].domains)

    @property
    def choice(self) -> str:
        """How α came about, and what that means for the numbers."""
        chosen = self.record.selection
        if abs(chosen.alpha - self.alpha) > 1e-9:
            return (
                f"α = {self.alpha:g} was set by hand (the run itself chose {chosen.alpha:g}). "
                "If test numbers were looked at to set it, they are optimistic."
            )
        return f"α = {self.alpha:g}: {_CHOSEN[chosen.alpha_chosen_on]}"

    @property
    def notes(self) -> list[str]:
        """What the record says was left out, cut short or allowed, leaks included."""
        return [str(note) for note in self.record.data.get("notes", ())]

    @property
    def limits(self) -> list[str]:
        """What the numbers do not say."""
        scores = [s for name, s in self.columns["zero-shot"].items() if name != "val"]
        smallest = min((score.n for score in scores), default=0)
        found = [
            f"The smallest measured domain has {smallest} images; read the intervals, not the "
            "digits. They say how sure an accuracy is on images of that kind, not on other kinds.",
            f"It knows {len(self.record.classes)} classes and will name one of them for any image.",
            "One seed and one draw of the shots. Another draw gives other numbers.",
        ]
        if not any(name.startswith("ood/") for name in self.domains):
            found.append("No other domain was measured: what it does elsewhere is not known.")
        if self.record.stress:
            found.append("Stress effects are synthetic changes of test images, no real domain.")
        if stopped := self.record.stopped_early:
            found.append(f"Training was ended after {stopped.steps} of {stopped.planned} steps.")
        if self.label not in self.columns:
            found.append("The record has no measurement at exactly this α; its ends are given.")
        return found

    @property
    def settings(self) -> dict[str, str]:
        """Every knob, without paths of the machine it was trained on."""
        config = {k: v for k, v in self.record.config.items() if k != "params"}
        return {name: _plain(value) for name, value in {**config, **self.params}.items()}

    @property
    def params(self) -> Mapping[str, Any]:
        """The method's own knobs."""
        return dict(self.record.config.get("params", {}))

    @property
    def environment(self) -> dict[str, str]:
        """What it ran on."""
        return {name: _plain(value) for name, value in self.record.environment.items()}


_CHOSEN = {
    "val": "chosen on validation images. Test and other domains were not looked at.",
    "default": "the default, not a choice: there were no validation images.",
    "fixed": "the combination as it is; no α was searched for.",
    "oracle": "made by looking at test images (oracle). Test numbers are not honest.",
}


def _scores(domains: Mapping[str, DomainScore]) -> dict[str, Score]:
    return {name: Score(s.accuracy, s.low, s.high, s.n) for name, s in domains.items()}


def _score(correct: int, n: int) -> Score:
    return Score(correct / n if n else 0.0, *wilson(correct, n), n)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    text = str(value)
    return Path(text).name if text.startswith(("/", "~", "\\\\")) or text[1:3] == ":\\" else text
