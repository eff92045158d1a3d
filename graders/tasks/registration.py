"""Registration: a displacement field per case, (N, d, [D,] H, W), from the fixed to the moving image.

Units and directions are those of `graders.metrics.registration`: voxels, in the order of the axes. The truths are both
images' labels (N, 2, [D,] H, W), with the fixed image first, and 0 where there are none. Where the data have them, they
include both images' `landmarks` (N, 2, P, d) in voxels, with NaN where a case has fewer than P.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assignments.data.columns import Cases, Column, case_shapes, filled
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure
from graders.tasks.refusals import not_finite, wrong_form
from graders.tasks.task import Array, Task


def _check_truths(truths: Array) -> None:
    labels = truths["labels"]
    if labels.ndim not in (4, 5) or labels.shape[1] != 2 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise DataFailure(f"labels must be integers (N, 2, [D,] H, W), got {labels.dtype} {labels.shape}")
    if "landmarks" in (truths.dtype.names or ()):
        marks, d = truths["landmarks"], labels.ndim - 2
        if marks.ndim != 4 or marks.shape[1] != 2 or marks.shape[3] != d or marks.dtype.kind not in "iuf":
            raise DataFailure(f"landmarks must be numbers (N, 2, P, {d}), got {marks.dtype} {marks.shape}")
        in_both = np.isfinite(marks).all(axis=(1, 3))
        if not in_both.any(axis=1).all():
            raise DataFailure("a case has no landmark with a position in both images")


def _field_shape(truths: Array) -> tuple[int, ...]:
    n, _, *image = truths["labels"].shape
    return (n, len(image), *image)


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    return wrong_form(predictions, _field_shape(truths)) or not_finite(predictions)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """No displacement. Metrics per case declare their own worst values."""
    return np.zeros(_field_shape(truths), np.float32)


def _field(predictions: Array) -> Array:
    return predictions


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """No displacement, which shows the error before registration."""
    if isinstance(truths, Column):
        images = [shape[1:] for shape in case_shapes(truths, "labels")]
        return {"no displacement": filled([(len(image), *image) for image in images], 0, np.float32)}
    return {"no displacement": np.zeros(_field_shape(truths), np.float32)}


REGISTRATION = Task(
    name="registration",
    form=TASK_FORMS["registration"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"field": _field},
    baselines=_baselines,
)
