"""Segmentation into several classes: a label for every voxel, 0 for background. Computes no metric.

A metric of masks is then the mean over the classes that the truths hold, or with `@class2` in its name that of one. A
class that neither truth nor answer of a case holds is left out of its mean, unless the author decides otherwise.
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
        raise DataFailure(f"labels are integers (N, ..., H, W), got {truths.dtype} {truths.shape}")
    if truths.size and not 0 <= int(truths.min()) <= int(truths.max()) <= HIGHEST_LABEL:
        raise DataFailure(f"labels are 0 to at most {HIGHEST_LABEL}, got {truths.min()} to {truths.max()}")
    if not truths.any():
        raise DataFailure("no truth holds any label but 0")


def _invalid(predictions: Array, truths: Array) -> dict[int, str]:
    if reasons := wrong_form(predictions, truths.shape, "iu"):
        return reasons
    return dict.fromkeys(outside(predictions, 0, int(truths.max())), WrongLabels.reason)


def _worst_predictions(truths: Array, predictions: Array | None) -> Array:
    """Every voxel in the next class, which is wrong."""
    classes = int(truths.max()) + 1
    return np.asarray((truths.astype(np.int64) + 1) % classes, dtype=np.uint8)


def _labels(predictions: Array) -> Array:
    return predictions


def _baselines(train: Mapping[str, Array], truths: Array) -> dict[str, Array]:
    """Nothing, the commonest label of the foreground everywhere, and that of each place where images are alike."""
    labels, shape = train["label"].astype(np.intp), truths.shape
    counts = np.bincount(labels.ravel())
    found = {"nothing anywhere": np.zeros(shape, np.uint8)}
    found |= {"one class everywhere": np.full(shape, 1 + counts[1:].argmax() if len(counts) > 1 else 0, np.uint8)}
    if labels.shape[1:] == shape[1:]:
        votes = np.stack([(labels == label).sum(axis=0) for label in range(len(counts))])
        found["the commonest label of each place"] = np.broadcast_to(votes.argmax(axis=0), shape).astype(np.uint8)
    return found


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
