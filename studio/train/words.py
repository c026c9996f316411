"""Sentences of Train: methods, settings, prompts, the split, and the next run."""

from typing import ClassVar

from studio.data.words import PromptSets as PromptSets
from studio.frame.words import Charts as Charts
from studio.frame.words import Common as Common
from studio.frame.words import Domains as Domains
from studio.frame.words import Numbers as Numbers


class Prompts:
    """Templates and their accuracy."""

    title = "Prompts"
    templates = "Templates"
    lines = "One per line, {} stands for the class name"
    filled = "With class names in them"
    more = "and {n} more"
    score = "Zero-shot, {side}"
    change = "{change} from the data set's"
    measuring = "measuring …"
    help = (
        "For this run: its zero-shot start and its class head. They are measured when you stop "
        "typing. Choosing prompts by test accuracy makes that accuracy optimistic."
    )
    other_prototypes = (
        "This method makes its spurious prototypes from {set}, not from the prompts above."
    )
    use_for_prototypes = "Make them from these prompts"
    prototypes = "Spurious prototypes before training"
    prototypes_wait = "Reading the prompts …"


class Train:
    """The Train tab."""

    title = "Train"
    lead = (
        "Choose how to fine-tune. Nothing starts before you queue it, and what you queue is frozen."
    )
    no_data = "Training needs images first"
    no_data_text = "Open the demo or drop a folder. Both take at most a minute."
    to_data = "Go to Data"
    methods = "Method"
    paper = "Paper"
    families: ClassVar = {
        "fine-tuning": (
            "Fine-tuning",
            "The image tower is trained. Most of these methods also keep it close to CLIP; steady "
            "mixing then uses zero-shot for images unlike yours.",
        ),
        "features": (
            "Adapters on frozen features",
            "The image tower does not change, so training takes seconds. The adapter learns only "
            "your images, and can lose accuracy on others.",
        ),
        "prompts": (
            "Learned prompts",
            "Both towers stay unchanged and only the prompt is learned. This, too, can lose "
            "accuracy on other images.",
        ),
        "baseline": ("Baselines", "The other methods are compared with these."),
    }
    recommended = "recommended"
    recommendation = "Recommended: {title}."
    take_it = "Choose it"
    yours = "{images} images a class, {domains}"
    other_domains = ("other domain", "other domains")
    no_ood = "no other domains"
    reason = "{yours}: on our data set “{where}” it {what}."
    reason_and = " and "
    gained = "gained on such images ({change}{interval})"
    changed_by = "gained nothing on such images ({change}{interval})"
    elsewhere: ClassVar = {
        "rose": "rose elsewhere ({change}{interval})",
        "held": "held elsewhere ({change}{interval})",
        "fell": "fell elsewhere ({change}{interval})",
        "fell-clearly": "fell clearly elsewhere ({change}{interval})",
        "unknown": "changed elsewhere by {change}",
    }
    span = ", {low} to {high}"
    not_measured = (
        "{yours}: our benchmark has nothing like this. We would start with plain fine-tuning: "
        "steady mixing uses zero-shot for images unlike yours."
    )
    clicked = "Mixed as recommended"
    tuned_alone = "Tuned weights alone"
    moved: ClassVar = {
        "rose": "{role} rose ({change}{interval})",
        "held": "{role} held ({change}{interval})",
        "fell": "{role} fell ({change}{interval})",
        "fell-clearly": "{role} fell clearly ({change}{interval})",
        "unknown": "{role} {change}",
    }
    measured_note = (
        "Our own measurement on “{where}”: {images} images a class, {domains}, zero-shot {zero}. "
        "Changes are against zero-shot, OOD is the mean over the other domains. {intervals} Your "
        "images may answer differently; docs/benchmark.md has the tables."
    )
    measured_intervals = (
        "In brackets the 95 % interval over images and seeds: held means that 0 lies in it, fell "
        "clearly that all of it lies below −2 points."
    )
    measured_elsewhere = "Our benchmark has nothing like your images and model. On the cards:"
    knobs = "Settings"
    advanced = "Advanced"
    filter = "Filter by name, key or meaning"
    none_match = "No setting matches this filter."
    default = "default"
    usual = "usual {low} – {high}"
    unusual = "Outside the range worth trying"
    unusual_short = "unusual"
    this_run = "This run"
    same_run = "The same run from elsewhere"
    queue = "Queue training"
    queue_note = "Runs in the worker: closing this tab does not stop it."
    queue_place = "{n} ahead of it in the queue"
    queue_free = "The queue is free: it starts at once"
    shots_fact = "Shots a class, at most"
    to_beat = "Zero-shot to beat, {role}"
    to_beat_wait = "…"
    time = "Time, about"
    memory = "Memory, about"
    changed = "changed"
    auto = "auto"
    labels: ClassVar = {
        "shots": "Shots per class",
        "epochs": "Epochs",
        "lr": "Learning rate",
        "seed": "Seed",
        "allow_fewer": "Allow fewer shots",
        "unseen": "Unseen classes",
        "evaluations": "Measurements during training",
        "precision": "Precision",
        "device": "Device",
        "alphas": "Mixing weights measured",
        "batch_size": "Batch size",
        "weight_decay": "Weight decay",
    }
    helps_short: ClassVar = {
        "shots": "Training images drawn per class.",
        "epochs": "Passes over the shots.",
        "lr": "Step size of the optimiser.",
        "seed": "Which images, in which order.",
    }
    yes = "yes"
    no = "no"
    by_data = "as the data set says"


