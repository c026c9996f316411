"""Sentences of the Live run tab: the state of a run, its curves, its verdict."""

from typing import ClassVar

from studio.frame.words import Charts as Charts
from studio.frame.words import Common as Common
from studio.frame.words import Numbers as Numbers
from studio.workspace.words import Runs as Runs


class Steer:
    """Actions on a run."""

    titles: ClassVar = {
        "advance": "Move up",
        "pause": "Pause",
        "resume": "Resume",
        "stop": "Stop and keep best",
        "retry": "Try again",
        "cancel": "Cancel",
    }
    sure: ClassVar = {
        "stop": "End this run now? It keeps its best weights so far and is measured with them.",
        "cancel": "Cancel this run? What it has trained so far is lost.",
    }


class Live:
    """The Live run tab."""

    title = "Live run"
    share = "Copy read-only link"
    unshare = "Stop sharing"
    link = "Anyone with this link can see this run, and nothing else. The link is shown only now."
    shared = "Shared by link ({n})"
    unshared = "No link shows this run any more."
    empty = "No run yet"
    empty_text = "Queue one, and its curves appear here while it trains."
    phases: ClassVar = {
        "": "starting",
        "data": "reading the images",
        "zero-shot": "measuring zero-shot",
        "training": "training",
        "measuring": "measuring the fine-tuned model",
        "gate": "learning what is familiar",
        "choosing": "choosing the mixing weight",
        "wise": "measuring the frontier",
        "stress": "measuring the stress set",
        "drift": "measuring what moved",
        "saving": "saving the weights",
        "done": "finished",
    }
    queued = "Waits in the queue"
    interrupted = "Its process ended. It resumes automatically from its last checkpoint"
    queued_at = "Place {n} in the queue"
    epoch = "epoch {epoch} of {epochs}"
    say = "Name, tags and note"
    run_name = "Name"
    tags = "Tags"
    tags_hint = "separated by commas"
    note = "Note"
    save = "Save"
    described = "Saved. The search in the queue finds it."
    step = "step {step} of {steps}"
    part = "{step} of {steps}"
    verdict = "Verdict"
    going_on = "This result is final. The run still measures the rest of the frontier for the lab."
    eta = "left"
    eta_help = "estimated time left in this phase"
    speed = "images/s"
    device = "device · {memory}"
    device_help = "load of the device by this run, and the memory that the run uses there"
    device_memory = "device memory"
    elapsed = "elapsed"
    id_gain = "ID vs zero-shot"
    ood_gain = "OOD vs zero-shot"
    asked: ClassVar = {
        "pause": "pausing: saving what it has learned",
        "stop": "ending: keeping the best weights so far",
        "cancel": "cancelling",
    }
    duplicate = "Duplicate"
    to_lab = "See what it gained and what it broke"
    safe = "Closing this tab does not stop the run."
    loss = "Training loss"
    loss_empty = "The loss appears with the first step."
    accuracy = "Accuracy by domain"
    accuracy_empty = "The first points are zero-shot, before training starts."
    accuracy_note = "Dashed: zero-shot of the same domain. Bars: 95 % interval."
    updates = "Inside the training"
    updates_empty = "Gradient norm and learning rate appear with the first gradient step."
    updates_note = (
        "Top: length of the gradient before it is clipped. Middle: learning rate. Bottom: training "
        "images against the start, by their features (0 to 2) and by their distribution over the "
        "spurious prototypes (KL, nats), which FD-Align holds down."
    )
    gradient = "gradient norm"
    rate = "learning rate"
    moved = "features moved"
    divergence = "prototype drift"
    prototypes = "What training must not move"
    prototypes_empty = (
        "Prompt templates, their clusters and the drift of the training images appear with "
        "the first epoch."
    )
    log = "Log"
    log_empty = "No messages yet."
    log_more = "Download the events"
    domains = "By domain"
    below = (
        "{domain} is {change} from zero-shot, below its interval. You can let it go on: the "
        "mixing weight α, chosen at the end, often brings it back."
    )
    leaks_allowed = (
        "Leaks are allowed: images that both teach and measure are left out of training, and the "
        "record will say how many."
    )
    failed_next = (
        "What to try: read the sentence above, change the setting it names, and queue it again."
    )
    failed_button = "Open it in Train"
    cancelled = "This run was cancelled. Nothing was published."


class Verdict:
    """The verdict on a run, and its parts."""

    at_home: ClassVar = {
        "better": "{mixing}: accuracy on your images rose from {zero} to {now} ({change}, n = {n})",
        "held": (
            "{mixing}: accuracy on your images held, {zero} before and {now} now ({change}, "
            "n = {n})"
        ),
        "worse": "{mixing}: accuracy on your images fell from {zero} to {now} ({change}, n = {n})",
        "clearly": (
            "{mixing}: accuracy on your images fell clearly, from {zero} to {now} ({change}, "
            "n = {n})"
        ),
    }
    untested = "{mixing}: accuracy on validation images goes from {zero} to {now}"
    moved: ClassVar = {
        "better": "rose",
        "held": "held",
        "worse": "fell",
        "clearly": "fell clearly",
    }
    tested = "{moved} ({low} to {high})"
    domain = "{name} {moved} ({change}, n = {n})"
    held = "{names} held"
    all_held = "all {n} other domains held"
    others_held = "the other {n} held"
    whole = "{gain}; {elsewhere}"
    mean = "{said}; mean of {n} other domains {change} ({moved})"
    mean_of = "the mean of {n} other domains"
    other_domain = "the other domain"
    alone = "The tuned weights alone (α = 1) would have changed {where} by {change}."
    how = (
        "Rose, fell and held come from a paired test against zero-shot on the same images, "
        "corrected for the number of domains. Held: these images show no difference."
    )
    no_ood = "{gain}. Without OOD images its cost on other domains is not known."
    gain = "At α = {alpha} accuracy on your images goes from {zero} to {now} ({change}, n = {n})"
    fallen = (
        "the other domains change by {change} on average, and {names} fell below the interval of "
        "zero-shot"
    )
    gained = "the other domains gain {change} on average"
    lost = "the other domains lose {change} on average, within their intervals"
    holds = "the other domains hold ({change} on average)"
    keep_zero_shot = (
        "On the validation images no mixture beat zero-shot, so α = 0 is chosen: plain CLIP. "
        "Fine-tuning alone (α = 1) shows {gain}; more validation images would tell them apart."
    )
    keep_id = "{id} on your images"
    keep_both = "{id} on your images and {ood} on the mean of {n}"
    same_answers = "Both get the same ones right of {images}."
    cannot_tell = "{images} cannot separate these two runs."
    more = "{images} more right of {n}."
    fewer = "{images} fewer right of {n}."
