"""Tensors of exported features, by safetensors and numpy alone: `FOLDER ASKED.npz ANSWER.npz`."""

import sys

import numpy as np
from safetensors.numpy import load_file


def main(folder: str, asked: str, answer: str) -> None:
    """Read the file and write all of it; there are no inputs."""
    del asked
    np.savez(answer, **load_file(f"{folder}/features.safetensors"))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
