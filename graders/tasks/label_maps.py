"""Segmentation into several classes: a label for every voxel, 0 for background.

A metric of masks is then the mean over the classes of the truths, or with `@class2` in its name that of one class. A
class that neither the truth nor the prediction of a case contains is left out of the case's mean, unless the author
sets `absent = "one"`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graders.failures import DataFailure, WrongLabels
from graders.tasks.refusals import outside, wrong_form
from graders.tasks.task import Array, Task

HIGHEST_LABEL = 254


def _check_truths(truths: Array) -> None:
    if truths.ndim < 3 or truths.dtype.kind not in "iu":
        raise DataFailure(f"labels must be integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.size and not 0 <= int(truths.min()) <= int(truths.max()) <= HIGHEST_LABEL:
        raise DataFailure(f"labels must be 0 to {HIGHEST_LABEL}, got {truths.min()} to {truths.max()}")
    if not truths.any():
        raise DataFailure("no truth has a label other than 0")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    if reasons := wrong_form(predictions, truths.shape, "iu"):
        return reasons
    return dict.fromkeys(outside(predictions, 0, int(truths.max())), WrongLabels.reason)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Every voxel in the next class, which is a wrong one."""
    classes = int(truths.max()) + 1
    return np.asarray((truths.astype(np.int64) + 1) % classes, dtype=np.uint8)


def _labels(predictions: Array) -> Array:
    return predictions


def _baselines(train: Mapping[str, Array], truths: Array) -> dict[str, Array]:
    """Background; the foreground's commonest label everywhere; each voxel's commonest label, where sizes are equal."""
    labels, shape = train["label"].astype(np.intp), truths.shape
    counts = np.bincount(labels.ravel())
    commonest = 1 + counts[1:].argmax() if len(counts) > 1 else 0
    predictions = {"nothing anywhere": np.zeros(shape, np.uint8)}
    predictions["one class everywhere"] = np.full(shape, commonest, np.uint8)
    if labels.shape[1:] == shape[1:]:
        votes = np.stack([(labels == label).sum(axis=0) for label in range(len(counts))])
        predictions["the commonest label of each place"] = np.broadcast_to(votes.argmax(axis=0), shape).astype(np.uint8)
    return predictions


LABEL_MAPS = Task(
    name="label_maps",
    entry="predict",
    truth="label",
    prediction="label",
    check_truths=_check_truths,
    invalid=_invalid,
    worst_predictions=_worst_predictions,
    probabilities=False,
    forms={"labels": _labels},
    baselines=_baselines,
)
