"""What cache methods share: keys averaged over views, and the search for α, β and γ on validation
images.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.transforms import Augmentation
from core.events import Event, Stage, Warned
from core.models.backbone import BackboneParams
from core.models.cache_head import CacheHead
from core.models.classifier import Classifier
from core.models.clip import ClipModel, unit
from core.params import Sensible
from core.training.frozen import FrozenViews

GRID_START = 0.1
"""Where the grids of α and β begin; their ends are not reached. As in Tip-Adapter's code."""
CHUNK_FLOATS = 1 << 22
"""Size of the largest array of the search: small enough for a processor's cache and any memory."""


class CacheParams(BackboneParams):
    """Knobs of a cache of training images. Defaults are those published for ImageNet."""

    views: Annotated[int, Field(ge=1), Sensible(1, 20)] = 10
    """Augmented views of every training image that its key is the average of."""
    crop_min: Annotated[float, Field(gt=0, le=1), Sensible(0.08, 1)] = 0.5
    """Smallest share of the image's area that a random crop keeps; 1 crops nothing away."""
    flip: bool = True
    """Mirror every second view at random."""
    init_alpha: Annotated[float, Field(ge=0), Sensible(0.5, 10)] = 1.17
    """Weight of the cache (α) until it is searched, and where there are no validation images.
    Published: 1.17 to 3 for most data sets, 5 for aircraft, 10 for flowers."""
    init_beta: Annotated[float, Field(gt=0), Sensible(0.5, 10)] = 1.0
    """How sharply the cache prefers near images (β) until it is searched."""
    alpha_end: Annotated[float, Field(gt=GRID_START), Sensible(1, 50)] = 3.0
    """Where the search for α ends; it begins at 0.1. Published: 3 to 13 for most data sets, 30 for
    aircraft, 50 for flowers."""
    beta_end: Annotated[float, Field(gt=GRID_START), Sensible(1, 50)] = 7.0
    """Where the search for β ends; it begins at 0.1. Published: 7 to 13 for most data sets, 20 for
    cars, 30 for aircraft, 50 for flowers."""
    alpha_steps: Annotated[int, Field(ge=1), Sensible(5, 40)] = 20
    """Values of α that are tried with every β."""
    beta_steps: Annotated[int, Field(ge=1), Sensible(20, 400)] = 200
    """Values of β that are tried."""

    @property
    def augmentation(self) -> Augmentation:
        """How views are drawn."""
        return Augmentation(self.crop_min, self.flip)


@dataclass(frozen=True)
class Found:
    """The first best point of a grid, and how many images it gets right."""

    beta: float
    alpha: float
    which: int
    """Index of the key weights (γ)."""
    hits: int


def cache_keys(
    clip: ClipModel, task: FewShotTask, params: CacheParams
) -> Generator[Event, None, Tensor]:
    """Unit `(N, D)`: for every training image the direction of its mean over views 0, 1, ….

    Tip-Adapter's and APE's official code average raw features, so that a view with long features
    counts for more. Ours averages unit ones, which other methods have cached already; on the
    demo data the two directions have a cosine of 0.9999 on average and 0.9996 at least.
    """
    frozen = FrozenViews(clip, task, params.augmentation)
    total = torch.zeros(len(task.train), clip.embed_dim)
    for number in range(params.views):
        yield Stage("training", f"cache keys from view {number + 1} of {params.views}")
        total += frozen.view(number).cpu()
    return unit(total)


def one_hot_labels(task: FewShotTask) -> Tensor:
    """`(N, C)` in fp32: what every training image votes for."""
    labels = torch.tensor([item.label for item in task.train])
    return torch.nn.functional.one_hot(labels, len(task.classes)).float()


def grid(end: float, steps: int, start: float = GRID_START) -> list[float]:
    """`start` + i·(`end` − `start`)/`steps` for i from 0: the end is not reached."""
    return [start + i * (end - start) / steps for i in range(steps)]


def choose_scales(
    classifier: Classifier, clip: ClipModel, task: FewShotTask, params: CacheParams
) -> Generator[Event, None, None]:
    """Set α and β of the classifier's cache to the best of their grid on the validation images.

    Without validation images the initial values stay, and it is said.
    """
    head = classifier.head
    assert isinstance(head, CacheHead)
    if not task.val:
        yield Warned(unsearched(params))
        return
    betas, alphas = scales(params)
    yield Stage("training", f"search over {len(betas)} × {len(alphas)} values of β and α")
    _, _, values = head.memory()
    found = search(head, classifier, clip, task, values.detach()[None], betas, alphas)
    head.alpha.fill_(found.alpha)
    head.beta.fill_(found.beta)


