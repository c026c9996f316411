"""Text prototypes: one vector per class (zero-shot head) and one per template (context head)."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.prompts import prompts_for
from core.models.clip import TEXT_BATCH, ClipModel, unit


def class_prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """The zero-shot head: unit rows `(C, D)`. Every prompt is normalised before and after averaging
    over templates.

    CLIP (arXiv 2103.00020) §3.1.4; the same in the official code of FD-Align, Lipsum-FT, FLYP and
    WiSE-FT.
    """
    return _prototypes(clip, names, templates)[: len(names)]


def context_prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """The context head: unit rows `(T, D)`, one per template, averaged over classes instead of
    templates.

    The spurious prototypes of FD-Align (arXiv 2310.15105) before their correction, and CAR-FT's
    context head.
    """
    return _prototypes(clip, names, templates)[len(names) :]


def contexts_of(clip: ClipModel, task: FewShotTask, templates: Sequence[str]) -> Tensor:
    """The context prototypes `(T, D)` of a run, over the classes that it trains on."""
    return context_prototypes(clip, [task.names[label] for label in task.seen], templates)


def prompt_features(encode: Callable[[Tensor], Tensor], tokens: Tensor) -> Iterator[Tensor]:
    """Unit features `(T, D)` of the prompts, one class after another, from tokens `(C, T, L)`.

    `encode` gives raw features on the CPU. It gets whole classes, about 256 prompts at once, so a
    value depends only on the tokens and the tower.
    """
    for group in torch.split(tokens, max(1, TEXT_BATCH // tokens.shape[1])):
        rows = group.flatten(0, 1)
        features = torch.cat([encode(chunk) for chunk in torch.split(rows, TEXT_BATCH)])
        yield from unit(features).view(len(group), tokens.shape[1], -1)


def _prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Class rows, then template rows, from one pass over the prompts; only the means are kept."""

    def compute() -> Tensor:
        by_class = []
        by_template = torch.zeros(len(templates), clip.embed_dim)
        tokens = clip.tokens(prompts_for(names, templates))
        for features in prompt_features(clip.encode_tokens, tokens):  # (T, D)
            by_class.append(features.mean(0))
            by_template += features
        return torch.cat([unit(torch.stack(by_class)), unit(by_template / len(names))])

    key = {
        "what": "class and template prototypes",
        "model": clip.identity,
        "names": list(names),
        "templates": list(templates),
        "device": str(clip.precision.device),
    }
    return clip.cache.get(key, compute)
