"""Regression: a number per case (N,), in the unit of the truth. Computes no metric."""

from __future__ import annotations

import numpy as np

from graders.failures import DataFailure, NotFinite, WrongShape
from graders.tasks.probabilities import wrong_type
from graders.tasks.task import Array, Task


def _check_truths(truths: Array) -> None:
    if truths.ndim != 1 or truths.dtype.kind not in "iuf" or not np.isfinite(truths).all():
        raise DataFailure(f"numbers are finite and (N,), got {truths.dtype} {truths.shape}")


def _refused(answers: Array, truths: Array) -> dict[int, str]:
    reasons = wrong_type(answers, len(truths))
    if not reasons and answers.shape != truths.shape:
        reasons = dict.fromkeys(range(len(truths)), WrongShape.reason)
    return reasons or {int(i): NotFinite.reason for i in np.flatnonzero(~np.isfinite(answers))}


def _failures(truths: Array, answers: Array | None) -> Array:
    """The end of the truths' range that is farther off, or as far off as the worst answer given: none does worse."""
    t = truths.astype(np.float64)
    low, high = t.min(), t.max()
    down = t - low > high - t
    off = np.where(down, t - low, high - t)
    if answers is not None:
        errors = np.abs(answers.astype(np.float64) - t)
        off = np.maximum(off, errors[np.isfinite(errors)].max(initial=0.0))
    return np.asarray(np.where(down, t - off, t + off))


def _number(answers: Array) -> Array:
    return np.asarray(answers, dtype=np.float64)


REGRESSION = Task(
    name="regression",
    entry="predict",
    truth="y",
    answer="value",
    check_truths=_check_truths,
    refused=_refused,
    failures=_failures,
    probabilities=False,
    readings={"number": _number},
)
