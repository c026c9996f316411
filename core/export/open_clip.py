"""Export as an open_clip checkpoint: a folder that plain `open_clip.create_model_and_transforms`
loads.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor

from core.errors import UserError
from core.models.classifier import Classifier
from core.models.clip import ClipModel, tokens_to_features

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
HEAD = "head.safetensors"
CARD = "evenkeel.json"
TOLERANCE = 1e-5
"""Largest difference of a unit feature that counts as equal (fp32, other batch size and memory
layout).
"""


@dataclass(frozen=True)
class Exported:
    """A written checkpoint and what came of loading it again."""

    folder: Path
    verified: bool
    check: str
    snippet: str


def export_open_clip(
    clip: ClipModel, classifier: Classifier, folder: Path, card: dict[str, Any]
) -> Exported:
    """Write the encoder with the classifier's image tower in place of CLIP's. The text tower is
    CLIP's, unless the head has tuned one.

    Beside the weights and open_clip's config lie the class head (`head.safetensors`: the tensors of
    its formula) and `card` (classes, prompts, α, that formula, where it came from). An existing
    export is overwritten; a folder with other things in it is refused.
    """
    _make_room(folder)
    tower = {f"visual.{name}": tensor for name, tensor in classifier.tower.state_dict().items()}
    text = classifier.head.text_tower(clip).state_dict()
    state = {**clip.model.state_dict(), **text, **tower}
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in state.items()}
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    save_file(classifier.head.exported(), folder / HEAD, metadata={"format": "pt"})
    preprocess = dataclasses.asdict(clip.preprocess)
    config = {"model_cfg": clip.config, "preprocess_cfg": preprocess}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (folder / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    verified, check = _verify(folder, clip, classifier)
    return Exported(folder, verified, check, snippet(folder))


def snippet(folder: Path) -> str:
    """Python that loads the checkpoint with open_clip alone."""
    return (
        "import open_clip\n\n"
        f'model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{folder}")\n'
        f'tokenizer = open_clip.get_tokenizer("local-dir:{folder}")'
    )


@torch.inference_mode()
def _verify(folder: Path, clip: ClipModel, classifier: Classifier) -> tuple[bool, str]:
    """Load the folder as a stranger would and compare features of the same pixels and texts."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    generator = torch.Generator().manual_seed(0)
    size = clip.preprocess.size
    images = torch.randn(4, 3, size, size, generator=generator)
    texts = clip.tokenizer(["a photo of a cat.", "a sketch of a house."])
    ours = torch.nn.functional.normalize(
        classifier.tower(images.to(classifier.mean.device)), dim=-1
    )
    image_gap = _gap(model.eval().encode_image(images, normalize=True), ours)
    text_gap = _gap(
        model.encode_text(texts, normalize=True),
        torch.nn.functional.normalize(
            tokens_to_features(classifier.head.text_tower(clip), texts), dim=-1
        ),
    )
    gap = max(image_gap, text_gap)
    if gap <= TOLERANCE:
        return True, f"Loaded again with plain open_clip: features equal within {gap:.1e}."
    return False, f"Loaded again with plain open_clip, but features differ by {gap:.1e}."


def _gap(theirs: Tensor, ours: Tensor) -> float:
    return float((theirs.cpu() - ours.cpu()).abs().max())


def _make_room(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ours = {WEIGHTS, CONFIG, HEAD, CARD}
    strangers = [entry.name for entry in folder.iterdir() if entry.name not in ours]
    if strangers:
        raise UserError(
            f"export: {folder} holds other files ({strangers[0]!r}). Name a new or empty folder."
        )
