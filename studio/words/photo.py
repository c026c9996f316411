"""One photo or a frame of the camera, asked about."""

from typing import ClassVar


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
