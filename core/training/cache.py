"""What cache methods share: their knobs, keys averaged over views, and scales chosen on validation
images.
"""

from collections.abc import Generator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.events import Event, Stage, Warned
from core.models.backbone import BackboneParams
from core.models.cache_head import CacheHead
from core.models.classifier import Classifier
from core.models.clip import ClipModel, unit
from core.models.transforms import Augmentation
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.scale_search import Found, Ties, best_scales

GRID_START = 0.1
"""Where the grids of α and β begin; their ends are not reached. As in Tip-Adapter's code."""


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
    ties: Ties = "likelier"
    """Which scales win among those that get equally many validation images right: the `likelier`,
    with the lower negative log-likelihood there, or the `first` of the grid, as published. With few
    images many tie, and coming first says nothing for them."""

    @property
    def augmentation(self) -> Augmentation:
        """How views are drawn."""
        return Augmentation(self.crop_min, self.flip)


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
    yield Stage(
        "training", f"search over {params.beta_steps} × {params.alpha_steps} values of β and α"
    )
    _, _, values = head.memory()
    found = search(head, classifier, clip, task, values.detach()[None], params)
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
    params: CacheParams,
) -> Found:
    """`best_scales` of a head on the task's validation images; `values` are (G, N, C)."""
    features = clip.features_of(classifier, task.root, task.val).to(classifier.mean.device)
    labels = torch.tensor([item.label for item in task.val], device=features.device)
    logits, affinity = head.parts(features)
    return best_scales(logits, affinity, values, labels, *scales(params), params.ties)
