"""Sentences about data sets and runs of a visitor."""


class DataSets:
    """Data sets, uploads, and reasons to refuse them."""

    unknown_data = "There is no data set {name!r} here. Open another one or drop a folder."
    unknown_image = "There is no such image in this data set."
    lost_upload = "This upload is no longer on the server. Drop the folder again."
    upload = "the upload"
    in_use = "A run uses this data set, so it stays: the run is measured on its images."
    no_demo = "The owner of this studio has changed the demo. Drop images of your own instead."
    not_yours = "This data set is shared by everybody here, so it cannot be changed."
    demo_is_shared = (
        "The demo is shared by everybody here, so nothing can be added to it. Drop your images as "
        "a new data set."
    )
    disk_full = "The disk of this studio is full. Tell its owner."
    full = "A workspace may keep {limit} MiB, and this upload would be above that."
    too_large = "One upload may bring {limit} MiB. Send it in parts, or make the images smaller."


class Runs:
    """Descriptions of runs, and reasons to refuse them."""

    combination = "{title} of {n} runs"
    combined = "This is a combination of runs: it has no seed. Tick its members and combine them."
    elsewhere = (
        "This run was trained on a folder outside the studio. Repeat it with evenkeel train."
    )
    no_gate = "This run was made before runs had a gate. Train it again."
    run = "{method} · {shots} shots · seed {seed}"
    unknown_run = "There is no such run here. Choose one from the queue."


class Workspace:
    """Actions that are not allowed, and errors."""

    model_of_list = "model: visitors of this studio choose from its list: {models}."
    read_only = "This link only shows a run: nothing can be changed through it."
    wrong = "Something went wrong in the studio: {kind}. The terminal has the details. Try again."
