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

from core.export.snippets import PHOTO, UPRIGHT, verify_snippet
from core.export.source import TEXTS, Source
from core.export.verify import Arrays, Exported, make_room, verify
from core.models.clip import fingerprint, tokens_to_features, unit
from core.models.heads import Head

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
HEAD = "head.safetensors"
CARD = "evenkeel.json"
TOLERANCES = {"image features": 1e-5, "text features": 1e-5}
"""Tolerances of unit features (fp32, other batch size and memory layout)."""
LOGITS = 2e-3
"""Tolerance of logits, which are features times a temperature of about 100."""


def export_open_clip(source: Source, folder: Path) -> Exported:
    """Write the encoder with the classifier's image tower instead of CLIP's. The text tower is
    CLIP's, unless the head has fine-tuned one.

    The class head (`head.safetensors`: the tensors of its formula) and the card are written next to
    the weights and open_clip's config. An existing export is overwritten; a folder with other
    things in it is refused.
    """
    make_room(folder, {WEIGHTS, CONFIG, HEAD, CARD})
    state = encoder_state(source)
    told = {"format": "pt", "fingerprint": fingerprint(state)}
    save_file(state, folder / WEIGHTS, metadata=told)
    preprocess = dataclasses.asdict(source.clip.preprocess)
    write_json(folder / CONFIG, {"model_cfg": source.clip.config, "preprocess_cfg": preprocess})
    write_head(source, folder)
    found = verify("open_clip", folder, question(source), own_features(source), TOLERANCES)
    code = snippet(folder, source.classifier.head)
    found += verify_snippet(code, folder, source, LOGITS)
    return Exported(folder, code, "open_clip", found)


def encoder_state(source: Source) -> dict[str, Tensor]:
    """The whole model's weights on the CPU, under open_clip's names."""
    clip, classifier = source.clip, source.classifier
    tower = {f"visual.{name}": tensor for name, tensor in classifier.tower.state_dict().items()}
    text = classifier.head.text_tower(clip).state_dict()
    state = {**clip.model.state_dict(), **text, **tower}
    return {name: tensor.detach().contiguous().cpu() for name, tensor in state.items()}


def write_head(source: Source, folder: Path) -> None:
    """Writes the class head and the card next to an encoder."""
    save_file(source.classifier.head.exported(), folder / HEAD, metadata={"format": "pt"})
    write_json(folder / CARD, source.card)


def write_json(path: Path, payload: Mapping[str, Any]) -> None:
    """Writes JSON that people can read."""
    path.write_text(json.dumps(payload, indent=1, ensure_ascii=False) + "\n", "utf-8")


def question(source: Source) -> Arrays:
    """The pixels and the texts that test an encoder."""
    return {"images": source.images.numpy(), "texts": np.array(TEXTS)}


@torch.inference_mode()
def own_features(source: Source) -> Arrays:
    """The features of the run's own towers for them."""
    tower = source.plain.head.text_tower(source.clip)
    texts = tokens_to_features(tower, source.clip.tokenizer(list(TEXTS)))
    image = source.plain.features(source.images)
    return {"image features": image.numpy(), "text features": unit(texts).numpy()}


def snippet(folder: Path, head: Head) -> str:
    """Python that classifies a photo with open_clip and the head in the same folder."""
    return f'''import json
from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

folder = Path("{folder.as_posix()}")
model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{{folder}}")
tokenizer = open_clip.get_tokenizer(f"local-dir:{{folder}}")  # for prompts of your own
model.eval().requires_grad_(False)
head = load_file(folder / "{HEAD}")
names = json.loads((folder / "{CARD}").read_text("utf-8"))["names"]


{UPRIGHT}


images = preprocess(upright({PHOTO}))[None]
features = model.encode_image(images, normalize=True)
{head.code}
print(names[logits[0].argmax()])'''
