"""Every sentence that the studio says. Plain English first, the metric's name second."""

from typing import ClassVar


class Brand:
    """The name and what it stands for."""

    name = "Evenkeel"
    line = "Better on your images, steady on everything else"


class Shell:
    """Header, places, drawer."""

    tabs: ClassVar = {
        "data": "Data",
        "train": "Train",
        "live": "Live run",
        "lab": "Robustness lab",
        "compare": "Compare",
        "export": "Export",
    }
    data_set = "Data set"
    no_data = "No data yet"
    new_data = "New data set"
    model = "Model"
    theme = "Switch between light and dark"
    queue = "Queue"
    device_wait = "Looking for the device"
    local = "Everything stays on this machine"
    skip = "Skip to the content"
    read_only = "This link only shows a run: nothing can be changed through it."
    read_only_chip = "Read-only link"
    too_fast = "A visitor may act {limit} times a minute. Wait a moment and do it again."
    unknown_action = "This page has no such action. Load it anew."
    log_out = "Log out"
    wrong_host = "This studio answers to this machine only. Open it as http://127.0.0.1."
    wrong_origin = "Another web site asked for this, and is refused."
    body_too_large = "A message may have {limit} MB, and this one is larger."
    wrong = "Something went wrong on our side: {kind}. The terminal has the details; try once more."


class Data:
    """The data place."""

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
        "Everyday things drawn by different hands. One style to train on, the others to see what "
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
    upload = "the upload"
    lost_upload = "This upload is not on the server any more. Drop the folder again."
    too_large = "One upload may bring {limit} MiB. Send it in parts, or make the images smaller."
    full = "A workspace may keep {limit} MiB, and this upload would be above that."
    disk_full = "The disk of this studio is full. Tell its owner."
    demo_is_shared = (
        "The demo is shared by everybody here, so nothing can be added to it. Drop your images as "
        "a new data set."
    )
    no_demo = "The owner of this studio has changed the demo. Drop images of your own instead."
    unknown_data = "There is no data set {name!r} here. Open another one or drop a folder."
    unknown_image = "There is no such image in this data set."
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
    zero_note = "Bars show the 95 % interval (Wilson). Accuracy on all images of the domain."
    id_role = "ID"
    domain_titles: ClassVar = {"train": "train", "val": "validation", "test": "test"}
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
    retry = "Try again"
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
    more_shown = "The first {shown} of {n} are shown."
    open_class = "Open class {name}"
    close = "Close"
    class_name = "Name in prompts"
    save = "Save"
    prompt = "Prompt: {text}"
    class_folder = "Folder {folder}"
    choose = "Choose {path}"
    move_to = "Move to"
    move = "Move"
    nothing_chosen = "Choose images first: tick the box under each."
    templates_own = "Prompts of this data set"
    templates_help = "One a line, with {} where the class name goes. Empty: the default ones."
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
    in_use = "A run uses this data set, so it stays. Its images are needed to measure the run."
    not_yours = "This data set is shared by everybody here, so it cannot be changed."


class Login:
    """The door."""

    title = "Log in"
    lead = "This studio asks who you are before it shows anything."
    name = "Name"
    password = "Password"
    button = "Log in"
    wrong = "Name or password is wrong."
    too_many = "More than {limit} wrong passwords in a minute: wait a minute, then try again."
    needed = "Log in to use this studio."
    no_link = "This link shows nothing, or not any more. Ask for a new one."


class Drop:
    """What the drop zone says while it works (used in the browser)."""

    sending = "Sending {done} of {all} files"
    reading = "Reading the folders …"
    failed = "The upload stopped."


