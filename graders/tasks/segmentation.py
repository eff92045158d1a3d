"""Binary segmentation: a probability for every voxel; 0.5 and more is foreground."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.blind import constant, mean, same_shapes
from graders.tasks.refusals import not_probabilities, wrong_form
from graders.tasks.task import THRESHOLD, Array, Task


def _check_truths(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "biu":
        raise DataFailure(f"labels must be integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.dtype.kind != "b" and truths.size and (truths.min() < 0 or truths.max() > 1):
        raise DataFailure(f"labels must be 0 and 1, got {truths.min()} to {truths.max()}")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, truths.shape) or not_probabilities(predictions)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Every voxel wrong, with certainty."""
    return np.asarray(1 - truths.astype(np.float16))


def _mask(predictions: Array) -> Array:
    return np.asarray(predictions >= THRESHOLD)


def _probability(predictions: Array) -> Array:
    return predictions


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """Background; foreground; the training labels' mean everywhere, and voxel by voxel where all sizes are equal."""
    predictions = {"nothing anywhere": constant(truths, 0, np.float32)}
    predictions["everything foreground"] = constant(truths, 1, np.float32)
    predictions["the training set's frequencies"] = constant(truths, mean(train["label"]), np.float32)
    if same := same_shapes(train["label"], truths):
        labels, shape = same
        predictions["the mean training case"] = np.broadcast_to(labels.mean(axis=0), shape).astype(np.float32)
    return predictions


SEGMENTATION = Task(
    name="segmentation",
    form=TASK_FORMS["segmentation"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    forms={"mask": _mask, "probability": _probability},
    baselines=_baselines,
)
