"""`ClipModel`: one open_clip model with everything that the rest of Evenkeel needs of it."""

import copy
import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.transformer import QuickGELU
from torch import Tensor, nn

from core.data.dataset import Item
from core.errors import UserError
from core.models.allocator import keep_freed_memory
from core.models.array_cache import ArrayCache
from core.models.attention import go_direct
from core.models.classifier import Classifier
from core.models.fast import make_fast
from core.models.gates import early_layers, early_statistics
from core.models.heads import Head, LinearHead
from core.models.pixels import PixelStore
from core.models.precision import Precision
from core.models.text_tower import read_texts
from core.models.transforms import Preprocess
from core.params import JsonObject

TEXT_BATCH = 256


class ClipModel:
    """A wrapper around an open_clip model (`CLIP` or `CustomTextCLIP`) that never changes: methods
    train copies.

    `cache` holds the features of this model. `fingerprint` is the hash of its weights. `identity`
    is the hash of everything that determines its features, and is part of their cache keys.
    """

    undecided = False
    """True if nothing said which activation the weights need (see `core.models.activation`)."""
    notes: tuple[str, ...] = ()
    """Notes for the user about how the model was read."""

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Any,
        config: dict[str, Any],
        precision: Precision,
        cache: ArrayCache | None = None,
    ) -> None:
        """`config` is the architecture as open_clip's JSON (`embed_dim`, `vision_cfg`, `text_cfg`,
        …).
        """
        if precision.device.type == "cpu":
            keep_freed_memory()
        self.name = name
        self.model = model.eval().requires_grad_(False).to(precision.device)
        # Use the layout that `Classifier` wants from the start. A classifier that is first built in
        # inference mode would otherwise replace the weights by inference tensors, and no later loss
        # could be differentiated through them.
        self.model.to(memory_format=torch.channels_last)
        self.tokenizer = tokenizer
        self.config = config
        self.precision = precision
        self.cache = cache or ArrayCache(None)
        self.preprocess = _preprocess(model)
        self.fingerprint = fingerprint(model.state_dict())
        self._pixels: dict[Path, PixelStore] = {}
        self.make_fast(self.model.visual)
        go_direct(self.model)  # the text tower

    @property
    def logit_scale(self) -> float:
        """τ = exp(the learnt log scale): 100 for OpenAI's weights."""
        return float(self.model.logit_scale.exp())

    @property
    def activation(self) -> str:
        """`quickgelu` or `gelu`, whichever the towers compute."""
        return "quickgelu" if self.config.get("quick_gelu") else "gelu"

    @property
    def identity(self) -> str:
        """SHA-256 over weights, architecture and preprocessing. The activation, the number of heads
        and the crop of a picture change every feature without changing a weight.
        """
        told = [self.fingerprint, self.config, dataclasses.asdict(self.preprocess)]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def embed_dim(self) -> int:
        """D, the dimension of the joint space."""
        return int(self.config["embed_dim"])

    def encode_image(self, images: Tensor) -> Tensor:
        """`(B, 3, H, W) → (B, D)`: raw image features of normalised pixels."""
        features: Tensor = self.model.encode_image(images.to(self.precision.device))
        return features

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """`[N] → (N, D)`: raw text features in fp32, on the CPU."""
        chunks = torch.split(self.tokens([texts])[0], TEXT_BATCH)
        return torch.cat([self.encode_tokens(tokens) for tokens in chunks])

    def tokens(self, prompts: Sequence[Sequence[str]], length: int | None = None) -> Tensor:
        """`[C][T] → (C, T, L)`: token ids, padded or cut to `length`, by default the tower's
        context.
        """
        flat = [prompt for row in prompts for prompt in row]
        ids: Tensor = self.tokenizer(flat, **({"context_length": length} if length else {}))
        return ids.view(len(prompts), len(prompts[0]), -1)

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """`(N, L) → (N, D)`: raw text features in fp32, on the CPU."""
        return tokens_to_features(self.model, tokens)

    def classifier(self, prototypes: Tensor, fold_scale: bool = False) -> Classifier:
        """A classifier to train: a copy of the image tower with `prototypes` (C, D) as its head."""
        return self.with_copied_tower(LinearHead(prototypes, self.logit_scale, fold_scale))

    def with_copied_tower(self, head: Head) -> Classifier:
        """A classifier whose tower may be changed."""
        tower: nn.Module = copy.deepcopy(self.model.visual)
        return Classifier(tower, head, self.preprocess, self.precision)

    def with_head(self, head: Head) -> Classifier:
        """A classifier over the untouched image tower, which it shares."""
        return Classifier(self.model.visual, head, self.preprocess, self.precision)

    def with_tower(self, tower: nn.Module) -> "ClipModel":
        """This model with another image tower of the same architecture; everything else is shared.

        It has its own fingerprint, so the two never share cached features.
        """
        model = copy.copy(self.model)
        model._modules = {**self.model._modules, "visual": tower}  # the copy shares the dict
        view = ClipModel(self.name, model, self.tokenizer, self.config, self.precision, self.cache)
        view._pixels = self._pixels
        return view

    def with_activation(self, quick_gelu: bool) -> "ClipModel":
        """This model with QuickGELU or GELU, sharing every weight."""
        held = itertools.chain(self.model.parameters(), self.model.buffers())
        view = copy.copy(self)
        view.__dict__.pop("frozen", None)
        view.model = copy.deepcopy(self.model, {id(tensor): tensor for tensor in held})
        view.config = {**self.config, "quick_gelu": quick_gelu}
        for module in view.model.modules():
            if isinstance(module, nn.Sequential) and type(getattr(module, "gelu", None)) in (
                nn.GELU,
                QuickGELU,
            ):
                module.gelu = QuickGELU() if quick_gelu else nn.GELU()
        return view

    def make_fast(self, tower: nn.Module) -> None:
        """Make an image tower of this architecture fast (see `core.models.fast`)."""
        make_fast(tower, self.blank().float().to(self.precision.device))

    def blank(self) -> Tensor:
        """A batch of one black image, `(1, 3, n, n)` uint8."""
        size = self.preprocess.size
        return torch.zeros(1, 3, size, size, dtype=torch.uint8)

    def owns(self, classifier: Classifier) -> bool:
        """True if the classifier's tower is this model's own, unchanged one."""
        return classifier.tower is self.model.visual

    def origin(self, tuned: Classifier, prototypes: Tensor) -> Classifier:
        """Zero-shot CLIP with the same tensor names as `tuned`: θ₀ of every interpolation."""
        return self.with_head(tuned.head.origin(self, prototypes)).requires_grad_(False)

    @functools.cached_property
    def frozen(self) -> Classifier:
        """The unchanged image tower as a source of features; its head has no meaning."""
        return self.with_head(LinearHead(torch.zeros(1, self.embed_dim), self.logit_scale))

    def pixels(self, root: Path) -> PixelStore:
        """The decoded images under `root`, shared by everything that uses this model."""
        if root not in self._pixels:
            self._pixels[root] = PixelStore(root, self.preprocess)
        return self._pixels[root]

    def features_of(self, classifier: Classifier, root: Path, items: Sequence[Item]) -> Tensor:
        """Unit features `(N, D)` from a classifier's tower; from the cache if the tower is CLIP's
        own.
        """
        if self.owns(classifier):
            return self.evaluation_features(root, items)
        return classifier.features_of(self.pixels(root), items)

    def evaluation_features(self, root: Path, items: Sequence[Item]) -> Tensor:
        """Unit zero-shot features `(N, D)` of the evaluation views, cached by the images' bytes."""

        return self.cache.get(
            self.key("evaluation", items),
            lambda: self.frozen.features_of(self.pixels(root), items),
        )

    def evaluated(
        self, root: Path, items: Sequence[Item], at_once: int
    ) -> Generator[int, None, Tensor]:
        """`evaluation_features` in steps: yields the number of images done after every `at_once`
        images.
        """
        key, parts = self.key("evaluation", items), list[Tensor]()
        while not self.cache.holds(key) and (done := sum(map(len, parts))) < len(items):
            chunk = items[done : done + at_once]
            parts.append(self.frozen.features_of(self.pixels(root), chunk))
            yield done + len(chunk)
        return self.cache.get(key, lambda: torch.cat(parts))

    def early_statistics(self, root: Path, items: Sequence[Item]) -> Tensor:
        """The early statistics `(N, S)` of the evaluation views, which a gate reads (see
        `core.models.gates`); cached by the images' bytes.
        """
        layers = early_layers(self.model.visual)
        return self.cache.get(
            self.key("early-statistics", items, layers=layers),
            lambda: early_statistics(self, root, items),
        )

    def key(self, what: str, items: Sequence[Item], **more: Any) -> JsonObject:
        """Cache key of something computed from this model and these images, in this order."""
        images = hashlib.sha256("".join(item.sha256 for item in items).encode()).hexdigest()
        precision = self.precision.describe()
        return {
            "what": what,
            "model": self.identity,
            "images": images,
            "precision": precision,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            **more,
        }


def tokens_to_features(model: Any, tokens: Tensor) -> Tensor:
    """`(N, L) → (N, D)`: raw features in fp32 on the CPU, by an open_clip model's text tower."""
    return read_texts(model, tokens.to(model.logit_scale.device)).float().cpu()


def unit(features: Tensor) -> Tensor:
    """Rows of length one."""
    return F.normalize(features, dim=-1)


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, types and bytes of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(flat.numpy().data)
    return digest.hexdigest()


def _preprocess(model: Any) -> Preprocess:
    config = model.visual.preprocess_cfg
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
    if height != width:
        raise UserError(
            f"model: it wants pictures of {width} × {height} pixels, and they must be square. "
            "Choose another model."
        )
    return Preprocess(
        size=height,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
        resize_mode=config["resize_mode"],
        fill_color=config.get("fill_color", 0),
    )
