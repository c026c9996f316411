"""`FeatureGenerator`: generates image features of classes without images, with the frozen text
tower.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.models.clip import ClipModel
from core.models.soft_prompts import SoftPrompts, word_vectors

STANDARD_DEVIATION = 0.02


class FeatureGenerator(nn.Module):
    """A variational autoencoder whose decoder ends in a prompt: z shifts learnable context vectors,
    CLIP's frozen text tower reads "[shifted context] class.", and the result is the image feature.

    SHIP, arXiv 2307.07397. Widths follow its official code in units of D, which is 512 there:
    encoder D → 4D → mean and log-variance (D), generator D → 8D → one shift for all vectors.
    """

    def __init__(self, clip: ClipModel, names: Sequence[str], draw: torch.Generator) -> None:
        """Weights are drawn from N(0, 0.02²); the context starts as "a photo of a"."""
        super().__init__()
        context = word_vectors(clip, "a photo of a")  # (4, W)
        size, width = clip.embed_dim, context.shape[1]
        self.prompts = SoftPrompts(clip, names, len(context))
        self.encoder = nn.Sequential(
            nn.Linear(size, 4 * size), nn.ReLU(), nn.Linear(4 * size, 2 * size)
        )
        self.generator = nn.Sequential(
            nn.Linear(size, 8 * size), nn.ReLU(), nn.Linear(8 * size, width)
        )
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                noise = torch.randn(parameter.shape, generator=draw) * STANDARD_DEVIATION
                parameter.copy_(noise if name.endswith("weight") else torch.zeros_like(noise))
        self.context = nn.Parameter(context.cpu())
        self.to(clip.precision.device)

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance `(B, D)` of z for unit image features `(B, D)`."""
        mean, log_variance = self.encoder(features).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """Unit features `(B, D)` of images of `classes` (B,), from z `(B, D)`."""
        shift = self.generator(z)  # (B, W)
        return self.prompts.encode(self.context + shift[:, None], classes)
