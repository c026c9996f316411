"""Builds an `Inspection` from the logits of three classifiers. Imports no torch."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.data.dataset import Item
from core.models.temperature import fit_temperature
from core.results.calibration import calibration_error, reliability
from core.results.inspection import Calibration, InspectedAnswers, InspectedDomain, Inspection
from core.results.records import Mixing

Logits = Mapping[str, NDArray[np.floating]]


def inspect(
    mixing: Mixing,
    names: tuple[Sequence[str], Sequence[str]],
    items: Mapping[str, Sequence[Item]],
    columns: Mapping[str, Logits],
) -> Inspection:
    """Builds it from logits (N, C) by column and domain. `names` are the class folders with their
    display names.
    """
    labels = {name: np.array([item.label for item in rows]) for name, rows in items.items()}
    temperatures = {}
    if "val" in items:
        temperatures = {c: fit_temperature(by["val"], labels["val"]) for c, by in columns.items()}
    domains = {
        name: InspectedDomain(
            sha256=[item.sha256 for item in rows],
            labels=labels[name].tolist(),
            answers={
                column: _answered(by[name], labels[name], temperatures.get(column))
                for column, by in columns.items()
            },
        )
        for name, rows in items.items()
    }
    return Inspection(
        alpha=mixing.alpha,
        mixing=mixing,
        classes=list(names[0]),
        names=list(names[1]),
        temperatures=temperatures,
        domains=domains,
    )


def _answered(
    logits: NDArray[np.floating], labels: NDArray[np.integer], temperature: float | None
) -> InspectedAnswers:
    predicted = logits.argmax(1)
    hits = predicted == labels
    sure = _confidence(logits, 1.0)
    return InspectedAnswers(
        predicted=predicted.tolist(),
        confidence=np.round(sure, 5).tolist(),
        plain=_calibration(sure, hits),
        scaled=_calibration(_confidence(logits, temperature), hits) if temperature else None,
    )


def _confidence(logits: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    sure: NDArray[np.floating] = softmax(logits.astype(np.float64) / temperature, axis=1).max(1)
    return sure


def _calibration(confidence: NDArray[np.floating], hits: NDArray[np.bool_]) -> Calibration:
    bins = reliability(confidence, hits)
    return Calibration(ece=calibration_error(bins), bins=bins)
