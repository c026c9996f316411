"""The answers of a run's classifiers to every measured image: a small file next to the record.

Imports no torch, so that the page and the command line can read it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.durable import publish
from core.errors import UserError

ENDS = ("zero-shot", "recommended", "fine-tuned")
"""Runs of older versions have no `recommended`."""
_HASH_BYTES = 32


@dataclass(frozen=True)
class ClassifierAnswers:
    """The answers of one classifier to the N images of a domain."""

    predicted: NDArray[np.int32]
    """(N,) index of the likeliest class."""
    confidence: NDArray[np.float32]
    """(N,) its softmax probability."""


@dataclass(frozen=True)
class DomainPredictions:
    """The N images of one domain, and the answers of each classifier in `ENDS`."""

    sha256: NDArray[np.uint8]
    """(N, 32): the hash of the image's file."""
    labels: NDArray[np.int32]
    """(N,) index of the true class."""
    answers: Mapping[str, ClassifierAnswers]
    """By `ENDS`."""

    def hits(self, end: str = "fine-tuned") -> NDArray[np.bool_]:
        """(N,): True for each image that this end got right. Raises `UserError` if the run does
        not have this end.
        """
        if end not in self.answers:
            raise UserError(f"This run was made before {end!r} was kept. Train the run again.")
        hits: NDArray[np.bool_] = self.answers[end].predicted == self.labels
        return hits


@dataclass(frozen=True)
class Predictions:
    """All domains of a run; labels and predictions are indices into `classes`."""

    classes: tuple[str, ...]
    domains: Mapping[str, DomainPredictions]

    def write(self, path: Path) -> None:
        """Write atomically, about 50 bytes an image."""
        tensors: dict[str, NDArray[Any]] = {}
        for name, domain in self.domains.items():
            tensors[f"{name}|sha256"] = domain.sha256
            tensors[f"{name}|label"] = domain.labels
            for end, answers in domain.answers.items():
                tensors[f"{name}|{end}|predicted"] = answers.predicted
                tensors[f"{name}|{end}|confidence"] = answers.confidence
        metadata = {"classes": json.dumps(self.classes), "domains": json.dumps(list(self.domains))}
        publish(path, lambda partial: save_file(tensors, partial, metadata=metadata))

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Reads the file. Raises `UserError` if it is missing or damaged."""
        try:
            with safe_open(path, "np") as file:
                told = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            domains = {name: _domain(tensors, name) for name in json.loads(told["domains"])}
            return cls(tuple(json.loads(told["classes"])), domains)
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} is missing or damaged ({error}). Train the run again."
            ) from None


def hash_bytes(sha256: Iterable[str]) -> NDArray[np.uint8]:
    """Hashes in hex as rows of bytes, (N, 32)."""
    raw = b"".join(map(bytes.fromhex, sha256))
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, _HASH_BYTES)


def _domain(tensors: Mapping[str, NDArray[Any]], name: str) -> DomainPredictions:
    answers = {
        end: ClassifierAnswers(
            tensors[f"{name}|{end}|predicted"], tensors[f"{name}|{end}|confidence"]
        )
        for end in ENDS
        if f"{name}|{end}|predicted" in tensors
    }
    return DomainPredictions(tensors[f"{name}|sha256"], tensors[f"{name}|label"], answers)
