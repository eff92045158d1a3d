"""What makes an array of answers unusable, case by case. Nothing is repaired, clipped or truncated."""

from __future__ import annotations

import numpy as np

from graders.failures import NonFiniteAnswer, OutOfRange, WrongShape, WrongType
from graders.tasks.task import Array


def wrong_type(predictions: Array, n: int, kinds: str = "f") -> dict[int, str]:
    """Every one of `n` positions, when the answers are no array of these kinds: an integer is no probability."""
    if type(predictions) is np.ndarray and predictions.dtype.kind in kinds:
        return {}
    return dict.fromkeys(range(n), WrongType.reason)


def wrong_form(predictions: Array, shape: tuple[int, ...], kinds: str = "f") -> dict[int, str]:
    """Every position, when the answers are no array of these kinds and of this shape, whose first number is N."""
    reasons = wrong_type(predictions, shape[0], kinds)
    if not reasons and predictions.shape != shape:
        reasons = dict.fromkeys(range(shape[0]), WrongShape.reason)
    return reasons


def not_finite(predictions: Array) -> dict[int, str]:
    """Positions with a value that is not finite. `predictions` are floats with a leading N."""
    finite = np.isfinite(predictions.reshape(len(predictions), -1)).all(axis=1)
    return {int(i): NonFiniteAnswer.reason for i in np.flatnonzero(~finite)}


def outside(predictions: Array, low: float, high: float) -> dict[int, str]:
    """Positions with a value outside low to high, both allowed; NaN is outside."""
    rows = predictions.reshape(len(predictions), -1)
    inside = ((rows >= low) & (rows <= high)).all(axis=1)
    return {int(i): OutOfRange.reason for i in np.flatnonzero(~inside)}


def not_probabilities(predictions: Array) -> dict[int, str]:
    """Positions with a value that is not finite, or outside 0 to 1. `predictions` are floats with a leading N."""
    return outside(predictions, 0, 1) | not_finite(predictions)
