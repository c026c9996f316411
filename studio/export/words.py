"""Sentences of Export."""

from typing import ClassVar

from studio.frame.words import Common as Common
from studio.workspace.words import Runs as Runs


class Export:
    """The Export tab."""

    title = "Export"
    lead = (
        "The model as you mixed it, for other programs. Each is loaded in a clean process and "
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
            "Image to logits and embedding at α = {alpha} in one file; preprocessing and class "
            "names inside.",
            "onnxruntime.InferenceSession(…)",
        ),
        "huggingface": (
            "Hugging Face CLIPModel",
            "Both towers at α = {alpha}, tokenizer and image processor, with your classes as a "
            "head next to them.",
            "transformers.CLIPModel.from_pretrained(…)",
        ),
        "steady-onnx": (
            "ONNX, steady",
            "Zero-shot, the model at α = {tuned} and the gate between them in one file: image to "
            "probabilities, familiarity and the tuned model's share.",
            "onnxruntime.InferenceSession(…)",
        ),
        "steady-open_clip": (
            "open_clip checkpoints, steady",
            "Zero-shot and α = {tuned} as two checkpoints, the gate, and steady.py, which answers "
            "with all three.",
            "python steady.py photo.jpg",
        ),
        "features": (
            "Features and image list",
            "What the encoder at α = {alpha} sees in every image, by split, and manifest.csv with "
            "their hashes.",
            "safetensors.safe_open(…)",
        ),
        "card": (
            "Model card",
            "Data, method, all numbers of {mixing} with n and intervals, how it was chosen, "
            "limits.",
            "Markdown, for any reader",
        ),
        "report": (
            "Report",
            "One page with charts, intervals and settings of {mixing}. It opens without a server "
            "or a network.",
            "any browser",
        ),
    }
    encoder_own = (
        "Encoders are exported at α = {alpha}, which is {chosen} for one set of weights that "
        "answers every image. {mixing} answers with two sets and a gate, and has an α of its own: "
        "the steady formats, the card and the report are of that."
    )
    own: ClassVar = {
        "val": "what validation chose",
        "default": "the default",
        "fixed": "that of the combination",
        "oracle": "that of the combination",
    }
    encoder_by_hand = (
        "Encoders are exported at the α set in the lab, {alpha}, but without the gate: they are "
        "one set of weights, which answers images unlike the training images as well. The steady "
        "formats, the card and the report are of {mixing}."
    )
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
        "config": ("Settings", "What was queued, frozen; the command line trains by it again."),
        "events": ("Event log", "Everything the run said, one JSON object a line."),
    }
    use_it = "Use it"
    how = "How to use it, and how it was checked"
    unpack = "Unpack {name} here first"
    change_alpha = "Change the mixing in the lab"
    sha = "SHA-256"
