"""Sentences of the Data tab."""

from typing import ClassVar

from studio.frame.words import Charts as Charts
from studio.frame.words import Common as Common
from studio.frame.words import Domains as Domains
from studio.frame.words import Numbers as Numbers
from studio.workspace.words import DataSets as DataSets


class Data:
    """The Data tab."""

    title = "Data"
    start = "Start with your images"
    lead = (
        "Evenkeel fine-tunes CLIP on a handful of labelled images and shows, at every step, "
        "what that does to images that look different."
    )
    points: ClassVar = (
        (
            "Zero-shot first",
            "What CLIP can already do is measured before any training. That is the line to beat.",
        ),
        (
            "Two kinds of images",
            "Your own images (in-distribution, ID) and the same classes in another style, camera "
            "or season (out-of-distribution, OOD).",
        ),
        (
            "One slider",
            "After training you choose how much of the fine-tuning to keep, and export exactly "
            "that model.",
        ),
    )
    demo_title = "Try the demo"
    demo_text = (
        "Everyday things in several drawing styles. Train on one style; the others show what "
        "breaks."
    )
    demo_button = "Open the demo"
    demo_note = "Ships with Evenkeel, works without a network"
    drop_title = "Use your own images"
    drop_text = "Drop a folder with one sub-folder per class, or a zip of it."
    drop_id = "Add labelled images"
    drop_ood = "Add an OOD domain"
    drop_id_text = "A folder per class; more images of the classes you train on."
    drop_ood_text = "The same class folders in another style. Never trained on, only measured."
    pick_folder = "Choose a folder"
    pick_zip = "or a zip"
    example_id = "animals/\n├ tabby cat/   16 jpg\n└ red fox/     16 jpg"
    example_ood = "sketches/\n├ tabby cat/   16 jpg\n└ red fox/     16 jpg"
    summary = "{images} · {classes} · {domains}."
    verdict = (
        "Zero-shot CLIP already scores {accuracy} on your images (95 % interval {interval}, n "
        "= {n}): the line to beat."
    )
    verdict_wait = "Measuring what CLIP can do before any training …"
    verdict_first = (
        "The first time takes a few seconds: the model is loaded and every image is read once."
    )
    next = "Continue to training"
    classes = "Classes"
    zero_title = "Zero-shot accuracy"
    zero_sub = "before any training"
    second_row = "Second row:"
    zero_note = (
        "Bars show the 95 % interval (Wilson). These are the images that runs are measured on; the "
        "bars of the classes count all of yours."
    )
    stress = "Stress set"
    stress_sub = "synthetic, built in"
    stress_lead = (
        "There is no OOD domain yet, so runs are also judged on these eight changes of your test "
        "images. They enter no OOD number and are no real domain: an OOD domain of your own, "
        "added below, replaces them."
    )
    stress_alt = "One of your images under the effect {effect}"
    stress_unknown = "after a run"
    stress_note = (
        "Zero-shot accuracy on each, from the newest run with this model and these prompts. The "
        "lab shows it next to the fine-tuned model."
    )
    health = "Data health"
    health_wait = "Looking at every image …"
    understood = "How the folders were read"
    nothing_ignored = "No file was left out."
    model = "Model"
    model_help = (
        "The embedded demo model, any open_clip name as ARCHITECTURE/PRETRAINED, or the path "
        "of a checkpoint."
    )
    templates = "Prompts"
    few = "few images"
    exclude_n = "Exclude {n}"
    exclude = "Exclude"
    include = "Include again"
    include_all = "Include all again"
    review = "Review"
    excluded = "Left out by hand ({n})"
    excluded_note = "Nothing was deleted: these stay in the data set's folder."
    allow_leaks = "Train without them"
    leaks_allowed = "Training may go on without them; every run then says so."
    ask_again = "Block training again"
    more_classes = "Show more classes"
    open_class = "Open class {name}"
    class_name = "Name in prompts"
    use_names = "Use these names"
    keep_names = "Keep these names"
    no_names = "Write at least one name first: what a person would call the class."
    name_of = "Name of class {folder}"
    names_cut = "The first {shown} of {n} are shown; the button takes all."
    names_wait = "Measuring zero-shot under both names …"
    names_gain = (
        "Zero-shot on the same {n} images: {before} by their own names, {after} by these words."
    )
    save = "Save"
    prompt = "Prompt: {text}"
    class_folder = "Folder {folder}"
    choose = "Choose {path}"
    move_to = "Move to"
    move = "Move"
    nothing_chosen = "Choose images first: tick the box under each."
    templates_own = "Prompts of this data set"
    templates_help = "One per line, with {} for the class name. Empty: the default ones."
    group_by = "Keep images together"
    group_help = (
        "Images of one group, such as frames of a video, are never split between training, "
        "validation and test."
    )
    groupings: ClassVar = {
        "none": "No groups",
        "prefix": "By file name, up to its last number",
        "folder": "By folder inside the class",
        "time": "By time of capture (EXIF)",
    }
    settings = "Prompts and groups"
    delete = "Delete this data set"
    delete_sure = "Delete this data set and its images from the studio? This cannot be undone."


class Drop:
    """Messages of the drop zone while it works, used in the browser."""

    sending = "Sending {done} of {all} files"
    reading = "Reading the folders …"
    failed = "The upload stopped."


class PromptSets:
    """Prompts that can be chosen without typing."""

    own = "my own"
    of_data = "the data set's own"
    usual = "the default ones (openai-80)"
