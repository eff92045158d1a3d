"""Finds predictions that cannot be scored, case by case. None is repaired, clipped or truncated."""

from __future__ import annotations

import numpy as np

from graders.failures import NonFiniteAnswer, OutOfRange, WrongShape, WrongType
from graders.tasks.task import Array


def wrong_type(predictions: Array, n: int, kinds: str = "f") -> dict[int, str]:
    """All `n` indices, if the predictions are not an array of these kinds: an integer is not a probability."""
    if type(predictions) is np.ndarray and predictions.dtype.kind in kinds:
        return {}
    return dict.fromkeys(range(n), WrongType.reason)


def wrong_form(predictions: Array, shape: tuple[int, ...], kinds: str = "f") -> dict[int, str]:
    """All N indices, if the predictions are not an array of these kinds and of this shape (N, ...)."""
    reasons = wrong_type(predictions, shape[0], kinds)
    if not reasons and predictions.shape != shape:
        reasons = dict.fromkeys(range(shape[0]), WrongShape.reason)
    return reasons


def not_finite(predictions: Array) -> dict[int, str]:
    """Indices of predictions with a value that is not finite. `predictions` are floats with a leading N."""
    finite = np.isfinite(predictions.reshape(len(predictions), -1)).all(axis=1)
    return {int(i): NonFiniteAnswer.reason for i in np.flatnonzero(~finite)}


def outside(predictions: Array, low: float, high: float) -> dict[int, str]:
    """Indices of predictions with a value below `low` or above `high`, or NaN."""
    rows = predictions.reshape(len(predictions), -1)
    inside = ((rows >= low) & (rows <= high)).all(axis=1)
    return {int(i): OutOfRange.reason for i in np.flatnonzero(~inside)}


def not_probabilities(predictions: Array) -> dict[int, str]:
    """Indices of predictions with a value that is not finite, or outside 0 to 1. They are floats with a leading N."""
    return outside(predictions, 0, 1) | not_finite(predictions)
