"""Unit features of an exported folder, by transformers alone: `FOLDER ASKED.npz ANSWER.npz`."""

import sys
from typing import Any

import numpy as np
import torch
from transformers import CLIPModel, CLIPProcessor


def main(folder: str, asked: str, answer: str) -> None:
    """Load the folder as a stranger would, check that no weight is missing or left over, and write
    its features.
    """
    loaded: Any = CLIPModel.from_pretrained(folder, output_loading_info=True)
    model, loading = loaded
    unaccounted = [name for kind in ("missing_keys", "unexpected_keys") for name in loading[kind]]
    if unaccounted:
        raise SystemExit(f"weights that the model does not share: {sorted(unaccounted)[:3]}")
    processor = CLIPProcessor.from_pretrained(folder)
    model.eval()
    question = np.load(asked)
    texts = [str(text) for text in question["texts"]]
    tokens = processor(text=texts, return_tensors="pt", padding=True)
    with torch.inference_mode():
        seen = model(pixel_values=torch.from_numpy(question["images"]), **tokens)
    np.savez(
        answer,
        **{
            "image features": seen.image_embeds.numpy(),
            "text features": seen.text_embeds.numpy(),
            "temperature": model.logit_scale.detach().exp().numpy().reshape(1),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
