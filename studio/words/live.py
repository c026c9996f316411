"""Live: a run while it goes."""

from typing import ClassVar


class Live:
    """The live place."""

    title = "Live run"
    run = "{method} · {shots} shots · seed {seed}"
    unknown_run = "There is no such run here. Choose one from the queue."
    share = "Copy read-only link"
    unshare = "Stop sharing"
    link = "Whoever has this link sees this run, and nothing else. It is shown only now."
    shared = "Shared by link ({n})"
    unshared = "No link shows this run any more."
    empty = "No run yet"
    empty_text = "Queue one, and its curves appear here while it trains."
    to_train = "Go to Train"
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
    queued = "Waits in the queue"
    interrupted = "Its process ended. It goes on by itself from its last checkpoint"
    queued_at = "Place {n} in the queue"
    epoch = "epoch {epoch} of {epochs}"
    say = "Name, tags and note"
    run_name = "Name"
    tags = "Tags"
    tags_hint = "with commas between"
    note = "Note"
    save = "Save"
    described = "Saved: the queue's search finds it."
    step = "step {step} of {steps}"
    part = "{step} of {steps}"
    verdict = "Verdict"
    going_on = "This stands. The run goes on measuring the rest of the frontier for the lab."
    eta = "left"
    eta_help = "estimated time left in this phase"
    speed = "images/s"
    device = "device · {memory}"
    device_help = "how busy the run keeps the device, and the memory it holds there"
    device_memory = "device memory"
    elapsed = "elapsed"
    id_gain = "ID vs zero-shot"
    ood_gain = "OOD vs zero-shot"
    asked: ClassVar = {
        "pause": "pausing: it keeps what it has learned first",
        "stop": "ending: it keeps what is best so far",
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
    log_empty = "Nothing said yet."
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
    leaks_tag = "leaks allowed"
    failed_next = (
        "What to try: read the sentence above, change the setting it names, and queue it again."
    )
    failed_button = "Open it in Train"
    cancelled = "This run was cancelled. Nothing was published."
