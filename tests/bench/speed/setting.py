"""Where and how large the speed benchmark measures: device, repeats, model, and a folder to use."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.factory import get_model_config
from open_clip.model import set_model_preprocess_cfg
from open_clip.transform import PreprocessCfg

from core.models.array_cache import ArrayCache
from core.models.clip import ClipModel
from core.models.precision import choose_device, choose_precision

FEWEST_REPEATS = 5
QUICK: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
"""A CLIP whose steps take milliseconds."""


@dataclass(frozen=True)
class Setting:
    """What every figure is measured with."""

    folder: Path
    """For photos, caches and models; what lies there may be used again."""
    device: str = "auto"
    repeats: int = FEWEST_REPEATS
    """Readings of each figure."""
    quick: bool = False
    """A tiny model and few images: to see that it works, not for numbers."""

    def pick(self, full: int, quick: int) -> int:
        """A size, by whether this is quick."""
        return quick if self.quick else full

    def clip(
        self,
        architecture: str = "ViT-B-32",
        precision: str = "auto",
        cache: Path | None = None,
    ) -> ClipModel:
        """A CLIP of this architecture with random weights, always the same ones: time does not
        depend on them, and nothing has to be downloaded.
        """
        config = QUICK if self.quick else dict(get_model_config(architecture))
        device = choose_device(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = open_clip.CLIP(**config)
        pixels = PreprocessCfg(size=config["vision_cfg"]["image_size"])
        set_model_preprocess_cfg(model, asdict(pixels))
        return ClipModel(
            f"{architecture} with random weights",
            model,
            open_clip.get_tokenizer("ViT-B-32"),
            config,
            choose_precision(device, precision, model.visual),
            ArrayCache(cache),
        )
