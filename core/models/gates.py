"""Gates: measure by its early features how familiar an image is, and decide which model answers.

Early layers see texture, colour and line. These differ between a photo, a sketch and a night shot
of the same thing, and say little about what the thing is. So their statistics tell whether an image
is of the kind that a run was trained on. Last-layer features tell instead whether it shows the same
thing.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.dataset import Item
from core.models.classifier import EVALUATION_BATCH, Classifier

if TYPE_CHECKING:
    from core.models.clip import ClipModel

FAMILIAR = 0.5
"""The g from which an image counts as familiar: its distance is at most the threshold."""
_EARLY = (
    ("conv1", "transformer.resblocks.0"),  # open_clip's vision transformers
    ("trunk.bn1", "trunk.blocks.0"),  # timm: EfficientNets
    ("layer1",),  # CLIP's own ResNets
    ("trunk.stem", "trunk.stages.0"),  # timm: ConvNeXt and its relatives
    ("trunk.layer1",),  # timm: ResNets
)
_TIMM_VIT = ("trunk.patch_embed", "trunk.blocks.0")


def early_layers(tower: nn.Module) -> tuple[str, ...]:
    """The modules of an image tower whose outputs a gate reads; empty for an unknown kind of tower.

    For a vision transformer: the tokens after patch embedding and after the first block. For a
    convolutional tower: the outputs of its first blocks.
    """
    names = {name for name, _ in tower.named_modules()}
    candidates = (_TIMM_VIT, *_EARLY)
    return next((layers for layers in candidates if names.issuperset(layers)), ())


LayerOutputs = dict[str, Tensor]
"""The outputs of layers, by layer name."""


class _EndOfPass(Exception):
    """Ends a forward pass after the last early layer: the rest of the tower need not run."""


@contextlib.contextmanager
def reading(
    tower: nn.Module,
    layers: Sequence[str],
    going_on: Callable[[LayerOutputs], Tensor] | None = None,
) -> Iterator[LayerOutputs]:
    """The outputs of these layers in the last forward pass of this thread.

    `going_on` gets them after the last of these layers and returns the positions `(n,)` of the
    images that the rest of the tower must see. The pass continues with these images alone. If there
    are none, the pass ends there, and so does the body of the caller's `with` statement.
    """
    by_layer: LayerOutputs = {}
    thread = threading.get_ident()

    def listen(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            if threading.get_ident() != thread:  # another thread may use the same tower
                return None
            by_layer[name] = output
            if going_on is None or name != layers[-1]:
                return None
            places = going_on(by_layer)
            if not len(places):
                raise _EndOfPass
            return output if len(places) == len(output) else output[places]

        return hook

    # Forward hooks may replace the output: so the later layers run on fewer images.
    hooks = [tower.get_submodule(name).register_forward_hook(listen(name)) for name in layers]
    try:
        yield by_layer
    except _EndOfPass:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def position_statistics(outputs: Sequence[Tensor]) -> Tensor:
    """Mean and standard deviation over positions, for every channel of all layers: `(B, S)` in
    fp32.

    Outputs are `(B, C, H, W)` of a convolution or `(B, L, C)` of tokens.
    """
    parts = []
    for output in outputs:
        # (B, C, positions), whatever the layer
        flat = output.float().flatten(2) if output.dim() == 4 else output.float().transpose(1, 2)
        mean = flat.mean(2)
        parts += [mean, (flat - mean[..., None]).square_().mean(2).sqrt()]
    return torch.cat(parts, 1)


@torch.inference_mode()
def early_statistics(clip: "ClipModel", root: Path, items: Sequence[Item]) -> Tensor:
    """The early statistics `(N, S)` of the evaluation views from CLIP's frozen tower, on the CPU.

    The tower runs only as far as needed.
    """
    layers = early_layers(clip.model.visual)
    batches = clip.pixels(root).evaluation_batches(items, EVALUATION_BATCH)
    return torch.cat([statistics_of(clip.frozen, layers, batch).cpu() for batch in batches])


def statistics_of(classifier: Classifier, layers: Sequence[str], images: Tensor) -> Tensor:
    """The early statistics `(B, S)` of images from a classifier's tower, which runs no further."""
    no_images = torch.empty(0)
    with reading(classifier.tower, layers, lambda _: no_images) as by_layer:
        classifier.features(images)
    return position_statistics([by_layer[name] for name in layers])


