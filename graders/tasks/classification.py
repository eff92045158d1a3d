"""Classification: a probability of class 1 per case (N,), or of every class (N, K)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases, stacked
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure, OutOfRange, WrongShape
from graders.tasks.refusals import not_probabilities, wrong_type
from graders.tasks.task import THRESHOLD, Array, Task

SUM_TOLERANCE = 2e-3
"""How far the sum of a row may be from 1: a thousandth, and as much again for a network that computes in float16."""


def _check_truths(truths: Array) -> None:
    if truths.ndim != 1 or truths.dtype.kind not in "iu":
        raise DataFailure(f"classes must be integers (N,), got {truths.dtype} {truths.shape}")
    if truths.size and truths.min() < 0:
        raise DataFailure(f"classes must count from 0, got {truths.min()}")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    reasons = wrong_type(predictions, len(truths))
    if not reasons and not _fits(predictions.shape, truths):
        reasons = dict.fromkeys(range(len(truths)), WrongShape.reason)
    if reasons:
        return reasons
    reasons = not_probabilities(predictions)
    if predictions.ndim == 2:
        sums = predictions.astype(np.float64).sum(axis=1)
        wrong_sum = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
        reasons = {int(i): OutOfRange.reason for i in wrong_sum} | reasons
    return reasons


def _fits(shape: tuple[int, ...], truths: Array) -> bool:
    """Whether predictions of this shape have every class of the truth: (N,) two classes, (N, K) K classes."""
    if len(shape) not in (1, 2) or shape[0] != len(truths):
        return False
    classes = 2 if len(shape) == 1 else shape[1]
    return classes >= 2 and int(truths.max(initial=0)) < classes


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """The wrong class with probability 1: the farthest by number, because of grades the next one is nearly right."""
    rows = predictions is not None and predictions.ndim == 2
    classes = predictions.shape[1] if predictions is not None and rows else max(2, int(truths.max(initial=0)) + 1)
    wrong = np.where(2 * truths.astype(np.int64) < classes, classes - 1, 0)
    if classes == 2 and not rows:
        return np.asarray(wrong, dtype=np.float32)
    return np.asarray(np.eye(classes, dtype=np.float32)[wrong])


def _class(predictions: Array) -> Array:
    """The most probable class. A tie goes to class 1 of two classes, as at a threshold of 0.5, else to the first."""
    if predictions.ndim == 1:
        return (predictions >= THRESHOLD).astype(np.int64)
    if predictions.shape[1] == 2:
        return (predictions[:, 1] >= predictions[:, 0]).astype(np.int64)
    return np.asarray(predictions.argmax(axis=1), dtype=np.int64)


def _unchanged(array: Array) -> Array:
    return array


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """The share of each class in the training set, for every case."""
    y = stacked(train["y"])
    classes = max(2, int(y.max()) + 1)
    shares = np.bincount(y.astype(np.int64), minlength=classes) / len(y)
    row = shares[1] if classes == 2 else shares
    return {"the training set's frequencies": np.tile(row, (len(truths), 1)[: row.ndim + 1]).astype(np.float32)}


CLASSIFICATION = Task(
    name="classification",
    form=TASK_FORMS["classification"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    forms={"class": _class, "probability": _unchanged},
    strata=_unchanged,
    baselines=_baselines,
)
