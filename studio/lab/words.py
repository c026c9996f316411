"""Sentences of the robustness lab."""

from typing import ClassVar

from studio.frame.words import Charts as Charts
from studio.frame.words import Common as Common
from studio.frame.words import Domains as Domains
from studio.frame.words import Numbers as Numbers
from studio.live.words import Verdict as Verdict
from studio.workspace.words import Runs as Runs


class Lab:
    """The robustness lab."""

    title = "Robustness lab"
    lead = "How much of the gain can you keep without breaking on other domains?"
    empty = "The lab opens when a run has finished"
    empty_text = "It then shows what fine-tuning gained on your images and what it cost elsewhere."
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


class Photo:
    """One photo or a frame of the camera, asked about."""

    lead = "Drop one photo. It stays on this machine and is not added to the data."
    drop = "Drop, paste or choose a photo"
    look_closer = "Where did the model look? Open this image"
    camera = "Use the camera"
    camera_snap = "Take the photo"
    camera_close = "Close the camera"
    camera_sees = "What the camera sees"
    camera_none = "No camera was found on this device. Drop or choose a photo instead."
    camera_refused = (
        "The browser does not let this page use the camera. Allow it beside the address, or drop a "
        "photo instead."
    )
    camera_busy = "The camera gives no picture; another program may be using it. Close that one."
    camera_insecure = (
        "Browsers give a camera to secure pages only: open the studio by https, or on its own "
        "machine as localhost. Or drop a photo instead."
    )
    asking = "Looking at the photo …"
    alt = "The photo you dropped"
    gate: ClassVar = {
        "like-tuned": (
            "This photo looks like your training images ({familiarity}), so the tuned model "
            "answers it (a share of {share})."
        ),
        "like-both": (
            "This photo looks rather like your training images ({familiarity}), so the tuned "
            "model and zero-shot answer it together, the tuned one with a share of {share}."
        ),
        "unlike-both": (
            "This photo looks rather unlike your training images ({familiarity}), so zero-shot "
            "and the tuned model answer it together, the tuned one with a share of {share}."
        ),
        "unlike-zero": (
            "This photo looks unlike your training images ({familiarity}), so zero-shot answers it."
        ),
        "unlike-tuned": (
            "This photo looks unlike your training images ({familiarity}), but the base model "
            "hardly knows these classes, so the tuned model answers it, too (a share of {share})."
        ),
    }
    familiar = (
        "What it shows is like the training images: {similarity} to the nearest, {threshold} or "
        "more is usual."
    )
    abstain = (
        "What it shows is unlike the training images: {similarity} to the nearest, below the "
        "{threshold} that {accepted} of held-out images reach. Better not to trust an answer here."
    )
    unknown = (
        "How familiar this photo is cannot be told: the run is an ensemble, or its data has moved."
    )
    map = "Show where α looked"
    maps: ClassVar = {
        "rollout": "Attention rollout over the patches: a hint, not a proof.",
        "relevance": "Gradient times activation for the first answer: a hint, not a proof.",
    }
    no_map = "This kind of tower gives no map."


class Prototypes:
    """The prototypes of the robustness lab."""

    title = "What the templates say besides the class"
    text = (
        "Shows the spurious prototypes: what each prompt template says whatever the class. Leave "
        "templates out, see what becomes of outliers and clusters, and train with your choice. It "
        "takes a few seconds once, and is kept."
    )
    button = "Look at the prototypes"
    waiting = "Reading the templates with the text tower …"
    colour_by = "Colour by"
    by: ClassVar = {"use": "use", "cluster": "cluster"}
    plane = "Plane"
    summary = "Outliers and clusters"
    over = "each averaged over {n} classes"
    as_run = "as this run"
    again = "re-estimated"
    rows: ClassVar = {
        "included": "Templates included",
        "kept": "Kept",
        "odd": "Left out as odd",
        "centres": "Clusters",
    }
    changed = "{n} templates have another use: {names}."
    changed_one = "One template has another use: {names}."
    changed_more = "{names} and {n} more"
    unchanged = "No other template has another use."
    estimating = "Estimating again without the excluded templates …"
    picture = "Templates in the plane"
    notes: ClassVar = {
        "tsne": "t-SNE: near dots say alike things. A centre is drawn amid its templates.",
        "pca": "PCA: {explained} of all variance. A centre is the mean of its templates.",
    }
    arrows = "Arrows lead from a centre before to the one that shares most templates after."
    label = (
        "{n} templates in the plane of {plane}: {kept} kept, {odd} left out as odd, "
        "{centres} clusters."
    )
    uses: ClassVar = {
        "kept": "kept ({n})",
        "odd": "left out as odd ({n})",
        "excluded": "excluded ({n})",
        "centre": "centre ({n})",
        "before": "centre before ({n})",
    }
    use: ClassVar = {"kept": "kept", "odd": "left out as odd", "excluded": "excluded"}
    columns: ClassVar = ("template", "use", "cluster")
    columns_again: ClassVar = ("template", "use before", "cluster", "use after", "cluster")
    choose = "Templates to include"
    filter = "Filter templates"
    none = "No template has this word."
    estimate = "Re-estimate"
    everything = "Include all"
    use_in_run = "Use these in a new run"
    used = "The form of the next run leaves out {n} templates."
    used_all = "The form of the next run includes all templates."
    not_ready = "The list of methods has not come yet. Try again in a few seconds."
    no_method = "No method here has spurious prototypes."
    drift = "Training features between the prototypes"


class Shots:
    """The shots curve, and what to label next."""

    curve = "Accuracy by shots"
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


class Space:
    """The feature space of the robustness lab."""

    tab = "Feature space"
    title = "Where your images lie"
    text = (
        "Puts the image features of zero-shot CLIP and of the α you chose into one plane, and "
        "measures how far apart classes and domains are. It takes some seconds once, and is kept."
    )
    button = "Map the features"
    waiting = "Mapping the features of both models …"
    ends: ClassVar = {"zero-shot": "Zero-shot", "alpha": "Fine-tuned, at the chosen α"}
    columns: ClassVar = {"zero-shot": "zero-shot", "alpha": "α = {alpha}"}
    colour_by = "Colour by"
    by: ClassVar = {"class": "class", "domain": "domain"}
    plane = "Plane"
    planes: ClassVar = {"tsne": "t-SNE", "pca": "PCA"}
    apart = "How far apart"
    groups: ClassVar = {"class": "Classes", "domain": "Domains"}
    apart_note = (
        "Mean silhouette over cosine distances in the whole space, not in the plane: 1 is far "
        "apart, 0 is one on top of the other. Training should part the classes and leave the "
        "domains together."
    )
    all_shown = "All {n} measured images are shown."
    part_shown = "{n} of {measured} measured images are shown, evenly over domains and classes."
    unmoved = "This method left the image tower as it was, so both pictures are the same."
    few = "There are too few images for t-SNE."
    notes: ClassVar = {
        "tsne": "t-SNE keeps who is near whom; distances between groups mean little.",
        "pca": "PCA shows the two directions that vary most: {explained} of all variance.",
    }
    hardest = "Named are the {n} classes that lie least apart at the chosen α."
    others = "other classes ({n})"
    group: ClassVar = {"class": "class", "domain": "domain"}
    separation = "separation"
    nearest = "nearest other"
    label = "{end}: {n} images by {by} in the plane of {plane}. Separation: {separation}."
