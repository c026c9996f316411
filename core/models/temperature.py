"""Fits the temperature that makes the labels of held-out images likeliest. Imports no torch."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LOWEST, HIGHEST = 0.05, 20.0
"""Limits of the search: if all images are right the best T is 0, if all are wrong it is
infinite.
"""


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """T with the lowest mean −log softmax(logits/T) of the labels. Logits are (N, C), labels (N,).

    Convex in 1/T; it changes no prediction. Guo et al. 2017, arXiv 1706.04599 §4.2.
    """
    logits = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(labels))

    def nll(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
