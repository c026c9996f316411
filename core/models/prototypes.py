"""Text prototypes: one vector a class (zero-shot head) and one a template (context head)."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.prompts import prompts_for
from core.models.clip import TEXT_BATCH, ClipModel, unit


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


def contexts_of(clip: ClipModel, task: FewShotTask, templates: Sequence[str]) -> Tensor:
    """The context prototypes `(T, D)` of a run: over the classes that it trains on."""
    return context_prototypes(clip, [task.names[label] for label in task.seen], templates)


def prompt_features(encode: Callable[[Tensor], Tensor], tokens: Tensor) -> Iterator[Tensor]:
    """Unit features `(T, D)` of the prompts of one class after another, from tokens `(C, T, L)`.

    `encode` gives raw features on the CPU and sees whole classes, about 256 prompts at once: a
    value depends on nothing but the tokens and the tower, whoever asks.
    """
    for group in torch.split(tokens, max(1, TEXT_BATCH // tokens.shape[1])):
        rows = group.flatten(0, 1)
        features = torch.cat([encode(chunk) for chunk in torch.split(rows, TEXT_BATCH)])
        yield from unit(features).view(len(group), tokens.shape[1], -1)


def _prototypes(clip: ClipModel, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Class rows, then template rows. One pass over the prompts gives both; only the means are
    kept.
    """

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