class Gate(nn.Module):
    """g(x) = σ((a − d(x))/b): 1 for an image like the training images, 0 for one unlike them.

    d(x) is the mean distance of the early statistics `(S,)`, standardised by the training images,
    to those of the `neighbours` nearest training images (the bank, `(M, S)`).
    """

    mean: Tensor
    std: Tensor
    bank: Tensor
    threshold: Tensor
    width: Tensor

    def __init__(
        self,
        mean: Tensor,
        std: Tensor,
        bank: Tensor,
        threshold: float,
        width: float,
        neighbours: int,
        layers: Sequence[str],
    ) -> None:
        """`bank` is standardised by `mean` and `std` `(S,)`; a is `threshold`, b is `width`."""
        super().__init__()
        for name, tensor in (("mean", mean), ("std", std), ("bank", bank)):
            self.register_buffer(name, tensor.float())
        self.register_buffer("threshold", torch.tensor(float(threshold)))
        self.register_buffer("width", torch.tensor(float(width)))
        self.neighbours = neighbours
        self.layers = tuple(layers)

    def distances(self, statistics: Tensor) -> Tensor:
        """d `(B,)` from early statistics `(B, S)`."""
        return nearest_distances((statistics - self.mean) / self.std, self.bank, self.neighbours)

    def forward(self, statistics: Tensor) -> Tensor:
        """g `(B,)`, from 0 to 1, from early statistics `(B, S)`."""
        return torch.sigmoid((self.threshold - self.distances(statistics)) / self.width)


def nearest_distances(
    rows: Tensor, bank: Tensor, neighbours: int, leave_self_out: bool = False
) -> Tensor:
    """The mean distance `(B,)` of each row `(B, S)` to its nearest rows of the bank `(M, S)`.

    `leave_self_out`: rows and bank are the same, and no row counts as its own neighbour.
    """
    # Products would lose the small distances between near rows to rounding.
    distances = torch.cdist(rows, bank, compute_mode="donot_use_mm_for_euclid_dist")
    if leave_self_out:
        distances.fill_diagonal_(torch.inf)
    k = min(neighbours, len(bank) - leave_self_out)
    return distances.topk(k, dim=1, largest=False).values.mean(1)


def mixed_answers(
    zero_shot: Tensor, tuned: Tensor, share: Tensor, temperatures: tuple[float, float]
) -> Tensor:
    """log p `(N, C)`, p = (1 − v)·softmax(z₀/T₀) + v·softmax(z/T), from logits z₀ and z `(N, C)`.

    `share` is v `(N,)`, from 0 to 1; `temperatures` are T₀ and T.
    """
    before, after = (
        F.log_softmax(logits.double() / temperature, dim=1)
        for logits, temperature in zip((zero_shot, tuned), temperatures, strict=True)
    )
    v = share.double()[:, None]
    return torch.logaddexp(before + torch.log1p(-v), after + torch.log(v)).float()


def tuned_share(familiarity: Tensor, unfamiliar: float) -> Tensor:
    """v = g + (1 − g)·w `(N,)`: the share of the fine-tuned classifier in each answer, from g and
    w.
    """
    return familiarity + (1 - familiarity) * unfamiliar


