"""Unit features of an exported folder, by open_clip alone: `FOLDER ASKED.npz ANSWER.npz`."""

import sys

import numpy as np
import open_clip
import torch


def main(folder: str, asked: str, answer: str) -> None:
    """Load the folder as a stranger would, and write its features."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    question = np.load(asked)
    texts = tokenizer([str(text) for text in question["texts"]])
    with torch.inference_mode():
        image = model.encode_image(torch.from_numpy(question["images"]), normalize=True)
        text = model.encode_text(texts, normalize=True)
    np.savez(answer, **{"image features": image.numpy(), "text features": text.numpy()})


if __name__ == "__main__":
    main(*sys.argv[1:])
