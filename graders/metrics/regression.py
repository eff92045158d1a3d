"""Errors of predicted numbers: absolute error, RMSE, R². Images are in `images.py`.

Predictions and truths are finite numbers (N,) in the unit of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.checks import finite, positive
from graders.metrics.metric import Array, CaseInfo, Floats


def absolute_error(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Absolute error per case, whose mean is the MAE; 0 to `at`, the declared range of the truth's values."""
    predicted, true = _numbers(predictions, truths)
    return np.minimum(np.abs(predicted - true), positive(at, "the range of values"))


def rmse(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Root of the mean squared error of the set, in the unit of the truth; 0 or more, lower is better."""
    return float(rmse_resampled(predictions, truths, np.ones((1, len(truths))))[0])


def rmse_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """RMSE of each resample."""
    predicted, true = _numbers(predictions, truths)
    return np.asarray(np.sqrt(counts @ (predicted - true) ** 2 / counts.sum(axis=1)))


def r2(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Coefficient of determination: 1 at best, 0 for predicting the truths' mean, and without a lowest value.

    It is undefined where the truths are all equal, and then raises `ValueError`.
    """
    return float(r2_resampled(predictions, truths, np.ones((1, len(truths))))[0])


def r2_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """R² of each resample; a resample of equal truths takes the lowest value of the others."""
    predicted, true = _numbers(predictions, truths)
    if np.ptp(true) == 0:
        raise ValueError("R2 is undefined where the truth is constant")
    n = counts.sum(axis=1)
    centred = true - true.mean()
    total = counts @ centred**2 - (counts @ centred) ** 2 / n
    drawn = total > 1e-12 * n * centred.var()
    if not drawn.any():
        raise ValueError("R2 is undefined: the truths are equal in every resample")
    values = 1 - (counts @ (predicted - true) ** 2) / np.where(drawn, total, 1.0)
    return np.asarray(np.where(drawn, values, values[drawn].min()))


def _numbers(predictions: Array, truths: Array) -> tuple[Floats, Floats]:
    if predictions.ndim != 1 or predictions.shape != truths.shape or not len(truths):
        raise ValueError(f"numbers of shapes {predictions.shape} and {truths.shape}; both must be (N,), N > 0")
    return finite(predictions, "the predictions"), finite(truths, "the truths")
