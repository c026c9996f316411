"""Outputs of an exported graph, by onnxruntime and numpy alone: `FOLDER ASKED.npz ANSWER.npz`."""

import sys

import numpy as np
import onnxruntime

NAMES = {"embedding": "image features"}
"""Names of outputs as other programs' readers have them."""


def main(folder: str, asked: str, answer: str) -> None:
    """Load the file as a stranger would, and write its outputs: all images at once and one by
    one.
    """
    session = onnxruntime.InferenceSession(
        f"{folder}/model.onnx", providers=["CPUExecutionProvider"]
    )
    images = np.load(asked)["images"]
    together = session.run(None, {"images": images})
    alone = [session.run(None, {"images": image[None]}) for image in images]
    found = {}
    for place, output in enumerate(session.get_outputs()):
        name = NAMES.get(output.name, output.name)
        found[name] = together[place]
        found[f"{name} one by one"] = np.concatenate([answers[place] for answers in alone])
    told = session.get_modelmeta().custom_metadata_map
    found["metadata"] = np.array([f"{name}={told[name]}" for name in sorted(told)])
    np.savez(answer, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
