"""The answers of every mixing to every measured image: a file next to the record.

With it, any α of the grid can be tested against zero-shot, or chosen again on other images. Imports
no torch, so that the page and the command line can read it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.durable import publish
from core.errors import UserError
from core.results.records import MixingKind

REJECTED_FROM = 1.645
"""An α this many standard errors below the best is rejected: a one-sided 5 % test."""


@dataclass(frozen=True)
class MixingAnswers:
    """The answers of one mixing to the N images of a domain."""

    hits: NDArray[np.bool_]
    """(N,): True where the likeliest class is correct."""
    log_likelihood: NDArray[np.float32]
    """(N,): log-likelihood of the true class, in nats."""


@dataclass(frozen=True)
class Grid:
    """Answers by kind of mixing, α and domain; images in the order of `predictions.safetensors`."""

    alphas: tuple[float, ...]
    rows: Mapping[tuple[MixingKind, float, str], MixingAnswers]

    def of(self, kind: MixingKind, alpha: float, domain: str) -> MixingAnswers:
        """The answers of one mixing on one domain. Raises `UserError` if the grid lacks them."""
        try:
            return self.rows[kind, alpha, domain]
        except KeyError:
            raise UserError(
                f"alpha: {kind} at {alpha:g} on {domain} was not measured. The grid has "
                f"{', '.join(f'{one:g}' for one in self.alphas)}."
            ) from None

    def log_likelihoods(self, kind: MixingKind, domain: str) -> NDArray[np.float32]:
        """(A, N): log-likelihoods, one row per α, ascending."""
        return np.stack([self.of(kind, a, domain).log_likelihood for a in self.alphas])

    def hits(self, kind: MixingKind, domain: str) -> NDArray[np.bool_]:
        """(A, N): correct answers, one row per α, ascending."""
        return np.stack([self.of(kind, a, domain).hits for a in self.alphas])

    def has(self, kind: MixingKind, domain: str) -> bool:
        """True if every α was measured with this kind of mixing on the domain."""
        return all((kind, alpha, domain) in self.rows for alpha in self.alphas)

    def write(self, path: Path) -> None:
        """Writes atomically: five bytes per image, α and kind."""
        tensors: dict[str, NDArray[Any]] = {}
        names = dict.fromkeys((kind, domain) for kind, _, domain in self.rows)
        for kind, domain in names:
            tensors[f"{kind}|{domain}|hits"] = self.hits(kind, domain).view(np.uint8)
            tensors[f"{kind}|{domain}|log_likelihood"] = self.log_likelihoods(kind, domain)
        metadata = {"alphas": json.dumps(self.alphas), "tables": json.dumps([*names])}
        publish(path, lambda partial: save_file(tensors, partial, metadata=metadata))

    @classmethod
    def read(cls, path: Path) -> "Grid":
        """Reads the file. Raises `UserError` if it is missing or damaged."""
        try:
            with safe_open(path, "np") as file:
                told = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            alphas = tuple(float(alpha) for alpha in json.loads(told["alphas"]))
            rows = {
                (kind, alpha, domain): MixingAnswers(
                    tensors[f"{kind}|{domain}|hits"][place].view(np.bool_),
                    tensors[f"{kind}|{domain}|log_likelihood"][place],
                )
                for kind, domain in json.loads(told["tables"])
                for place, alpha in enumerate(alphas)
            }
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} is missing or damaged ({error}). Train the run again."
            ) from None
        return cls(alphas, rows)


def as_good_as_the_best(
    alphas: Sequence[float], log_likelihoods: NDArray[np.floating], errors: float = 1.0
) -> list[float]:
    """Every α whose mean log-likelihood is within `errors` paired standard errors of the best.

    `log_likelihoods` (A, N): one row per α. Ascending. The standard error is of the difference per
    image. It is far smaller than that of either mean, because neighbouring mixtures make errors on
    the same images.
    """
    table = np.asarray(log_likelihoods, dtype=np.float64)
    behind = table[table.mean(1).argmax()] - table  # (A, N)
    n = table.shape[1]
    error = behind.std(1, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(len(table))
    return sorted(
        alpha
        for alpha, gap, e in zip(alphas, behind.mean(1), error, strict=True)
        if gap <= errors * e
    )


def best(kind: MixingKind, alphas: Sequence[float], log_likelihoods: NDArray[np.floating]) -> float:
    """The best α of one kind of mixing, chosen on some images. One row per α, (A, N).

    Weights that answer every image (`wise`) take the likeliest α. With a gate (`steady`), a larger
    α costs nothing on other images, so α is the largest that these images do not reject.
    docs/benchmark.md compares the rules. Accuracy is not used: on a few dozen images, one or two of
    them decide it.
    """
    if kind == "steady":
        return as_good_as_the_best(alphas, log_likelihoods, errors=REJECTED_FROM)[-1]
    return as_good_as_the_best(alphas, log_likelihoods, errors=0)[0]
