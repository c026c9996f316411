"""`TextHead`: class prototypes that the head's own text tower computes from the class names."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from core.models.clip import ClipModel, tokens_to_features, unit
from core.models.heads import Head
from core.models.prototypes import prompt_features
from core.models.text_tower import read_texts


class TextHead(Head):
    """Cosine logits τ·f̂Pᵀ; P `(C, D)` is the zero-shot head that this text tower computes from the
    prompts.

    The tower is a copy of the text half of an open_clip model, τ included. So code that mixes,
    saves or exports weights finds them by name. P is recomputed when a weight has changed since P
    was last used: by an optimiser step, by loading or by mixing. Gradients flow to the features
    only; a loss that trains the tower calls `encode`.
    """

    kind: ClassVar = "text"
    formula: ClassVar = "logits = unit image features @ weight.T; the temperature is inside"
    tokens: Tensor

    def __init__(self, text: Any, tokens: Tensor) -> None:
        """`text` has open_clip's `encode_text` and `logit_scale`; `tokens` are `(C, T, L)`."""
        super().__init__()
        self.text = text
        self.register_buffer("tokens", tokens)
        self._built: tuple[object, Tensor] | None = None

    @classmethod
    def over(cls, clip: ClipModel, tokens: Tensor) -> Self:
        """A head on a copy of CLIP's own text tower; the copy has no image tower."""
        nothing = {id(clip.model.visual): nn.Identity()}
        return cls(copy.deepcopy(clip.model, nothing), tokens)

    @classmethod
    def shaped_like(cls, state: Mapping[str, Tensor], clip: ClipModel) -> Self:
        """As `Head` says."""
        return cls.over(clip, state["tokens"].clone())

    def origin(self, clip: ClipModel, prototypes: Tensor) -> "TextHead":
        """The same prompts with the original text tower."""
        return TextHead.over(clip, self.tokens.clone())

    def forward(self, features: Tensor) -> Tensor:
        """As `Head` says."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.scale() * (features.float() @ self.prototypes().T)
            return logits

    def encode(self, tokens: Tensor) -> Tensor:
        """`(N, L) → (N, D)`: unit features of prompts, in fp32, with gradients."""
        return unit(read_texts(self.text, tokens).float())

    def scale(self) -> Tensor:
        """τ, a scalar with a gradient."""
        scale: Tensor = self.text.logit_scale.exp()
        return scale.reshape(())

    def prototypes(self) -> Tensor:
        """Unit `(C, D)`, normalised before and after averaging over templates; no gradient."""
        made_of = [(id(weight), weight._version) for weight in self.text.parameters()]
        if self._built is None or self._built[0] != made_of:
            self._built = made_of, self._build()
        return self._built[1].to(self.tokens.device)

    def exported(self) -> dict[str, Tensor]:
        """One linear layer on unit features."""
        return {"weight": (self.scale() * self.prototypes()).detach().cpu().contiguous()}

    def text_tower(self, clip: ClipModel) -> nn.Module:
        """The head's own text tower."""
        tower: nn.Module = self.text
        return tower

    def _build(self) -> Tensor:
        # Never an inference tensor: a later loss may use it together with a gradient.
        with torch.inference_mode(False), torch.no_grad():
            rows = prompt_features(lambda ids: tokens_to_features(self.text, ids), self.tokens)
            return unit(torch.stack([features.mean(0) for features in rows]))