class Train:
    """The train place."""

    title = "Train"
    lead = (
        "Choose how to fine-tune. Nothing starts before you queue it, and what you queue is frozen."
    )
    no_data = "Training needs images first"
    no_data_text = "Open the demo or drop a folder; both take a minute at most."
    to_data = "Go to Data"
    methods = "Method"
    paper = "Paper"
    families: ClassVar = {
        "fine-tuning": (
            "Robust fine-tuning",
            "The image tower is trained, and something holds it near what CLIP knew.",
        ),
        "features": (
            "Adapters on frozen features",
            "The image tower stays CLIP's: seconds to train, and it cannot forget.",
        ),
        "prompts": ("Learned prompts", "Both towers stay CLIP's: only the prompt is learned."),
        "baseline": ("Baselines", "What the others are compared with."),
    }
    model_of_list = "model: visitors of this studio choose from its list: {models}."
    measured = "On the demo, 16 shots, {seeds} seeds: ID {id}, OOD {ood} against zero-shot."
    dots_note = (
        "Dots are our own measurement on the demo data: gain on ID, and how little is lost on OOD. "
        "Your images may answer differently; docs/benchmark.md has the table."
    )
    knobs = "Settings"
    advanced = "Advanced"
    filter = "Filter by name, key or meaning"
    none_match = "No setting matches this filter."
    default = "default"
    usual = "usual {low} – {high}"
    unusual = "Outside the range worth trying"
    this_run = "This run"
    same_run = "The same run from elsewhere"
    queue = "Queue training"
    queue_note = "Runs in the worker: closing this tab does not stop it."
    queue_place = "{n} ahead of it in the queue"
    queue_free = "The queue is free: it starts at once"
    waiting = "Asking for the list of methods …"
    waiting_more = "The evaluator starts together with the studio and needs a few seconds."
    to_beat = "Zero-shot to beat, {role}"
    to_beat_wait = "…"
    time = "Time, about"
    memory = "Memory, about"
    estimate_note = "From passes of this model on this device; other work on it comes on top."
    changed = "changed"
    auto = "auto"
    copy = "Copy"
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
    lead = "Each is a run of its own in the queue; the quick methods go first."
    methods = "Methods"
    this_one = "only the chosen one"
    all_of_them = "all of them"
    seeds = "Seeds"
    seed_choices: ClassVar = {"": "× 1", "3": "× 3", "5": "× 5"}
    knob = "Sweep"
    no_knob = "nothing"
    values = "Values"
    values_hint = "for example {low}, {high}"
    queue = "Queue {n} runs"
    too_many = "Several runs: at most {most} at a time, these are more. Take fewer seeds or values."
    no_seed = "Seed: several seeds count up from a whole number, got {seed}."
    no_values = "Values: the settings of {knob} to try, separated by commas, got none."
    queued = "{n} runs are in the queue."
    some_refused = "{n} runs are in the queue. Not queued: {why}"


