"""Segmentation into several classes: a label for every voxel, 0 for background.

A metric of masks is then the mean over the classes of the truths, or with `@class2` in its name that of one class. A
class that neither the truth nor the prediction of a case contains is left out of the case's mean, unless the author
sets `absent = "one"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from assignments.data.columns import Cases, Column
from assignments.task_forms import TASK_FORMS
from graders.failures import DataFailure, WrongLabels
from graders.tasks.blind import constant, same_shapes
from graders.tasks.refusals import outside, wrong_form
from graders.tasks.task import Array, Task

HIGHEST_LABEL = 254
UNLABELLED = "no truth has a label other than 0"


def _check_truths(truths: Array) -> None:
    _check_maps(truths)
    if not truths.any():
        raise DataFailure(UNLABELLED)


def _check_maps(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "iu":
        raise DataFailure(f"labels must be integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.size and not 0 <= int(truths.min()) <= int(truths.max()) <= HIGHEST_LABEL:
        raise DataFailure(f"labels must be 0 to {HIGHEST_LABEL}, got {truths.min()} to {truths.max()}")


def _over(truths: Column) -> Task:
    """The task for one case. The highest label is that of all cases: a case need not have every label."""
    if any(np.dtype(case.dtype).kind not in "iu" for case in truths.cases):
        raise DataFailure(f"labels must be integers ([D,] H, W), got {sorted({str(c.dtype) for c in truths.cases})}")
    highest = max(truths.whole_numbers, default=0)
    if highest == 0:
        raise DataFailure(UNLABELLED)
    invalid, worst = partial(_invalid, highest=highest), partial(_worst_predictions, highest=highest)
    return replace(LABEL_MAPS, check_truths=_check_maps, invalid=invalid, worst_predictions=worst)


def _invalid(predictions: Array, truths: Array, highest: int | None = None) -> dict[int, str]:
    if reasons := wrong_form(predictions, truths.shape, "iu"):
        return reasons
    highest = int(truths.max()) if highest is None else highest
    return dict.fromkeys(outside(predictions, 0, highest), WrongLabels.reason)


def _worst_predictions(truths: Array, predictions: Array | None, highest: int | None = None) -> Array:
    """Every voxel in the next class, which is a wrong one."""
    classes = (int(truths.max()) if highest is None else highest) + 1
    return np.asarray((truths.astype(np.int64) + 1) % classes, dtype=np.uint8)


def _labels(predictions: Array) -> Array:
    return predictions


def _baselines(train: Mapping[str, Cases], truths: Cases) -> dict[str, Cases]:
    """Background; the foreground's commonest label everywhere; each voxel's commonest label, where sizes are equal."""
    counts = _counts(train["label"])
    commonest = 1 + int(counts[1:].argmax()) if len(counts) > 1 else 0
    predictions: dict[str, Cases] = {"nothing anywhere": constant(truths, 0, np.uint8)}
    predictions["one class everywhere"] = constant(truths, commonest, np.uint8)
    if same := same_shapes(train["label"], truths):
        labels, shape = same
        votes = np.stack([(labels == label).sum(axis=0) for label in range(len(counts))])
        predictions["the commonest label of each place"] = np.broadcast_to(votes.argmax(axis=0), shape).astype(np.uint8)
    return predictions


def _counts(labels: Cases) -> Array:
    """How many voxels have each label."""
    counts = [np.bincount(case.astype(np.intp).ravel()) for case in labels]
    total = np.zeros(max(map(len, counts)), np.intp)
    for count in counts:
        total[: len(count)] += count
    return total


LABEL_MAPS = Task(
    name="label_maps",
    form=TASK_FORMS["label_maps"],
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"labels": _labels},
    baselines=_baselines,
    over=_over,
)
