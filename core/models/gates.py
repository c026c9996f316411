"""Gates: how familiar an image is, by its earliest features, and who answers for it.

Early layers see texture, colour and line, which differ between a photo, a sketch and a night shot
of one thing, and little of what the thing is. So their statistics tell whether an image is of the
kind that a run was trained on, where last-layer features tell whether it shows the same thing.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
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
"""The g from which an image counts as familiar: it is at most as far away as the threshold."""
_EARLY = (
    ("conv1", "transformer.resblocks.0"),  # open_clip's vision transformers
    ("trunk.bn1", "trunk.blocks.0"),  # timm: EfficientNets
    ("layer1",),  # CLIP's own ResNets
    ("trunk.stem", "trunk.stages.0"),  # timm: ConvNeXt and its relatives
    ("trunk.layer1",),  # timm: ResNets
)
_TIMM_VIT = ("trunk.patch_embed", "trunk.blocks.0")


def early_layers(tower: nn.Module) -> tuple[str, ...]:
    """The modules of an image tower whose outputs a gate reads; none in a tower of unknown build.

    For a vision transformer the tokens after patch embedding and after the first block; for a
    convolutional tower what its first blocks give.
    """
    names = {name for name, _ in tower.named_modules()}
    candidates = (_TIMM_VIT, *_EARLY)
    return next((layers for layers in candidates if names.issuperset(layers)), ())


class _Enough(Exception):
    """The last early layer has spoken: the rest of the tower need not run."""


@contextlib.contextmanager
def reading(
    tower: nn.Module, layers: Sequence[str], stop: bool = False
) -> Iterator[dict[str, Tensor]]:
    """What the layers gave to the last forward pass of this thread, by their names.

    `stop` ends that pass after the last of them by `_Enough`.
    """
    heard: dict[str, Tensor] = {}
    thread = threading.get_ident()

    def listen(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            if threading.get_ident() == thread:  # the tower may be another thread's, too
                heard[name] = output
                if stop and name == layers[-1]:
                    raise _Enough

        return hook

    hooks = [tower.get_submodule(name).register_forward_hook(listen(name)) for name in layers]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def position_statistics(outputs: Sequence[Tensor]) -> Tensor:
    """Mean and standard deviation over positions of every channel, of all layers: `(B, S)` in fp32.

    Outputs are `(B, C, H, W)` of a convolution or `(B, L, C)` of tokens.
    """
    parts = []
    for output in outputs:
        # (B, C, positions), whatever the layer
        flat = output.float().flatten(2) if output.dim() == 4 else output.float().transpose(1, 2)
        mean = flat.mean(2)
        parts += [mean, (flat - mean[..., None]).square().mean(2).sqrt()]
    return torch.cat(parts, 1)


@torch.inference_mode()
def early_statistics(clip: "ClipModel", root: Path, items: Sequence[Item]) -> Tensor:
    """`(N, S)` on the CPU: the early statistics of the evaluation views, by CLIP's frozen tower.

    The tower runs no further than it must.
    """
    layers = early_layers(clip.model.visual)
    rows = []
    for batch in clip.pixels(root).evaluation_batches(items, EVALUATION_BATCH):
        with reading(clip.model.visual, layers, stop=True) as heard:
            with contextlib.suppress(_Enough):
                clip.frozen.features(batch)
            rows.append(position_statistics([heard[name] for name in layers]).cpu())
    return torch.cat(rows)


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
    """Mean distance of each row `(B, S)` to its nearest rows of the bank `(M, S)`: `(B,)`.

    `leave_self_out`: they are the same rows, and none is its own neighbour.
    """
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


class SteadyClassifier(nn.Module):
    """`(B, 3, H, W) → (B, C)`: zero-shot and tuned classifier, one share of each for every image.

    v(x) = g(x) + (1 − g(x))·w. A familiar image is the tuned classifier's; of an unfamiliar one it
    gets w. A `hard` gate rounds v, so that one classifier answers each image: the frozen tower's
    early layers, which the gate reads anyway, and then one whole tower.
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
        """`unfamiliar` is w; `temperatures` those of zero-shot and of the tuned classifier."""
        super().__init__()
        self.zero_shot, self.tuned, self.gate = zero_shot, tuned, gate
        self.unfamiliar = unfamiliar
        self.temperatures = temperatures
        self.hard = hard

    def share(self, familiarity: Tensor) -> Tensor:
        """v `(B,)` from g `(B,)`."""
        v = familiarity + (1 - familiarity) * self.unfamiliar
        return (v >= FAMILIAR).to(v) if self.hard else v

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities `(B, C)` in fp32."""
        return self.judged(images)[0]

    def judged(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities `(B, C)`, g and v `(B,)`."""
        layers, tower = self.gate.layers, self.zero_shot.tower
        with reading(tower, layers) as heard:
            before = self.zero_shot(images)
            familiarity = self.gate(position_statistics([heard[name] for name in layers]))
        share = self.share(familiarity)
        after = self.tuned(images)
        return mixed_answers(before, after, share, self.temperatures), familiarity, share

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """As `Predictor` says; its features are `(N, 0)`, since its two towers share no space."""
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
    """The gate of `gate_state`."""
    return Gate(
        state["mean"],
        state["std"],
        state["bank"],
        float(state["threshold"]),
        float(state["width"]),
        int(told["neighbours"]),
        told["layers"].split(","),
    )