class Live:
    """The live place."""

    title = "Live run"
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
        "wise": "measuring the mixing weights",
        "saving": "saving the weights",
        "done": "finished",
    }
    states: ClassVar = {
        "queued": "queued",
        "running": "running",
        "paused": "paused",
        "waiting": "waiting for room",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
    }
    queued = "Waits in the queue"
    queued_at = "Place {n} in the queue"
    epoch = "epoch {epoch} of {epochs}"
    step = "step {step} of {steps}"
    eta = "left"
    eta_help = "estimated time left in training"
    speed = "images/s"
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
    failed_next = (
        "What to try: read the sentence above, change the setting it names, and queue it again."
    )
    failed_button = "Open it in Train"
    cancelled = "This run was cancelled. Nothing was published."


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
        "prototypes": "Prototypes",
        "photo": "Try a photo",
    }
    alpha = "Mixing weight α"
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
    instant = "Read from the 21 measured points. Let go of the slider to measure this α exactly."
    measuring = "Measuring this α on every image …"
    exact = "Measured exactly at this α in {seconds} s."
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
        "Every dot is one mixing weight that was measured. Up and to the right is better on both."
    )
    sentence = "At α = {alpha}: {id} on your images, {ood} on the other domains, against zero-shot."
    sentence_id = "At α = {alpha}: {id} on your images, against zero-shot."
    id = "Your images (ID)"
    prototypes_lead = (
        "Every dot is a prompt template, written as CLIP sees it. Templates that an isolation "
        "forest finds odd (×) are left out; the rest is grouped by k-means (◆). Training "
        "features drift between those groups as epochs pass: the less, the better the "
        "alignment held."
    )
    prototypes_empty = "This method does not use spurious prototypes."
    inspect_title = "Every image, one by one"
    inspect_text = (
        "Zero-shot, the α you chose and the fine-tuned weights answer for every measured image. "
        "It takes a few seconds once, and is kept."
    )
    inspect_button = "Look at every image"
    inspecting = "Asking the three models about every image …"
    columns: ClassVar = {
        "zero-shot": "zero-shot",
        "alpha": "α = {alpha}",
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
        "No stress set was measured: it is when a data set has no OOD folder, or with --stress."
    )
    photo_lead = "Drop one photo. It stays on this machine and is not added to the data."
    photo_drop = "Drop, paste or choose a photo"
    photo_asking = "Looking at the photo …"
    photo_alt = "The photo you dropped"
    photo_familiar = (
        "Like the training images: {similarity} to the nearest, {threshold} or more is usual."
    )
    photo_abstain = (
        "Unlike the training images: {similarity} to the nearest, below the {threshold} that "
        "{accepted} of held-out images reach. Better not to trust an answer here."
    )
    photo_unknown = (
        "How familiar this photo is cannot be told: the run is an ensemble, or its data has moved."
    )
    photo_map = "Show where α looked"
    photo_maps: ClassVar = {
        "rollout": "Attention rollout over the patches: a hint, not a proof.",
        "relevance": "Gradient times activation for the first answer: a hint, not a proof.",
    }
    photo_no_map = "This kind of tower gives no map."


class Compare:
    """Runs side by side."""

    title = "Compare"
    lead = "Which run is better, and do your images say so or is it chance?"
    empty = "Nothing to compare yet"
    empty_text = "Runs of this data set can be ticked here as soon as they have finished."
    empty_watch = "Watch the run"
    runs = "Finished runs of this data set"
    none_chosen = "Tick two runs: the first you tick is the one the others are compared against."
    one_chosen = "Tick another run to test the two on the same images."
    most = "At most {n} runs stand side by side. Untick one first."
    clear = "Untick all"
    gone = "This run is not there any more, or its record cannot be read. Choose another."
    table = "Accuracy by domain"
    table_note = (
        "Below each accuracy: its 95 % interval (Wilson) and the change against zero-shot. The "
        "chosen α is the run's own, whatever the lab's slider says now."
    )
    run = "Run"
    weight = "α"
    zero = "zero-shot"
    chosen = "{alpha}, chosen"
    tuned = "1.00, fine-tuned"
    mean_ood = "OOD mean"
    again = "Queue the same with another seed"
    queued = "Queued: {name}. It can be ticked here when it has finished."
    elsewhere = (
        "This run was trained on a folder outside the studio. Repeat it with evenkeel train."
    )
    paired = "Tested on the same images"
    paired_wait = "Going through the images one by one …"
    retry = "Try again"
    against = "{second} against {first}"
    same_answers = "{first} and {second} get the same ones right of {images}."
    cannot_tell = "{first} and {second} cannot be told apart by {images}."
    better = "{second} gets {more} more right than {first}, of {images}."
    pooled: ClassVar = {"id": "Your images (ID)", "ood": "All other domains (OOD)"}
    counts = "Counts by domain"
    columns: ClassVar = ("domain", "n", "only {first}", "only {second}", "difference", "95 %", "p")
    paired_note = (
        "Fine-tuned weights (α = 1). Only images that one of the two gets right can tell them "
        "apart: p is the exact McNemar test, the interval of the difference is Tango's."
    )
    many_tests = "{n} tests are shown: of 20 between equal runs, one differs by chance."
    settings = "What was set differently"
    setting = "Setting"
    same_settings = "All settings are the same."
    pareto = "ID against OOD"
    pareto_empty = "Tick a run that was measured on an OOD domain: without one nothing is traded."
    pareto_note = (
        "Filled: the chosen α. Open: α = 1. Bars: 95 % interval. The dotted line joins what no "
        "other point beats on both sides."
    )
    pareto_line = "not beaten on both"
    pareto_label = "{n} runs, ID against OOD accuracy; not beaten on both: {names}."
    pareto_columns: ClassVar = ("run", "α", "ID", "95 %", "OOD mean", "95 %", "not beaten")
    yes = "yes"
    no = "no"
    combination = "{title} of {n} runs"
    combined = "This is a combination of runs: it has no seed. Tick its members and combine them."
    combine = "Make one run of these"
    combine_lead = (
        "Nothing is trained again. The result is a run like any other: it has its α, its numbers "
        "and its checkpoint."
    )
    combine_how = "How"
    combine_button = "Queue the combination"
    combine_none = "Tick runs first: one for a projection, two or more for a soup."


