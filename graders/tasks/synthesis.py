"""Synthesis: an image per case (N, ..., H, W), in the unit of the truth.

Where the data have a `mask`, such as that of the body, only voxels inside it count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases, Column
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.blind import constant, mean, same_shapes
from graders.tasks.refusals import not_finite, wrong_form
from graders.tasks.task import Array, Task


def _check_truths(truths: Array) -> None:
    target = truths["target"]
    if target.ndim < 3 or target.dtype.kind not in "iuf" or not np.isfinite(target).all():
        raise DataFailure(f"images must be finite and (N, ..., H, W), got {target.dtype} {target.shape}")
    if "mask" in (truths.dtype.names or ()):
        mask = truths["mask"]
        if mask.shape != target.shape or mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
            raise DataFailure(f"masks must be 0 and 1 and {target.shape}, got {mask.dtype} {mask.shape}")
        if not mask.reshape(len(mask), -1).any(axis=1).all():
            raise DataFailure("a mask is empty: no voxel of its image counts")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, truths["target"].shape) or not_finite(predictions)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Every voxel at the farther end of the truths' range. Metrics per case declare their own worst values."""
    t = truths["target"].astype(np.float64)
    low, high = t.min(), t.max()
    return np.asarray(np.where(t - low > high - t, low, high))


def _image(predictions: Array) -> Array:
    return np.asarray(predictions, dtype=np.float64)


def _masked_target(truths: Array) -> Array:
    """The target, masked where voxels do not count."""
    left_out = truths["mask"] == 0 if "mask" in (truths.dtype.names or ()) else np.ma.nomask
    return np.ma.MaskedArray(truths["target"].astype(np.float64), mask=left_out)


def _mean_inside(cases: Cases, masks: Cases) -> float:
    """The mean of the numbers of all cases where their masks are not 0."""
    inside = [np.asarray(case, np.float64)[np.asarray(mask) != 0] for case, mask in zip(cases, masks, strict=True)]
    return math.fsum(float(numbers.sum()) for numbers in inside) / sum(len(numbers) for numbers in inside)


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """The training targets' mean everywhere, and voxel by voxel where all images have one size; of voxels that count.

    Air that does not count would darken both, and an answer without any input would then seem worse than it is.
    """
    target, mask = train["target"], train.get("mask")
    if not isinstance(target, Column):
        target = target.astype(np.float64)
    level = mean(target) if mask is None else _mean_inside(target, mask)
    predictions = {"the mean training intensity": constant(truths, level, np.float32, "target")}
    if not isinstance(truths, Column) and (same := same_shapes(target, truths["target"])):
        targets, shape = same
        inside = np.ones(targets.shape, bool) if mask is None else np.asarray(mask) != 0
        counts = inside.sum(axis=0)
        image = np.where(counts, (targets * inside).sum(axis=0) / np.maximum(counts, 1), level)
        predictions["the mean training image"] = np.broadcast_to(image, shape).astype(np.float32)
    return predictions


SYNTHESIS = Task(
    name="synthesis",
    form=TASK_FORMS["synthesis"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"image": _image},
    truth_forms={"image": _masked_target},
    baselines=_baselines,
)
