"""The facts that a report states about a run at some α. All are read from the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.results.records import AccuracyChange, HandSetMixing, Json, Mixing, RunRecord
from core.results.standing import FINE_TUNED, ZERO_SHOT, MeasuredAccuracy, measured

Format = Literal[
    "open_clip",
    "onnx",
    "huggingface",
    "steady-onnx",
    "steady-open_clip",
    "features",
    "card",
    "report",
]
FORMATS: tuple[Format, ...] = get_args(Format)
DOCUMENTS = ("card", "report")
"""Formats that are made from the record alone: no weights are read."""
STEADY = ("steady-onnx", "steady-open_clip")
"""Formats that contain both towers of a run and the gate between them."""


class OutputDifference(Json):
    """The difference between one output of an artefact and the run's own."""

    output: str
    largest: float
    tolerance: float


class ExportedFile(Json):
    """A run written for another program, as one file to download."""

    path: str
    verified: bool
    """It was loaded again and gave the run's outputs."""
    check: str
    """How that is known, in a sentence."""
    reader: str
    """The program that loaded it again; empty for a document."""
    differences: list[OutputDifference]
    snippet: str
    """Python that loads it."""
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class RunFacts:
    """A finished run, described for a reader who does not know it."""

    record: RunRecord
    mixing: Mixing
    by_hand: Sequence[HandSetMixing] = ()
    """Mixings that were set by hand and measured after the run."""

    @property
    def method(self) -> str:
        """The name of the method."""
        return str(self.record.config["method"])

    @property
    def columns(self) -> dict[str, dict[str, MeasuredAccuracy]]:
        """Accuracies by classifier, then by domain; without the mixing if it was not measured."""
        ends = {"zero-shot": ZERO_SHOT, self.label: self.mixing, "fine-tuned": FINE_TUNED}
        found = {
            label: measured(self.record, mixing, self.by_hand) for label, mixing in ends.items()
        }
        return {label: domains for label, domains in found.items() if domains}

    @property
    def label(self) -> str:
        """The column name of the described classifier."""
        ends = {ZERO_SHOT: "zero-shot", FINE_TUNED: "fine-tuned"}
        return ends.get(self.mixing, str(self.mixing))

    @property
    def changes(self) -> dict[str, AccuracyChange]:
        """Changes from zero-shot on the same images, by domain; empty if not tested."""
        by_hand = {one.mixing: one.changes for one in self.by_hand}
        known = {
            FINE_TUNED: self.record.changes.get("fine-tuned", {}),
            self.record.mixing: self.record.changes.get("recommended", {}),
            **by_hand,
        }
        return known.get(self.mixing, {})

    @property
    def gate(self) -> str:
        """A sentence about the gate of a steady mixing; empty without a gate."""
        steady = self.record.steady
        if self.mixing.kind == "wise" or steady is None:
            return ""
        if steady.unfamiliar >= 1:
            return (
                "Steady: validation shows that the base model hardly knows these classes, so "
                "images unlike the training images are answered by the fine-tuned weights, too."
            )
        return (
            "Steady: images unlike the training images, by the early layers of the frozen tower, "
            "are left to zero-shot CLIP."
        )

    @property
    def domains(self) -> list[str]:
        """The domains that were measured."""
        return list(self.record.evaluations["zero-shot"].domains)

    @property
    def choice(self) -> str:
        """A sentence about how α was chosen, and the consequence for the numbers."""
        chosen = self.record.selection
        if self.mixing == self.record.mixing:
            return f"{self.mixing}: {_CHOSEN[chosen.alpha_chosen_on]}"
        if self.mixing == Mixing.wise(chosen.alpha):
            return f"{self.mixing}: {_CHOSEN[chosen.alpha_chosen_on]}"
        return (
            f"{self.mixing} was set by hand (the run itself recommends {self.record.mixing}). "
            "If test numbers were looked at to set it, they are optimistic."
        )

    @property
    def notes(self) -> list[str]:
        """The record's notes on images left out, training cut short, and allowed leaks."""
        return [str(note) for note in self.record.data.get("notes", ())]

    @property
    def limits(self) -> list[str]:
        """Sentences about the limits of the numbers."""
        scores = [s for name, s in self.columns["zero-shot"].items() if name != "val"]
        smallest = min((score.n for score in scores), default=0)
        found = [
            f"The smallest measured domain has {smallest} images; read the intervals, not the "
            "digits. They are for images of this kind, not for other kinds.",
            f"It knows {len(self.record.classes)} classes and will name one of them for any image.",
            "One seed and one draw of the shots. Another draw gives other numbers.",
        ]
        if not any(name.startswith("ood/") for name in self.domains):
            found.append("No other domain was measured: its accuracy elsewhere is unknown.")
        for name, share in self.columns["zero-shot"].items():
            if share.accuracy_own is not None:
                found.append(
                    f"{name} has {share.classes_present} of the {share.classes_all} classes. Its "
                    "accuracy is over all of them; “own” is among those that it has, as ImageNet-R "
                    "and ImageNet-A are reported."
                )
        if self.record.stress:
            found.append("Stress effects are synthetic changes of test images, no real domain.")
        if stopped := self.record.stopped_early:
            found.append(f"Training was ended after {stopped.steps} of {stopped.planned} steps.")
        if self.label not in self.columns:
            found.append("This mixing was not measured; zero-shot and fine-tuned are given.")
        return found

    @property
    def settings(self) -> dict[str, str]:
        """Every setting, without paths of the machine that trained it."""
        config = {k: v for k, v in self.record.config.items() if k != "params"}
        return {name: _plain(value) for name, value in {**config, **self.params}.items()}

    @property
    def params(self) -> Mapping[str, Any]:
        """The method's own settings."""
        return dict(self.record.config.get("params", {}))

    @property
    def environment(self) -> dict[str, str]:
        """The hardware and software that it ran on."""
        return {name: _plain(value) for name, value in self.record.environment.items()}


_CHOSEN = {
    "val": "chosen on validation images. Test and other domains were not looked at.",
    "default": "the default, not a choice: there were no validation images.",
    "fixed": "the combination as it is; no α was searched for.",
    "oracle": "made by looking at test images (oracle). Test numbers are not honest.",
}


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {_plain(one)}" for name, one in value.items())
    text = str(value)
    return Path(text).name if text.startswith(("/", "~", "\\\\")) or text[1:3] == ":\\" else text