class SteadyClassifier(nn.Module):
    """`(B, 3, H, W) → (B, C)`: mixes the zero-shot and the fine-tuned classifier image by image.

    v(x) = g(x) + (1 − g(x))·w is the share of the fine-tuned classifier: 1 for a familiar image, w
    for an unfamiliar one. A `hard` gate rounds v, so that one classifier answers each image. Then
    the early layers of the frozen tower see all images, the rest of that tower sees the unfamiliar
    ones, and the fine-tuned tower sees the others.
    """

    def __init__(
        self,
        zero_shot: Classifier,
        tuned: Classifier,
        gate: Gate,
        unfamiliar: float,
        temperatures: tuple[float, float],
        hard: bool = False,
    ) -> None:
        """`unfamiliar` is w; `temperatures` are those of the zero-shot and the fine-tuned
        classifier.
        """
        super().__init__()
        self.zero_shot, self.tuned, self.gate = zero_shot, tuned, gate
        self.unfamiliar = unfamiliar
        self.temperatures = temperatures
        self.hard = hard

    def share(self, familiarity: Tensor) -> Tensor:
        """v `(B,)` from g `(B,)`."""
        v = tuned_share(familiarity, self.unfamiliar)
        return (v >= FAMILIAR).to(v) if self.hard else v

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities `(B, C)` in fp32."""
        return self.judged(images)[0]

    def judged(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities `(B, C)`, g and v `(B,)`."""
        images = self.zero_shot.normalised(images)  # once for both
        return self._one_each(images) if self.hard else self._both(images)

    def gated(self, by_layer: LayerOutputs) -> tuple[Tensor, Tensor]:
        """g and v `(B,)` from the outputs of the early layers."""
        outputs = [by_layer[name] for name in self.gate.layers]
        familiarity: Tensor = self.gate(position_statistics(outputs))
        return familiarity, self.share(familiarity)

    def _both(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with reading(self.zero_shot.tower, self.gate.layers) as by_layer:
            before = self.zero_shot(images)
        familiarity, share = self.gated(by_layer)
        after = self.tuned(images)
        return mixed_answers(before, after, share, self.temperatures), familiarity, share

    def _one_each(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gated: list[Tensor] = []

        def unfamiliar(by_layer: LayerOutputs) -> Tensor:
            gated[:] = self.gated(by_layer)
            return (gated[1] == 0).nonzero().flatten()

        logits = {}  # by v; a model that no image needs has no entry
        with reading(self.zero_shot.tower, self.gate.layers, unfamiliar):
            logits[0] = self.zero_shot(images)
        familiarity, share = gated
        familiar = share.nonzero().flatten()
        if len(familiar):
            logits[1] = self.tuned(images[familiar] if 0 in logits else images)
        classes = next(iter(logits.values())).shape[1]
        answers = share.new_empty(len(images), classes)
        for v, row in logits.items():
            row = row.double() / self.temperatures[v]
            answers[share == v] = F.log_softmax(row, dim=1).float()
        return answers, familiarity, share

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """See `Predictor`. Its features are `(N, 0)`: the two towers have no common feature
        space.
        """
        before = self.zero_shot.outputs_of(clip, root, items)[1]
        after = self.tuned.outputs_of(clip, root, items)[1]
        statistics = clip.early_statistics(root, items).to(self.gate.bank.device)
        share = self.share(self.gate(statistics)).cpu()
        mixed = mixed_answers(before, after, share, self.temperatures)
        return torch.empty(len(items), 0), mixed


def gate_state(gate: Gate) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A gate as tensors and text, for a safetensors file."""
    told = {"layers": ",".join(gate.layers), "neighbours": str(gate.neighbours)}
    return {name: tensor.cpu().contiguous() for name, tensor in gate.state_dict().items()}, told


def gate_from(state: Mapping[str, Tensor], told: Mapping[str, str]) -> Gate:
    """Rebuilds the gate that `gate_state` saved."""
    return Gate(
        state["mean"],
        state["std"],
        state["bank"],
        float(state["threshold"]),
        float(state["width"]),
        int(told["neighbours"]),
        told["layers"].split(","),
    )
