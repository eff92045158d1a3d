"""Regression: a number per case (N,), in the unit of the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases, stacked
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.refusals import not_finite, wrong_form
from graders.tasks.task import Array, Task


def _check_truths(truths: Array) -> None:
    if truths.ndim != 1 or truths.dtype.kind not in "iuf" or not np.isfinite(truths).all():
        raise DataFailure(f"numbers must be finite and (N,), got {truths.dtype} {truths.shape}")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, truths.shape) or not_finite(predictions)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """The farther end of the truths' range, or a number as far off as the worst valid prediction: none is worse."""
    t = truths.astype(np.float64)
    low, high = t.min(), t.max()
    down = t - low > high - t
    off = np.where(down, t - low, high - t)
    if predictions is not None:
        errors = np.abs(predictions.astype(np.float64) - t)
        off = np.maximum(off, errors[np.isfinite(errors)].max(initial=0.0))
    return np.asarray(np.where(down, t - off, t + off))


def _number(predictions: Array) -> Array:
    return np.asarray(predictions, dtype=np.float64)


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """The training set's mean for every case, and its median."""
    y, truths = stacked(train["y"]).astype(np.float64), stacked(truths)
    return {
        "the training set's mean": np.full(truths.shape, y.mean(), np.float32),
        "the training set's median": np.full(truths.shape, np.median(y), np.float32),
    }


REGRESSION = Task(
    name="regression",
    form=TASK_FORMS["regression"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"number": _number},
    baselines=_baselines,
)
