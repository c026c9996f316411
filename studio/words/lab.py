"""The robustness lab."""

from typing import ClassVar


class Lab:
    """The robustness lab."""

    title = "Robustness lab"
    lead = "How much of the gain can you keep without breaking on other domains?"
    empty = "The lab opens when a run has finished"
    empty_text = "It then shows what fine-tuning gained on your images and what it cost elsewhere."
    to_live = "Watch the run"
    tabs: ClassVar = {
        "wise": "Mixing weight α",
        "errors": "Errors",
        "calibration": "Calibration",
        "drift": "Drift",
        "shots": "Shots",
        "prototypes": "Prototypes",
        "photo": "Try a photo",
    }
    alpha = "Mixing weight α"
    alpha_range = "α must be between 0 and 1, got {alpha}."
    mixings: ClassVar = {"wise": "α = {alpha}", "steady": "α = {alpha}, steady"}
    no_gate = "This run was made before runs had a gate. Train it again."
    steady = "Steady"
    steady_hint = (
        "Images unlike the training images are left to zero-shot CLIP; all others are answered at "
        "this α."
    )
    steady_part = (
        "Validation shows that the base model is weak on these classes, so the tuned model has a "
        "{share} share in images unlike the training images; all others are answered at this α."
    )
    steady_weak = (
        "Validation shows that the base model hardly knows these classes, so images unlike the "
        "training images are the tuned model's, too."
    )
    familiar = "{familiar} of {n} look like your training images"
    choice = "α chosen on"
    choices: ClassVar = {
        "val": "validation images",
        "default": "nothing: the default",
        "fixed": "nothing: the combination",
        "oracle": "test images",
    }
    half_of = "half of {domain}"
    set_by_hand = "nothing: set by hand"
    half_badge = "Chosen on half of {domain} ({chosen}), reported on the other {reported}"
    other_half = "the other half, n {n}"
    alpha_low = "zero-shot"
    alpha_high = "fine-tuned"
    jump = "back to the chosen α"
    to_export = "Export this model"
    mark: ClassVar = {
        "val": "chosen on validation",
        "default": "the default",
        "fixed": "the combination",
        "oracle": "the combination",
    }
    instant = (
        "≈ is read between the measured points, of which there are {count}. When the slider rests "
        "this α is measured exactly."
    )
    measuring = "Measuring this α on every image …"
    exact = "Measured exactly at this α in {seconds} s."
    known = "Measured exactly at this α."
    chosen_on: ClassVar = {
        "val": "Chosen on validation images: these numbers stay honest",
        "default": "No validation images: α is the default, not a choice",
        "fixed": "The combination as it is: α = 1 was not searched for",
        "oracle": "Made by looking at test images (oracle): test numbers are not honest",
    }
    by_hand = "Set by hand while looking at {domains}: read these numbers as optimistic"
    table = "Table"
    frontier = "ID against OOD for every α"
    frontier_note = (
        "Every mark is one α that was measured. To the right is better on your images. Up is "
        "better on the other domains; without any, up is just a larger α."
    )
    sentence = (
        "{mixing}: {id} on your images, {ood} on the mean of {n} other domains, against zero-shot."
    )
    sentence_one = "{mixing}: {id} on your images, {ood} on the other domain, against zero-shot."
    sentence_id = "{mixing}: {id} on your images, against zero-shot."
    id = "Your images (ID)"
    prototypes_lead = (
        "Every dot is a prompt template, written as CLIP sees it. Templates that an isolation "
        "forest finds odd (×) are left out; the rest is grouped by k-means (◆). Training "
        "features drift between those groups as epochs pass: the less, the better the "
        "alignment held."
    )
    inspect_title = "Every image, one by one"
    inspect_text = (
        "Zero-shot, the mixing you chose and the fine-tuned weights answer for every measured "
        "image. "
        "It takes a few seconds once, and is kept."
    )
    inspect_button = "Look at every image"
    inspecting = "Asking the three models about every image …"
    columns: ClassVar = {
        "zero-shot": "zero-shot",
        "fine-tuned": "fine-tuned",
    }
    answers_of = "Answers of"
    domain = "Domain"
    confusion = "What is taken for what"
    confusion_note = "Rows are the true class, columns the answer. A cell opens its images."
    confusion_part = "The {shown} of {n} classes with the most errors are shown."
    right_of = "{right} of {n} right"
    true_class = "True class"
    said_class = "Taken for"
    cell = "{actual} taken for {said}: {n}"
    pairs = "Most often confused"
    no_errors = "Nothing is confused here: every answer is right."
    gallery = "Images of this cell"
    empty_cell = "This model makes no such answer on this domain. Choose another cell."
    no_pictures = "The images are not on this studio's shelf, so only the answers are shown."
    reliability = "Reliability: how sure, and how often right"
    reliability_note = (
        "On the dashed line a model is right as often as it says. Below it, it is too sure. Faint: "
        "with the temperature. Larger marks hold more images."
    )
    confidence = "how sure the answer is"
    accuracy = "how often it is right"
    diagonal = "right as often as said"
    as_it_is = "as it is"
    with_temperature = "with T"
    bin_columns: ClassVar = ("domain", "how", "confidence", "n", "mean confidence", "accuracy")
    ece_title = "Calibration error (ECE)"
    ece_note = "How far confidence is from accuracy, on average over 15 bins; smaller is better."
    temperature = "Temperature"
    temperature_note = (
        "The temperature T divides the logits; one for each model, fitted on {n} validation images "
        "(lowest NLL). It changes no answer, only how sure it is."
    )
    no_temperature = "There are no validation images, so no temperature is fitted."
    fitted_here = "(fitted here)"
    distortion = "Feature distortion by domain"
    distortion_note = (
        "How far the fine-tuned tower moved an image's unit features from CLIP's, on average: 0 is "
        "not at all, 2 the most there is. Little on OOD means that CLIP's knowledge was kept."
    )
    energy_gap = "Energy gap by domain"
    energy_gap_note = (
        "How much training changed what images and random texts have to do with each other "
        "(squared, averaged over the texts); 0 is not at all. It grows with the model's own "
        "temperature: compare domains, not models."
    )
    no_drift = (
        "This run holds no drift: an older version trained it, or it is an ensemble. Train it "
        "again to see it."
    )
    no_gap = "The text tower of this model cannot read random texts, so there is no energy gap."
    stress = "Stress set (synthetic)"
    stress_note = (
        "Synthetic: the test images changed by eight effects, not photos of another place. No part "
        "of any OOD number. Bars: 95 % interval."
    )
    stress_worst = "Lowest after fine-tuning"
    stress_columns: ClassVar = (
        "effect (synthetic)",
        "zero-shot",
        "fine-tuned",
        "95 % interval",
        "change",
        "n",
    )
    no_stress = (
        "No stress set was measured: it is when a data set has no OOD folder, or when the run was "
        "asked for it."
    )
