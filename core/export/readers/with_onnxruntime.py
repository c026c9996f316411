"""Outputs of an exported graph, by onnxruntime and numpy alone: `FOLDER ASKED.npz ANSWER.npz`."""

import sys

import numpy as np
import onnxruntime


def main(folder: str, asked: str, answer: str) -> None:
    """Load as a stranger would and write what it gives, all images at once and one by one."""
    session = onnxruntime.InferenceSession(
        f"{folder}/model.onnx", providers=["CPUExecutionProvider"]
    )
    images = np.load(asked)["images"]
    logits, features = session.run(["logits", "embedding"], {"images": images})
    alone = [session.run(["logits"], {"images": image[None]})[0] for image in images]
    told = session.get_modelmeta().custom_metadata_map
    np.savez(
        answer,
        **{
            "logits": logits,
            "logits one by one": np.concatenate(alone),
            "image features": features,
            "metadata": np.array([f"{name}={told[name]}" for name in sorted(told)]),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
