"""Sentences, counts and charts of every tab."""

from typing import ClassVar

from studio.workspace.words import Workspace as Workspace


class Words:
    """Base of a panel's sentences, which are class attributes in the panel's own module.

    The sentences of a room are in its `words.py`.
    """


class Brand:
    """The name and the claim."""

    name = "Evenkeel"
    line = "Better on your images, steady on everything else"


class Charts:
    """Keys, axes, tables, and text alternatives of charts."""

    table = "Table"
    epoch = "Epoch"
    epoch_shown = "Epoch shown"
    step = "step"
    each_step = "each step"
    smoothed = "smoothed"
    loss = "loss"
    loss_label = "Training loss over {n} steps, now {loss}."
    accuracy_columns: ClassVar = ("domain", "step", "accuracy", "vs zero-shot", "n")
    accuracy_label = "Accuracy by domain at step {step}: {domains}."
    at_step = "step {step}"
    domain_columns: ClassVar = ("domain", "zero-shot", "now", "change", "95 % interval", "n")
    own = "{n} of {of} classes · among these {accuracy}"
    own_help = (
        "The accuracy is over all classes. Among the classes that the domain has, as ImageNet-R "
        "and ImageNet-A are reported, it is this; it enters no mean."
    )
    every_alpha = "every α"
    this_alpha = "this α"
    weights_alone = "weights alone"
    steady = "steady"
    how_mixed = "mixing"
    ends: ClassVar = {"zero-shot": "zero-shot", "fine-tuned": "fine-tuned"}
    id_axis = "accuracy on your images (ID), %"
    ood_axis = "mean OOD accuracy, %"
    alpha_axis = "α, %"
    frontier_label = "{title}: {n} measured points."
    template = "template ({n})"
    odd = "left out ({n})"
    centre = "centre ({n})"
    image = "image"
    way = "way since epoch 0"
    class_mean = "class mean"
    kept = "kept"
    left_out = "left out"
    prototypes_columns: ClassVar = ("template", "use", "cluster")
    prototypes_label = (
        "{kept} prompt templates kept, {odd} left out as odd, {centres} cluster centres; training "
        "features after epoch {epoch}."
    )
    sure_and_right = "{sure} sure, {right} right"
    effects: ClassVar = {
        "night": "night",
        "blur": "blur",
        "jpeg": "JPEG",
        "grey": "grey",
        "sketch": "sketch",
        "noise": "noise",
        "crop": "crop",
        "background": "background",
    }


class Numbers:
    """Singular and plural of counted things, and lists."""

    listed = "{first} and {last}"
    images: ClassVar = ("image", "images")
    test_images: ClassVar = ("test image", "test images")
    classes: ClassVar = ("class", "classes")
    domains: ClassVar = ("OOD domain", "OOD domains")
    others: ClassVar = ("other domain", "other domains")
    files: ClassVar = ("file", "files")
    left_out: ClassVar = ("file left out", "files left out")
    settings: ClassVar = ("setting", "settings")
    error: ClassVar = ("error", "errors")
    warning: ClassVar = ("warning", "warnings")


class Common:
    """Sentences that several tabs share."""

    unknown_action = "This page has no such action. Reload it."
    starting = "The studio is still starting. What you asked for is queued as soon as it can be."
    model = "Model"
    data_set = "Data set"
    retry = "Try again"
    close = "Close"
    more_shown = "The first {shown} of {n} are shown."
    mixings: ClassVar = {"wise": "α = {alpha}", "steady": "α = {alpha}, steady"}
    to_live = "Watch the run"
    to_train = "Go to Train"
    states: ClassVar = {
        "queued": "queued",
        "running": "running",
        "paused": "paused",
        "waiting": "waiting for room",
        "interrupted": "interrupted",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
    }
    leaks_tag = "leaks allowed"
    copy = "Copy"
    older = "Show older runs"


class Domains:
    """Domains by their role."""

    id_role = "ID"
    domain_titles: ClassVar = {"train": "train", "val": "validation", "test": "test"}
    id = "Your images (ID)"
    sides: ClassVar = {"id": "ID", "ood": "OOD"}