class Several:
    """More than one run from one form."""

    title = "Several runs at once"
    lead = "Each becomes its own run in the queue; quick methods go first."
    methods = "Methods"
    this_one = "only the chosen one"
    all_of_them = "all of them"
    seeds = "Seeds"
    seed_choices: ClassVar = {"": "× 1", "3": "× 3", "5": "× 5"}
    knob = "Sweep"
    no_knob = "nothing"
    values = "Values"
    queue = "Queue {n} runs"
    too_many = "Several runs: at most {most} at a time, these are more. Take fewer seeds or values."
    no_seed = "Seed: several seeds count up from a whole number, got {seed}."
    no_values = "Values: the settings of {knob} to try, separated by commas, got none."
    queued = "{n} runs are in the queue."
    some_refused = "{n} runs are in the queue. Not queued: {why}"


class BeforeQueue:
    """The split of the next run, and its obstacles."""

    title = "Before you queue"
    split = "Which images do what"
    lead = (
        "Decided once for this data set. Photos that you add later join a part; none changes its "
        "part."
    )
    sides: ClassVar = {"train": "train", "val": "choose", "test": "measure"}
    per_class = "{n} a class"
    per_class_range = "{low} to {high} a class"
    helps: ClassVar = {
        "train": "teach the model",
        "val": "choose the mixing weight",
        "test": "tell how good it is",
    }
    few = (
        "{images}: accuracy on so few is only known to ±{points} points. More photos, or a larger "
        "share to measure on, make it more precise."
    )
    taken = (
        "{images} that would choose or measure will train here, because the training part has "
        "fewer than {shots} shots. This run is measured on fewer images than others."
    )
    no_val = "No image is left to choose α on."
    shares = "Split every class again, as train : choose : measure"
    shares_help = "Runs that are finished keep the split they had."
    split_again = "Split again"
    folds = "Read {title} over all {images}"
    folds_lead = (
        "Honest with few images: each is measured by a head that never saw it. Takes seconds, as "
        "the image tower stays CLIP's."
    )
    folds_waiting = "Measuring {title} in folds …"
    folds_found = (
        "{title}, every image measured by a head that never saw it: {accuracy} ({interval}, "
        "n {n}). Zero-shot on the same images: {zero}. {outcome}"
    )
    outcomes: ClassVar = {
        "better": "The difference is more than chance.",
        "worse": "It is worse than zero-shot by more than chance.",
        "held": "The difference may be chance.",
    }
    given = "Your own folders say which images choose and measure."
    no_evaluator = (
        "The studio's evaluator does not answer. Runs can be queued; zero-shot and the lab have to "
        "wait: {why}"
    )
    try_again = "Try again"
    use_embedded = "Use the embedded model"
    two_classes = "{images} in two classes at once ({such}). Only one can be right."
    leaks = (
        "{images} would be learned from and measured on ({such}). Accuracy on images that were "
        "trained on says nothing."
    )
    leave_out = "Leave them out"
    leave_both_out = "Leave both copies out"
    allow = "Train without them"
    use_shots = "Use {shots} shots, as it is split"
    allow_fewer = "Use all images of small classes"
    disk = (
        "The disk has {free} free, and a run needs {needed}. A queued run waits until there is "
        "room."
    )
    memory = (
        "The run needs about {needed} of memory, and {free} are free. It will compute each batch "
        "in smaller parts, which takes longer."
    )
