"""Multinomial logistic regression: scikit-learn's objective and solver with PyTorch's matrix
products.

The same L-BFGS-B with the same stopping rule minimises the same function. So the coefficients are
those of `sklearn.linear_model.LogisticRegression` up to rounding.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits
from torch import Tensor

TOLERANCE = 1e-4
"""Largest entry of the gradient at which a fit ends; scikit-learn's default."""


class Logistic:
    """Fits W `(R, D)` and b `(R,)` to points; two classes have one row, as in scikit-learn."""

    def __init__(self, points: Tensor, targets: Tensor, classes: int, intercept: bool) -> None:
        """`points` (N, D) in fp64, `targets` (N,) from 0 to `classes` − 1."""
        self._points = points
        self._targets = targets[:, None]
        self._rows = 1 if classes == 2 else classes
        self._intercept = intercept
        self._found = np.zeros(self._rows * (points.shape[1] + intercept))

    def fit(
        self, strength: float, iterations: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """W and b for the inverse penalty C = `strength`; starts where the last fit stopped."""
        penalty = 1 / (strength * len(self._points))
        options = {
            "maxiter": iterations,
            "maxls": 50,
            "gtol": TOLERANCE,
            "ftol": 64 * np.finfo(float).eps,
        }
        # The solver's own threads would spin while PyTorch's need the cores: four times as slow.
        with threadpool_limits(1, user_api="blas"):
            self._found = minimize(
                self._objective,
                self._found,
                args=(penalty,),
                method="L-BFGS-B",
                jac=True,
                options=options,
            ).x
        weight, bias = self._parts(torch.from_numpy(self._found))
        return weight.numpy().copy(), bias.numpy().copy()

    def _objective(
        self, found: NDArray[np.float64], penalty: float
    ) -> tuple[float, NDArray[np.float64]]:
        """Mean cross entropy + penalty/2·‖W‖², and its gradient."""
        weight, bias = self._parts(torch.from_numpy(found))
        logits = (self._points @ weight.T).add_(bias)  # (N, R)
        if self._rows == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        shares = logits.log_softmax(dim=1)
        loss = -shares.gather(1, self._targets).mean() + penalty / 2 * weight.square().sum()
        error = shares.exp_()
        error.scatter_add_(1, self._targets, error.new_full(self._targets.shape, -1.0))
        error = error[:, -self._rows :].div_(len(error))
        slope = np.empty_like(found)
        own, shift = self._parts(torch.from_numpy(slope))
        torch.addmm(weight, error.T, self._points, beta=penalty, out=own)
        shift.copy_(error.sum(dim=0))
        return float(loss), slope

    def _parts(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Views of W and b, which are stored one after the other; without an intercept b is
        zero.
        """
        size = self._rows * self._points.shape[1]
        bias = found[size:] if self._intercept else found.new_zeros(self._rows)
        return found[:size].view(self._rows, -1), bias
