"""Rules that choose α, compared on finished runs: what each would have given at home and elsewhere.

A rule sees validation alone, but for the oracle, which sees what is reported and bounds the rest.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.results.grid import REJECTED_FROM, Grid, as_good_as_the_best
from core.results.records import MixingKind


@dataclass(frozen=True)
class Measured:
    """One run under one kind of mixing: validation, and what is reported, at every α."""

    method: str
    alphas: tuple[float, ...]
    hits: NDArray[np.bool_]
    """(A, N) on validation."""
    log_likelihood: NDArray[np.floating]
    """(A, N) on validation."""
    id_change: tuple[float, ...]
    """By α, from zero-shot, fractions of 1."""
    ood_change: tuple[float, ...]
    """The same as the unweighted mean over the OOD domains."""

    @property
    def gain(self) -> list[float]:
        """ID plus OOD change by α: what a rule is judged by."""
        return [sum(pair) for pair in zip(self.id_change, self.ood_change, strict=True)]


def _accuracy_then_nll(run: Measured) -> float:
    scores = zip(-run.hits.mean(1), -run.log_likelihood.mean(1), run.alphas, strict=True)
    return float(min(scores)[2])


def _best_nll(run: Measured) -> float:
    return float(min(zip(-run.log_likelihood.mean(1), run.alphas, strict=True))[1])


def _within_one_image(run: Measured) -> float:
    right = run.hits.sum(1)
    return min(a for a, hit in zip(run.alphas, right, strict=True) if hit >= right.max() - 1)


def _oracle(run: Measured) -> float:
    return max(zip(run.gain, run.alphas, strict=True))[1]


RULES: Mapping[str, Callable[[Measured], float]] = {
    "best accuracy, then NLL": _accuracy_then_nll,
    "the same, at most 0.8": lambda run: max(
        alpha for alpha in run.alphas if alpha <= min(0.8, _accuracy_then_nll(run))
    ),
    "within one image of the best, smallest": _within_one_image,
    "best NLL": _best_nll,
    "within one paired SE in NLL, smallest": lambda run: _as_good(run)[0],
    "within one paired SE in NLL, largest": lambda run: _as_good(run)[-1],
    "not rejected by NLL, largest": lambda run: _as_good(run, REJECTED_FROM)[-1],
    "always 0.5": lambda run: min(run.alphas, key=lambda alpha: abs(alpha - 0.5)),
    "always 1": lambda run: 1.0,
    "oracle: best ID + OOD on test": _oracle,
}


def _as_good(run: Measured, errors: float = 1.0) -> list[float]:
    return as_good_as_the_best(run.alphas, run.log_likelihood, errors)


def measured(method: str, grid: Grid, kind: MixingKind, domains: Sequence[str]) -> Measured | None:
    """From a run's grid; None where it has no validation, no OOD domain or no such mixing."""
    ood = [name for name in domains if name.startswith("ood/")]
    if not ood or not all(grid.has(kind, name) for name in ("val", "test", *ood)):
        return None
    changes = {name: _change(grid, kind, name) for name in ("test", *ood)}
    return Measured(
        method=method,
        alphas=grid.alphas,
        hits=grid.hits(kind, "val"),
        log_likelihood=grid.log_likelihoods(kind, "val"),
        id_change=tuple(changes["test"]),
        ood_change=tuple(np.mean([changes[name] for name in ood], axis=0)),
    )


def compare(runs: Sequence[Measured]) -> list[dict[str, Any]]:
    """A row a rule: mean α, ID and OOD change over the runs, and how many runs lost elsewhere."""
    return [
        {"rule": name, **_mean([_at(run, rule(run)) for run in runs])}
        for name, rule in RULES.items()
    ]


def leave_one_method_out(runs: Sequence[Measured]) -> dict[str, Any]:
    """For each method the rule that is best (ID + OOD) on all others: which, and what it gives."""
    honest = {name: rule for name, rule in RULES.items() if not name.startswith("oracle")}
    chosen, given = [], []
    for left_out in dict.fromkeys(run.method for run in runs):
        others = [run for run in runs if run.method != left_out]
        if not others:
            continue
        best = max(honest, key=lambda name: statistics.fmean(_gain(others, honest[name])))
        chosen.append(best)
        given += [_at(run, honest[best](run)) for run in runs if run.method == left_out]
    if not given:
        return {}
    return {"rules": sorted(set(chosen)), **_mean(given)}


def _gain(runs: Iterable[Measured], rule: Callable[[Measured], float]) -> list[float]:
    return [run.gain[run.alphas.index(rule(run))] for run in runs]


def _at(run: Measured, alpha: float) -> tuple[float, float, float]:
    place = run.alphas.index(alpha)
    return alpha, run.id_change[place], run.ood_change[place]


def _mean(found: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    alphas, at_home, elsewhere = zip(*found, strict=True)
    return {
        "runs": len(found),
        "alpha": statistics.fmean(alphas),
        "id_change": statistics.fmean(at_home),
        "ood_change": statistics.fmean(elsewhere),
        "worst_ood_change": min(elsewhere),
    }


def _change(grid: Grid, kind: MixingKind, name: str) -> NDArray[np.floating]:
    hits = grid.hits(kind, name).mean(1)
    change: NDArray[np.floating] = hits - grid.of("wise", 0.0, name).hits.mean()
    return change
