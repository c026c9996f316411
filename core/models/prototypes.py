"""Text prototypes: one vector a class (zero-shot head) and one a template (context head)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.data.prompts import prompts_for
from core.models.clip import ClipModel, unit


def class_prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Unit `(C, D)`: the zero-shot head, every prompt normalised before and after averaging over
    templates.

    CLIP (arXiv 2103.00020) §3.1.4; the same in the official code of FD-Align, Lipsum-FT, FLYP and
    WiSE-FT.
    """
    return _prototypes(clip, names, templates)[: len(names)]


def context_prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Unit `(T, D)`: what a template says whatever the class, averaged over classes instead of
    templates.

    The spurious prototypes of FD-Align (arXiv 2310.15105) before their correction, and CAR-FT's
    context head.
    """
    return _prototypes(clip, names, templates)[len(names) :]


def _prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Class rows, then template rows. One pass over the prompts gives both; only the means are
    kept.
    """

    def compute() -> Tensor:
        by_class = []
        by_template = torch.zeros(len(templates), clip.embed_dim)
        for prompts in prompts_for(names, templates):
            features = unit(clip.encode_text(prompts))  # (T, D)
            by_class.append(features.mean(0))
            by_template += features
        return torch.cat([unit(torch.stack(by_class)), unit(by_template / len(names))])

    key = {
        "what": "prototypes",
        "model": clip.fingerprint,
        "names": list(names),
        "templates": list(templates),
        "device": str(clip.precision.device),
    }
    return clip.cache.get(key, compute)