def scales(params: CacheParams) -> tuple[list[float], list[float]]:
    """The values of β and of α that are tried."""
    betas = grid(params.beta_end, params.beta_steps)
    return betas, grid(params.alpha_end, params.alpha_steps)


def unsearched(params: CacheParams) -> str:
    """What is said where there is nothing to search on."""
    return (
        f"No validation images: α stays {params.init_alpha:g} and β {params.init_beta:g}, "
        "where the best of a grid would be taken."
    )


@torch.inference_mode()
def search(
    head: CacheHead,
    classifier: Classifier,
    clip: ClipModel,
    task: FewShotTask,
    values: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
) -> Found:
    """`best_scales` of a head on the task's validation images; `values` are (G, N, C)."""
    features = clip.features_of(classifier, task.root, task.val).to(classifier.mean.device)
    labels = torch.tensor([item.label for item in task.val], device=features.device)
    logits, affinity = head.parts(features)
    return best_scales(logits, affinity, values, labels, betas, alphas)


@torch.inference_mode()
def best_scales(
    logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
) -> Found:
    """The (β, α, γ) whose logits + α·exp(−β(1 − affinity))·values_γ get the most images right.

    Logits (B, C), affinity (B, N), values (G, N, C) with one class a key, labels (B,); α ascends.
    The first of equals wins, β changing slowest and γ fastest, as a strict > in the official nested
    loops does.
    """
    hits = grid_hits(logits, affinity, values, labels, betas, alphas)
    first = int(hits.flatten().argmax())
    beta, alpha, which = (int(i) for i in torch.unravel_index(torch.tensor(first), hits.shape))
    return Found(betas[beta], alphas[alpha], which, int(hits[beta, alpha, which]))


def grid_hits(
    logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
) -> Tensor:
    """`(len(betas), len(alphas), G)`: how many images each point of the grid gets right. `alphas`
    ascend.

    For one image and one (β, γ) every other class allows an interval of α, since logits are linear
    in α; the image is right where all of them overlap. So no α needs logits of its own. A class
    that shares the highest logit counts as right.
    """
    members, weights = _by_class(values)  # (C, K), (C, K, G)
    classes, per_class, choices = weights.shape
    steps = torch.tensor(alphas, device=logits.device)
    counts = torch.zeros(len(betas), len(alphas) + 1, choices, device=logits.device)
    rows = max(1, CHUNK_FLOATS // (classes * max(per_class, choices)))
    for start in range(0, len(labels), rows):
        chunk = slice(start, start + rows)
        gap = affinity[chunk].T[members].transpose(1, 2) - 1  # (C, B, K)
        own = labels[chunk][None, :, None]  # (1, B, 1)
        base = logits[chunk].T[..., None]  # (C, B, 1)
        ahead = base - base.gather(0, own)
        for index, beta in enumerate(betas):
            votes = torch.bmm(torch.exp(beta * gap), weights)  # (C, B, G)
            rise = votes - votes.gather(0, own.expand(-1, -1, choices))
            low, high = _interval(ahead, rise)  # (B, G)
            begin = torch.searchsorted(steps, low, right=False)
            end = torch.searchsorted(steps, high, right=True)
            right = (begin < end).float()
            counts[index].scatter_add_(0, begin, right)
            counts[index].scatter_add_(0, end, -right)
    return counts.cumsum(1)[:, :-1].round().long()


def _interval(ahead: Tensor, rise: Tensor) -> tuple[Tensor, Tensor]:
    """The α from `low` to `high` for which ahead + α·rise ≤ 0 in every class (the first dimension);
    `low` > `high` where there is none.
    """
    bound = -ahead / rise
    low = torch.where(rise < 0, bound, -torch.inf).amax(0)
    high = torch.where(rise > 0, bound, torch.inf)
    never = ((rise == 0) & (ahead > 0)).any(0)
    return low, high.amin(0).masked_fill(never, -torch.inf)


def _by_class(values: Tensor) -> tuple[Tensor, Tensor]:
    """For every class the positions of its keys (C, K) and their weights (C, K, G); a class with
    fewer keys than K repeats key 0 with weight 0.
    """
    choices, keys, classes = values.shape
    label = values[0].abs().argmax(1)  # (N,)
    order = torch.argsort(label, stable=True)
    counts = torch.bincount(label, minlength=classes)
    first = counts.cumsum(0) - counts
    place = torch.arange(keys, device=values.device) - first[label[order]]
    members = torch.zeros(classes, int(counts.max()), dtype=torch.long, device=values.device)
    weights = torch.zeros(*members.shape, choices, device=values.device)
    members[label[order], place] = order
    own = values[:, torch.arange(keys, device=values.device), label]  # (G, N)
    weights[label[order], place] = own[:, order].T
    return members, weights
