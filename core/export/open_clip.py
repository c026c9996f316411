"""Export as an open_clip checkpoint: a folder that plain `open_clip.create_model_and_transforms`
loads.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from core.export.exported import Exported, make_room
from core.export.source import TEXTS, Source
from core.export.verify import Arrays, verify
from core.models.clip import tokens_to_features, unit

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
HEAD = "head.safetensors"
CARD = "evenkeel.json"
TOLERANCES = {"image features": 1e-5, "text features": 1e-5}
"""Of unit features that count as equal (fp32, other batch size and memory layout)."""


def export_open_clip(source: Source, folder: Path) -> Exported:
    """Write the encoder with the classifier's image tower in place of CLIP's. The text tower is
    CLIP's, unless the head has tuned one.

    Beside the weights and open_clip's config lie the class head (`head.safetensors`: the tensors of
    its formula) and the card. An existing export is overwritten; a folder with other things in it
    is refused.
    """
    make_room(folder, {WEIGHTS, CONFIG, HEAD, CARD})
    save_file(encoder_state(source), folder / WEIGHTS, metadata={"format": "pt"})
    preprocess = dataclasses.asdict(source.clip.preprocess)
    write_json(folder / CONFIG, {"model_cfg": source.clip.config, "preprocess_cfg": preprocess})
    write_head(source, folder)
    found = verify("open_clip", folder, question(source), own_features(source), TOLERANCES)
    return Exported(folder, snippet(folder), "open_clip", found)


def encoder_state(source: Source) -> dict[str, Tensor]:
    """The whole model's weights on the CPU, under open_clip's names."""
    clip, classifier = source.clip, source.classifier
    tower = {f"visual.{name}": tensor for name, tensor in classifier.tower.state_dict().items()}
    text = classifier.head.text_tower(clip).state_dict()
    state = {**clip.model.state_dict(), **text, **tower}
    return {name: tensor.detach().contiguous().cpu() for name, tensor in state.items()}


def write_head(source: Source, folder: Path) -> None:
    """The class head and the card, beside an encoder."""
    save_file(source.classifier.head.exported(), folder / HEAD, metadata={"format": "pt"})
    write_json(folder / CARD, source.card)


def write_json(path: Path, payload: Mapping[str, Any]) -> None:
    """JSON that a person may read."""
    path.write_text(json.dumps(payload, indent=1, ensure_ascii=False) + "\n", "utf-8")


def question(source: Source) -> Arrays:
    """The pixels and the texts that an encoder is asked about."""
    return {"images": source.images.numpy(), "texts": np.array(TEXTS)}


@torch.inference_mode()
def own_features(source: Source) -> Arrays:
    """What the run's own towers say of them."""
    tower = source.plain.head.text_tower(source.clip)
    texts = tokens_to_features(tower, source.clip.tokenizer(list(TEXTS)))
    image = source.plain.features(source.images)
    return {"image features": image.numpy(), "text features": unit(texts).numpy()}


def snippet(folder: Path) -> str:
    """Python that loads the checkpoint with open_clip alone."""
    return (
        "import open_clip\n\n"
        f'model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{folder}")\n'
        f'tokenizer = open_clip.get_tokenizer("local-dir:{folder}")'
    )
