"""Outputs of an export's Python for photos: `FOLDER ASKED.npz ANSWER.npz`."""

import sys

import numpy as np

PHOTO = '"photo.jpg"'


def main(folder: str, asked: str, answer: str) -> None:
    """Run it as a stranger would: the part that loads the model once, and the rest for every
    photo.
    """
    del folder
    question = np.load(asked)
    code = str(question["code"])
    start = code.rfind("\n", 0, code.index(PHOTO)) + 1
    space: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code[:start], "snippet", "exec"), space)
    found: dict[str, list[np.ndarray]] = {str(name): [] for name in question["wanted"]}
    for photo in question["photos"]:
        exec(compile(code[start:].replace(PHOTO, repr(str(photo))), "snippet", "exec"), space)
        for name, values in found.items():
            values.append(np.asarray(space[name]))
    answers = {name: np.concatenate(values) for name, values in found.items()}
    np.savez(answer, **answers)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
