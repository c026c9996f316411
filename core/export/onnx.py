"""Export for ONNX Runtime: one file, from normalised pixels to logits and image embedding."""

import contextlib
import dataclasses
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.export.snippets import PHOTO, UPRIGHT, resized, verify_snippet
from core.export.source import Source
from core.export.verify import Arrays, Exported, make_room, needs, verify
from core.models import attention
from core.models.fast import make_plain
from core.params import JsonObject

if TYPE_CHECKING:
    from core.models.classifier import Classifier
    from core.models.transforms import Preprocess

MODEL = "model.onnx"
OPSET = 18
MOST_IMAGES = 1 << 31
"""In one call. Without a limit PyTorch 2.7 fixes the number of images to that of the example."""
TOLERANCES = {"image features": 2e-5, "logits": 2e-3, "logits one by one": 2e-3}
"""Tolerances of unit features, and of logits, which are features times a temperature of about
100.
"""


def export_onnx(source: Source, folder: Path) -> Exported:
    """Write `model.onnx`: `images (N, 3, n, n)` → `logits (N, C)` and unit `embedding (N, D)`.

    The file's metadata holds all that a program needs to use it: `preprocess` (size, mean, std,
    interpolation, resize_mode), `classes`, `names` and the rest of the card, each as JSON.
    """
    needs_onnx()
    make_room(folder, {MODEL})
    path = folder / MODEL
    _write(source, path)
    found = verify(
        "onnxruntime", folder, {"images": source.images.numpy()}, _own(source), TOLERANCES
    )
    code = snippet(path, source.clip.preprocess)
    found += verify_snippet(code, folder, source, TOLERANCES["logits"])
    return Exported(folder, code, "onnxruntime", found)


def needs_onnx() -> None:
    """Raises a `UserError` if a program that writes or verifies a file is not installed."""
    needs("onnx", "the ONNX format")
    needs("onnxscript", "the ONNX format")
    needs("onnxruntime", "verifying an ONNX file")


class Graph(nn.Module):
    """A classifier as a plain function. A head with linear logits becomes one layer, however it
    computed its weight.
    """

    def __init__(self, classifier: "Classifier") -> None:
        super().__init__()
        self.tower = classifier.tower
        make_plain(self.tower)
        attention.go_direct(self.tower)  # PyTorch 2.7 cannot write `nn.MultiheadAttention` as ONNX
        linear = classifier.head.exported()
        self.head = classifier.head
        if set(linear) <= {"weight", "bias"}:
            self.head = nn.Linear(linear["weight"].shape[1], len(linear["weight"]))  # type: ignore[assignment]
            bias = linear.get("bias", torch.zeros(len(linear["weight"])))
            self.head.load_state_dict({"weight": linear["weight"], "bias": bias})
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and unit features."""
        features = F.normalize(self.tower(images), dim=-1)
        return self.head(features), features


def _write(source: Source, path: Path) -> None:
    graph = Graph(dataclasses.replace(source).plain)  # its own copy, which is made plain
    write_graph(graph, ("logits", "embedding"), source.images, told_by(source), path)


def told_by(source: Source) -> JsonObject:
    """The facts that a program needs to use a file."""
    return {**source.card, "preprocess": dataclasses.asdict(source.clip.preprocess)}


def write_graph(
    graph: nn.Module, outputs: Sequence[str], images: Tensor, told: Mapping[str, Any], path: Path
) -> None:
    """Write a module of `images (N, 3, n, n)` with these outputs; `told` becomes metadata, as
    JSON.
    """
    import onnx

    with _quietly():
        program = torch.onnx.export(
            graph,
            (images[:2],),
            dynamo=True,
            input_names=["images"],
            output_names=list(outputs),
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1, max=MOST_IMAGES)}},
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {name: json.dumps(told[name]) for name in told})
    onnx.checker.check_model(model)
    onnx.save(model, path)


@torch.inference_mode()
def _own(source: Source) -> Arrays:
    features = source.plain.features(source.images)
    logits = source.plain.logits_from(features).numpy()
    return {"image features": features.numpy(), "logits": logits, "logits one by one": logits}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hides the exporter's warnings about its own deprecated calls."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


LOGITS = """logits, embedding = session.run(["logits", "embedding"], {"images": images})
print(told["names"][logits[0].argmax()])"""


def snippet(path: Path, preprocess: "Preprocess", ask: str = LOGITS) -> str:
    """Python that runs the file with onnxruntime, Pillow and numpy, and evaluates `ask` for
    `images`.
    """
    return f'''import json
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("{path.as_posix()}")
told = {{k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}}
size, mean, std = (told["preprocess"][k] for k in ("size", "mean", "std"))


{UPRIGHT}


image = upright({PHOTO})
{resized(preprocess)}
pixels = (np.asarray(image, np.float32) / 255 - mean) / std
images = pixels.transpose(2, 0, 1)[None].astype(np.float32)

{ask}'''
