"""The common parts of cache methods: settings, keys averaged over views, and scales chosen on
validation images.
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
from core.training.scale_search import GridPoint, Ties, best_scales

GRID_START = 0.1
"""The start of the grids of α and β. The grids do not include their ends. As in Tip-Adapter's
code.
"""


class CacheParams(BackboneParams):
    """The settings of a cache of training images. Defaults are those published for ImageNet."""

    views: Annotated[int, Field(ge=1), Sensible(1, 20)] = 10
    """Number of augmented views per training image. The key of an image is their average."""
    crop_min: Annotated[float, Field(gt=0, le=1), Sensible(0.08, 1)] = 0.5
    """Smallest share of the image's area that a random crop keeps; 1 does not crop."""
    flip: bool = True
    """Mirror every second view at random."""
    init_alpha: Annotated[float, Field(ge=0), Sensible(0.5, 10)] = 1.17
    """Weight of the cache (α) before the search, and without validation images. Published: 1.17 to
    3 for most data sets, 5 for aircraft, 10 for flowers.
    """
    init_beta: Annotated[float, Field(gt=0), Sensible(0.5, 10)] = 1.0
    """Sharpness (β) before the search: how strongly the cache prefers similar images."""
    alpha_end: Annotated[float, Field(gt=GRID_START), Sensible(1, 50)] = 3.0
    """End of the search for α, which starts at 0.1. Published: 3 to 13 for most data sets, 30 for
    aircraft, 50 for flowers.
    """
    beta_end: Annotated[float, Field(gt=GRID_START), Sensible(1, 50)] = 7.0
    """End of the search for β, which starts at 0.1. Published: 7 to 13 for most data sets, 20 for
    cars, 30 for aircraft, 50 for flowers.
    """
    alpha_steps: Annotated[int, Field(ge=1), Sensible(5, 40)] = 20
    """Number of values of α that are tried with every β."""
    beta_steps: Annotated[int, Field(ge=1), Sensible(20, 400)] = 200
    """Number of values of β that are tried."""
    ties: Ties = "likelier"
    """Tie-break between scales that get equally many validation images right. `likelier`: the lower
    negative log-likelihood on these images wins. `first`: the first in the grid wins, as published.
    With few images many scales tie, and the order in the grid carries no information.
    """

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation of training views."""
        return Augmentation(self.crop_min, self.flip)


def cache_keys(
    clip: ClipModel, task: FewShotTask, params: CacheParams
) -> Generator[Event, None, Tensor]:
    """Unit keys `(N, D)`: for every training image the direction of its mean over views 0, 1, ….

    The official code of Tip-Adapter and APE averages raw features, so a view with long features
    counts more. Ours averages unit features, which other methods have cached already. On the demo
    data the two directions have a cosine of 0.9999 on average and at least 0.9996.
    """
    frozen = FrozenViews(clip, task, params.augmentation)
    total = torch.zeros(len(task.train), clip.embed_dim)
    for number in range(params.views):
        yield Stage("training", f"cache keys from view {number + 1} of {params.views}")
        total += frozen.view(number).cpu()
    return unit(total)


def one_hot_labels(task: FewShotTask) -> Tensor:
    """The votes of the training images: `(N, C)` in fp32."""
    labels = torch.tensor([item.label for item in task.train])
    return torch.nn.functional.one_hot(labels, len(task.classes)).float()


def grid(end: float, steps: int, start: float = GRID_START) -> list[float]:
    """`start` + i·(`end` − `start`)/`steps` for i from 0; `end` itself is not included."""
    return [start + i * (end - start) / steps for i in range(steps)]


def choose_scales(
    classifier: Classifier, clip: ClipModel, task: FewShotTask, params: CacheParams
) -> Generator[Event, None, None]:
    """Set α and β of the classifier's cache to the best of their grid on the validation images.

    Without validation images the initial values stay, and an event says so.
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
    """The values of β and of α to try."""
    betas = grid(params.beta_end, params.beta_steps)
    return betas, grid(params.alpha_end, params.alpha_steps)


def unsearched(params: CacheParams) -> str:
    """The message for a task without images to search on."""
    return (
        f"No validation images to search α and β on: α stays {params.init_alpha:g} and β "
        f"{params.init_beta:g}."
    )


@torch.inference_mode()
def search(
    head: CacheHead,
    classifier: Classifier,
    clip: ClipModel,
    task: FewShotTask,
    values: Tensor,
    params: CacheParams,
) -> GridPoint:
    """`best_scales` of a head on the task's validation images; `values` are (G, N, C)."""
    features = clip.features_of(classifier, task.root, task.val).to(classifier.mean.device)
    labels = torch.tensor([item.label for item in task.val], device=features.device)
    logits, affinity = head.parts(features)
    return best_scales(logits, affinity, values, labels, *scales(params), params.ties)
