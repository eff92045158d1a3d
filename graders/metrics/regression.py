"""How far numbers are from the truth: absolute error, RMSE, R². Images are in `images.py`.

Answers and truths are finite numbers (N,) in the unit of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.given import finite, positive
from graders.metrics.metric import Array, Case, Floats


def absolute_error(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Absolute error per case, whose mean is the MAE; `at` at most, the range of values that the truth may have."""
    one, other = _numbers(answers, truths)
    return np.minimum(np.abs(one - other), positive(at, "the range of values"))


def rmse(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Root of the mean squared error of the set."""
    return float(rmse_resampled(answers, truths, np.ones((1, len(truths))))[0])


def rmse_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """RMSE of each resample."""
    one, other = _numbers(answers, truths)
    return np.asarray(np.sqrt(counts @ (one - other) ** 2 / counts.sum(axis=1)))


def r2(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Coefficient of determination, 1 at best: 0 is what the truth's own mean earns, and there is no lowest value.

    Refused where the truth is constant, as it is undefined there.
    """
    return float(r2_resampled(answers, truths, np.ones((1, len(truths))))[0])


def r2_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """R² of each resample; one that drew the same truth only takes the lowest value of the others."""
    one, other = _numbers(answers, truths)
    if np.ptp(other) == 0:
        raise ValueError("R2 is undefined where the truth is constant")
    n = counts.sum(axis=1)
    centred = other - other.mean()
    total = counts @ centred**2 - (counts @ centred) ** 2 / n
    drawn = total > 1e-12 * n * centred.var()
    if not drawn.any():
        raise ValueError("R2 is undefined: every resample drew one truth only")
    found = 1 - (counts @ (one - other) ** 2) / np.where(drawn, total, 1.0)
    return np.asarray(np.where(drawn, found, found[drawn].min()))


def _numbers(answers: Array, truths: Array) -> tuple[Floats, Floats]:
    if answers.ndim != 1 or answers.shape != truths.shape or not len(truths):
        raise ValueError(f"numbers of shapes {answers.shape} and {truths.shape}; both must be (N,), N > 0")
    return finite(answers, "the answers"), finite(truths, "the truths")
