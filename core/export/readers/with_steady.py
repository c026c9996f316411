"""Answers of a steady run, by the reader next to its weights: `FOLDER ASKED.npz ANSWER.npz`."""

import importlib
import sys

import numpy as np


def main(folder: str, asked: str, answer: str) -> None:
    """Import that reader as a stranger would, and write its answers for all photos and for each."""
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    steady = importlib.import_module("steady")
    photos = [str(photo) for photo in np.load(asked)["photos"]]
    probabilities, familiarity = steady.answer(photos)
    alone = [steady.answer([photo])[0].numpy() for photo in photos]
    np.savez(
        answer,
        **{
            "probabilities": probabilities.numpy(),
            "probabilities one by one": np.concatenate(alone),
            "familiarity": familiarity.numpy(),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
