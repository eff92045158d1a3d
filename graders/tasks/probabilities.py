"""What makes an array of probabilities unusable, case by case. Nothing is repaired, clipped or truncated."""

from __future__ import annotations

import numpy as np

from graders.failures import NotFinite, OutOfRange, WrongType
from graders.tasks.task import Array


def wrong_type(answers: Array, n: int) -> dict[int, str]:
    """Every position, when the answers are no floating-point array: an integer is no probability."""
    if type(answers) is np.ndarray and answers.dtype.kind == "f":
        return {}
    return dict.fromkeys(range(n), WrongType.reason)


def refused_probabilities(answers: Array) -> dict[int, str]:
    """Positions with a value that is not finite, or outside 0 to 1. `answers` are floats with a leading N."""
    rows = answers.reshape(len(answers), -1)
    finite = np.isfinite(rows).all(axis=1)
    outside = ~((rows >= 0) & (rows <= 1)).all(axis=1)
    reasons = {int(i): OutOfRange.reason for i in np.flatnonzero(outside)}
    return reasons | {int(i): NotFinite.reason for i in np.flatnonzero(~finite)}
