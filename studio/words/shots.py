"""The shots curve, and what to label next."""

from typing import ClassVar


class Shots:
    """The shots curve, and what to label next."""

    curve = "Accuracy by shots"
    sides: ClassVar = {"id": "ID", "ood": "OOD"}
    axis = "labelled images per class (shots)"
    at = "{shots} shots: {accuracy} (n = {n}, mean of {draws})"
    said = "{accuracy} at {shots} shots"
    zero = "zero-shot"
    columns: ClassVar = (
        "what",
        "on",
        "shots",
        "accuracy",
        "95 % interval",
        "n",
        "mean of",
    )
    note = (
        "Solid: runs that differ from this one in shots and seed only, each at the α it chose. "
        "Dotted: no training, text and image prototypes in equal parts. Dashed: zero-shot. "
        "OOD is the plain mean of the domains. Bars: 95 % interval over the images."
    )
    untrained = "no training"
    offer = "What would more images bring?"
    offer_text = (
        "From fixed features, without training, in seconds: the curve from 1 to 16 shots, and the "
        "classes that gain most from more images."
    )
    button = "Measure it"
    waiting = "Measuring the curve on fixed features …"
    no_data = (
        "The images of this run are not on this studio's shelf, so what more of them would bring "
        "cannot be measured."
    )
    more = "The solid curve of {method} has a point for each number of shots that has a run."
    queue = "Queue {method} at {shots} shots"
    none_missing = "Every point that these images allow has a run already. See the queue."
    label_next = "What to label next"
    label_best = (
        "Label {name} next: {more} more images should bring that class {gains}, less what others "
        "lose to it."
    )
    label_gain = "{expected} on {side} ({low} to {high})"
    label_unclear = (
        "With so few measured images no class is clear of chance. The best guess is {name}: {more} "
        "more images of it, {gains}. More test images would say it better."
    )
    label_nothing = (
        "More of the same should bring nothing to any class: the newer half of the images did not. "
        "Label images unlike those you have."
    )
    label_columns: ClassVar = {
        "class": "class",
        "images": "shots",
        "accuracy": "{side} accuracy",
        "expected": "{side}, as many again",
    }
    label_alone = "One image or none to learn from, so nothing can be told: {names}. Label these."
    label_rest = "The other {n} classes"
    label_note = (
        "An estimate: measured with {model} as it came, without training, by leaving out the "
        "newer half of one class's images; as many again should bring half of what that half did. "
        "Intervals (95 %) are about the images measured and the draws of the shots. Training "
        "may answer differently, and images unlike these may bring more."
    )