class Export:
    """The export place."""

    title = "Export"
    lead = (
        "The model at the α you chose, for other programs. Each is loaded in a clean process and "
        "its outputs are compared with the run's before it is called verified."
    )
    empty = "Nothing to export yet"
    empty_text = "Finish a run first; its checkpoint and record are then offered here."
    artefact = "Artefact"
    loads = "Loads with"
    size = "Size"
    get = "Get it"
    formats: ClassVar = {
        "open_clip": (
            "open_clip checkpoint",
            "Weights of the whole model at α = {alpha}, with your classes as its head.",
            "open_clip.create_model_and_transforms(…)",
        ),
        "onnx": (
            "ONNX",
            "Image to logits and embedding in one file; preprocessing and class names inside.",
            "onnxruntime.InferenceSession(…)",
        ),
        "huggingface": (
            "Hugging Face CLIPModel",
            "Both towers, tokenizer and image processor, with your classes as a head beside them.",
            "transformers.CLIPModel.from_pretrained(…)",
        ),
        "features": (
            "Features and image list",
            "What the encoder sees in every image, by split, and manifest.csv with their hashes.",
            "safetensors.safe_open(…)",
        ),
        "card": (
            "Model card",
            "Data, method, all numbers with n and intervals, how α was chosen, limits.",
            "Markdown, for any reader",
        ),
        "report": (
            "Report",
            "One page with charts, intervals and settings. It opens without a server or a network.",
            "any browser",
        ),
    }
    build = "Build it"
    build_this = "Build it: {title}"
    building = "Building and checking …"
    download = "Download"
    download_this = "Download: {title}"
    verified = "verified"
    difference = "largest difference {largest:.0e} ({output}), allowed {tolerance:.0e}"
    no_difference = "no difference"
    built = "built"
    cannot = "Not for this run: {reason}"
    files_title = "Files of the run"
    files: ClassVar = {
        "record": (
            "Run record",
            "Every number of this run, its settings and its environment, as JSON.",
        ),
        "config": ("Settings", "What was queued, frozen. Feed it to evenkeel train --config."),
        "events": ("Event log", "Everything the run said, one JSON object a line."),
    }
    use_it = "Use it"
    how = "How to use it, and how it was checked"
    unpack = "Unpack {name} here first"
    change_alpha = "Change α in the lab"
    sha = "SHA-256"


class Steer:
    """What can be done to a run."""

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


class Queue:
    """The drawer."""

    title = "Queue"
    empty = "Nothing queued. A run you queue appears here and goes on when you close the tab."
    open = "Open"
    left = "{time} left"
    safe = "Runs live in the worker: closing this tab does not stop them."
    running = "{n} running"
    waiting = "{n} waiting"
    idle = "idle"
    announce_done = "{name} has finished."
    announce_failed = "{name} failed: {error}"
    close = "Close the queue"
