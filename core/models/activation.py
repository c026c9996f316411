"""GELU or QuickGELU: finds out on the data set's own images which of the two some weights need.

A file of weights does not say which activation they were trained with, and the wrong one costs
accuracy without any error. The likelihood that zero-shot gives the right classes shows it at once.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from core.data.dataset import Dataset, Item
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes

MOST_IMAGES = 256
WORDS = {"gelu": "GELU", "quickgelu": "QuickGELU"}


def settled(
    clip: ClipModel,
    root: Path,
    items: Sequence[Item],
    names: Sequence[str],
    templates: Sequence[str],
) -> ClipModel:
    """The model with the activation that its weights need; `clip` itself where that is known.

    Measures zero-shot's mean negative log-likelihood of the labels with both, on some images of
    every class. `notes` of the result say so. Without images it stays GELU.
    """
    if not clip.undecided:
        return clip
    shown = _spread(items)
    both = {one.activation: one for one in (clip.with_activation(quick) for quick in (False, True))}
    nll = {name: _nll(one, root, shown, names, templates) for name, one in both.items()}
    better, worse = sorted(WORDS, key=lambda name: (nll[name], name))
    chosen = both[better]
    chosen.undecided = False
    found = (
        f"On {len(shown)} of these images {WORDS[better]} gives the right classes more likelihood "
        f"(negative log-likelihood {nll[better]:.3f}, {WORDS[worse]} {nll[worse]:.3f})"
        if shown
        else "There are no images to measure it on"
    )
    chosen.notes = (
        *clip.notes,
        f"activation: nothing says whether {clip.name} was trained with GELU or QuickGELU. "
        f"{found}, so {WORDS[better]} is used. Set activation if you know better.",
    )
    return chosen


def settled_on(clip: ClipModel, dataset: Dataset, templates: Sequence[str]) -> ClipModel:
    """`settled` on a data set: on its training and validation images, else on all images."""
    if not clip.undecided:
        return clip
    learnt = [d for d in dataset.domains if d.role in ("train", "val") and d.items]
    items = [item for domain in learnt or dataset.domains for item in domain.items]
    return settled(clip, dataset.root, items, dataset.names, templates)


def _spread(items: Sequence[Item]) -> list[Item]:
    """The same number of images of each class, taken from the front."""
    by_class: dict[int, list[Item]] = {}
    for item in items:
        by_class.setdefault(item.label, []).append(item)
    each = max(1, MOST_IMAGES // max(1, len(by_class)))
    return [item for members in by_class.values() for item in members[:each]][:MOST_IMAGES]


def _nll(
    clip: ClipModel,
    root: Path,
    items: Sequence[Item],
    names: Sequence[str],
    templates: Sequence[str],
) -> float:
    if not items:
        return 0.0
    head = LinearHead(class_prototypes(clip, names, templates), clip.logit_scale)
    logits = clip.with_head(head).logits_from(clip.evaluation_features(root, items))
    return float(F.cross_entropy(logits, torch.tensor([item.label for item in items])))
