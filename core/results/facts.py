"""What a document says of a run at some α: everything from the record, nothing computed anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.results.records import ByHand, Change, Mixing, RunRecord
from core.results.standing import FINE_TUNED, ZERO_SHOT, Share, measured


@dataclass(frozen=True)
class Facts:
    """A finished run, as it is told to a stranger."""

    record: RunRecord
    mixing: Mixing
    by_hand: Sequence[ByHand] = ()
    """Mixings that people have measured besides."""

    @property
    def method(self) -> str:
        """Its name."""
        return str(self.record.config["method"])

    @property
    def columns(self) -> dict[str, dict[str, Share]]:
        """By classifier, then by domain; without the mixing where it was not measured."""
        ends = {"zero-shot": ZERO_SHOT, self.label: self.mixing, "fine-tuned": FINE_TUNED}
        found = {
            label: measured(self.record, mixing, self.by_hand) for label, mixing in ends.items()
        }
        return {label: domains for label, domains in found.items() if domains}

    @property
    def label(self) -> str:
        """The name of the described classifier among the columns."""
        ends = {ZERO_SHOT: "zero-shot", FINE_TUNED: "fine-tuned"}
        return ends.get(self.mixing, str(self.mixing))

    @property
    def changes(self) -> dict[str, Change]:
        """Against zero-shot on the same images, by domain; empty where it was not tested."""
        by_hand = {one.mixing: one.changes for one in self.by_hand}
        known = {
            FINE_TUNED: self.record.changes.get("fine-tuned", {}),
            self.record.mixing: self.record.changes.get("recommended", {}),
            **by_hand,
        }
        return known.get(self.mixing, {})

    @property
    def gate(self) -> str:
        """What the gate of a steady mixing does, in a sentence; empty without."""
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
        """All that were measured."""
        return list(self.record.evaluations["zero-shot"].domains)

    @property
    def choice(self) -> str:
        """How α came about, and what that means for the numbers."""
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


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {_plain(one)}" for name, one in value.items())
    text = str(value)
    return Path(text).name if text.startswith(("/", "~", "\\\\")) or text[1:3] == ":\\" else text
