"""Export: what a run becomes for other programs."""

from typing import ClassVar


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
