"""Overlap of two masks: Dice, IoU, volume error. Distances between their surfaces are in `geometry.py`.

Masks are boolean, or integers that are 0 or 1, of shape (N, ...). Floats are refused, never truncated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, CaseInfo, Floats


def dice(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Dice coefficient 2|A∩B| / (|A|+|B|) per case, 0 to 1. Both empty: 1. One empty: 0.

    Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945).
    """
    both, prediction, truth = volumes(predictions, truths)
    return ratio(2 * both, prediction + truth, both_empty=1.0)


def iou(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Intersection over union |A∩B| / |A∪B| per case, 0 to 1, Jaccard's index. Both empty: 1. One empty: 0."""
    both, prediction, truth = volumes(predictions, truths)
    return ratio(both, prediction + truth - both, both_empty=1.0)


def volume_error(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Relative volume error ||A| - |B|| / |B| per case, of a prediction A and a truth B; lower is better.

    Both empty: 0. Only the truth empty: the number of the image's voxels, the largest value that the image allows.
    """
    _, prediction, truth = volumes(predictions, truths)
    error = np.abs(prediction - truth) / np.maximum(truth, 1.0)
    voxels = float(np.prod(truths.shape[1:]))
    return np.where((truth == 0) & (prediction > 0), voxels, error)


def worst_volume_error(truth: Array, case: CaseInfo) -> float:
    """The largest volume error that any mask of this image can have: the whole image, or nothing, is marked."""
    volume = float(np.count_nonzero(truth))
    return max(volume, truth.size - volume) / max(volume, 1.0)


def as_masks(predictions: Array, truths: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both arrays as booleans; refuses floats, values other than 0 and 1, and different shapes."""
    if predictions.shape != truths.shape:
        raise ValueError(f"masks of shapes {predictions.shape} and {truths.shape}; the shapes must be equal")
    if predictions.ndim < 2:
        raise ValueError(f"masks need a leading N and at least one axis of the image, got {predictions.shape}")
    return _as_mask(predictions, "predictions"), _as_mask(truths, "truths")


def _as_mask(array: Array, what: str) -> NDArray[np.bool_]:
    if array.dtype.kind == "b":
        return np.asarray(array, dtype=np.bool_)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} are {array.dtype}; masks are bool or integer")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{what} hold values from {array.min()} to {array.max()}; masks hold 0 and 1")
    return array.astype(np.bool_)


def volumes(predictions: Array, truths: Array) -> tuple[Floats, Floats, Floats]:
    """Numbers of voxels in both, in the prediction and in the truth, each (N,)."""
    prediction, truth = as_masks(predictions, truths)
    rows = (len(prediction), -1) if prediction.size else (len(prediction), 0)
    prediction, truth = prediction.reshape(rows), truth.reshape(rows)
    count = [np.count_nonzero(mask, axis=1).astype(np.float64) for mask in (prediction & truth, prediction, truth)]
    return count[0], count[1], count[2]


def ratio(part: Floats, whole: Floats, both_empty: float) -> Floats:
    """`part` divided by `whole`; `both_empty` where `whole` is 0."""
    return np.where(whole == 0, both_empty, part / np.maximum(whole, 1.0))
