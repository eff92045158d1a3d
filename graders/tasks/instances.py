"""Instances: each cell or lesion has a number of its own, 0 is background; numbers may have gaps.

A metric of masks reads all instances as one mask.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.blind import constant, same_shapes
from graders.tasks.refusals import outside, wrong_form
from graders.tasks.task import Array, Task

HIGHEST_NUMBER = 2**31 - 1
"""The highest number that an instance may have."""


def _check_truths(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "iu":
        raise DataFailure(f"instances must be integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.size and not 0 <= int(truths.min()) <= int(truths.max()) <= HIGHEST_NUMBER:
        raise DataFailure(f"instances must be numbered from 1, got {truths.min()} to {truths.max()}")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, truths.shape, "iu") or outside(predictions, 0, HIGHEST_NUMBER)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Background in place of every instance, and an instance in place of the background."""
    return np.asarray(truths == 0, dtype=np.int64)


def _instances(numbered: Array) -> Array:
    return numbered


def _mask(numbered: Array) -> Array:
    return np.asarray(numbered > 0)


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """No instance, one instance everywhere, and those of the first training case where all images have one size."""
    predictions = {"nothing anywhere": constant(truths, 0, np.int64)}
    predictions["one instance everywhere"] = constant(truths, 1, np.int64)
    if same := same_shapes(train["instances"], truths):
        instances, shape = same
        predictions["the first training case"] = np.broadcast_to(instances[0], shape)
    return predictions


INSTANCES = Task(
    name="instances",
    form=TASK_FORMS["instances"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"instances": _instances, "mask": _mask},
    truth_forms={"mask": _mask},
    baselines=_baselines,
)
