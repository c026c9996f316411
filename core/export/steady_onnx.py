"""Export of a steady run for ONNX Runtime: one file, from normalised pixels to probabilities."""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from core.export.onnx import MODEL, Graph, needs_onnx, snippet, told_by, write_graph
from core.export.snippets import verify_answers
from core.export.source import SteadySource
from core.export.verify import Exported, make_room, verify
from core.models.gates import Gate, SteadyClassifier, position_statistics, reading
from core.params import JsonObject

OUTPUTS = ("probabilities", "familiarity", "tuned_share")
ALONE = " one by one"
TOLERANCES = {name + ask: 1e-3 for name in OUTPUTS for ask in ("", ALONE)}
ASK = """probabilities, familiarity, tuned_share = session.run(None, {"images": images})
best = probabilities[0].argmax()
print(told["names"][best], probabilities[0, best], "familiarity", familiarity[0])"""


def export_steady_onnx(source: SteadySource, folder: Path) -> Exported:
    """Write `model.onnx`: `images (N, 3, n, n)` → `probabilities (N, C)`, `familiarity` and
    `tuned_share` `(N,)`, with both towers and the gate inside.

    Its metadata is that of an encoder's ONNX file, plus `gate`: the meaning of the two numbers.
    """
    needs_onnx()
    make_room(folder, {MODEL})
    path = folder / MODEL
    _write(source, path)
    own = {name: tensor.numpy() for name, tensor in source.own().items()}
    own |= {name + ALONE: array for name, array in own.items()}
    asked = {"images": source.zero_shot.images.numpy()}
    found = verify("onnxruntime", folder, asked, own, TOLERANCES)
    code = snippet(path, source.clip.preprocess, ASK)
    found += verify_answers(
        code, folder, source.zero_shot.shown, source.own, TOLERANCES[OUTPUTS[0]]
    )
    return Exported(folder, code, "onnxruntime", found)


class SteadyGraph(nn.Module):
    """A steady classifier as a plain function. The frozen tower's early layers run once, for the
    gate and for zero-shot.
    """

    def __init__(self, steady: SteadyClassifier) -> None:
        super().__init__()
        self.zero_shot, self.tuned = Graph(steady.zero_shot), Graph(steady.tuned)
        self.gate = steady.gate
        self.share = steady.share
        self.temperatures = steady.temperatures
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities, g and v."""
        with reading(self.zero_shot.tower, self.gate.layers) as heard:
            before, _ = self.zero_shot(images)
        after, _ = self.tuned(images)
        statistics = position_statistics([heard[name] for name in self.gate.layers])
        g = familiarity_of(self.gate, statistics)
        v = self.share(g)
        return mixed_probabilities(before, after, v, self.temperatures), g, v


def familiarity_of(gate: Gate, statistics: Tensor) -> Tensor:
    """g `(N,)` from early statistics `(N, S)`. ONNX has no distances between rows. They are
    computed from products in float64, because a small distance is the difference of large numbers.
    """
    rows, bank = ((statistics - gate.mean) / gate.std).double(), gate.bank.double()
    squares = rows.square().sum(1, keepdim=True) - 2 * rows @ bank.T + bank.square().sum(1)
    k = min(gate.neighbours, len(bank))
    distances = squares.clamp(min=0).sqrt().topk(k, dim=1, largest=False).values.mean(1)
    return torch.sigmoid((gate.threshold - distances.float()) / gate.width)


def mixed_probabilities(
    before: Tensor, after: Tensor, v: Tensor, temperatures: tuple[float, float]
) -> Tensor:
    """p `(N, C)` = (1 − v)·softmax(z₀/T₀) + v·softmax(z/T), from logits `(N, C)` and v `(N,)`."""
    cold, warm = temperatures
    share = v[:, None]
    return (1 - share) * (before / cold).softmax(1) + share * (after / warm).softmax(1)


def _write(source: SteadySource, path: Path) -> None:
    graph = SteadyGraph(dataclasses.replace(source).plain)  # its own copy, which is made plain
    told = {**told_by(source.tuned), **source.card, "gate": about_gate(source.plain)}
    write_graph(graph, OUTPUTS, source.zero_shot.images, told, path)


def about_gate(steady: SteadyClassifier) -> JsonObject:
    """The meaning of the outputs, for a stranger, and the numbers behind them."""
    gate = steady.gate
    return {
        "familiarity": "g, from 0 to 1: the similarity of an image to the training images, by "
        "the early layers of the zero-shot tower; 0.5 at the distance below which 95 % of the "
        "held-out images lie",
        "tuned_share": "v = g + (1 - g) * unfamiliar: the share of the fine-tuned model",
        "probabilities": "(1 - v) * zero-shot + v * tuned, each at its own temperature",
        "unfamiliar": steady.unfamiliar,
        "temperatures": {"zero-shot": steady.temperatures[0], "tuned": steady.temperatures[1]},
        "threshold": float(gate.threshold),
        "width": float(gate.width),
        "neighbours": gate.neighbours,
        "images": len(gate.bank),
    }
