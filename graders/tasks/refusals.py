"""What makes an array of answers unusable, case by case. Nothing is repaired, clipped or truncated."""

from __future__ import annotations

import numpy as np

from graders.failures import NotFinite, OutOfRange, WrongShape, WrongType
from graders.tasks.task import Array


def wrong_type(answers: Array, n: int, kinds: str = "f") -> dict[int, str]:
    """Every one of `n` positions, when the answers are no array of these kinds: an integer is no probability."""
    if type(answers) is np.ndarray and answers.dtype.kind in kinds:
        return {}
    return dict.fromkeys(range(n), WrongType.reason)


def wrong_form(answers: Array, shape: tuple[int, ...], kinds: str = "f") -> dict[int, str]:
    """Every position, when the answers are no array of these kinds and of this shape, whose first number is N."""
    reasons = wrong_type(answers, shape[0], kinds)
    if not reasons and answers.shape != shape:
        reasons = dict.fromkeys(range(shape[0]), WrongShape.reason)
    return reasons


def not_finite(answers: Array) -> dict[int, str]:
    """Positions with a value that is not finite. `answers` are floats with a leading N."""
    finite = np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)
    return {int(i): NotFinite.reason for i in np.flatnonzero(~finite)}


def outside(answers: Array, low: float, high: float) -> dict[int, str]:
    """Positions with a value outside low to high, both allowed; NaN is outside."""
    rows = answers.reshape(len(answers), -1)
    inside = ((rows >= low) & (rows <= high)).all(axis=1)
    return {int(i): OutOfRange.reason for i in np.flatnonzero(~inside)}


def no_probabilities(answers: Array) -> dict[int, str]:
    """Positions with a value that is not finite, or outside 0 to 1. `answers` are floats with a leading N."""
    return outside(answers, 0, 1) | not_finite(answers)
