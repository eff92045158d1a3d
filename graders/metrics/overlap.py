"""How far two masks overlap: Dice, IoU, volume error. Distances between their surfaces are in `geometry.py`.

Masks are boolean, or integers that are 0 or 1, of shape (N, ...). A float is refused, never truncated to 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Case, Floats


def dice(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Dice coefficient 2|A∩B| / (|A|+|B|) per case. Both empty: 1. One empty: 0.

    Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945).
    """
    both, answer, truth = volumes(answers, truths)
    return ratio(2 * both, answer + truth, both_empty=1.0)


def iou(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Intersection over union |A∩B| / |A∪B| per case, Jaccard's index. Both empty: 1. One empty: 0."""
    both, answer, truth = volumes(answers, truths)
    return ratio(both, answer + truth - both, both_empty=1.0)


def volume_error(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Relative volume error ||A| - |B|| / |B| per case, of an answer A and a truth B.

    Both empty: 0. Only the truth empty: the worst value that the image allows.
    """
    _, answer, truth = volumes(answers, truths)
    error = np.abs(answer - truth) / np.maximum(truth, 1.0)
    voxels = float(np.prod(truths.shape[1:]))
    return np.where((truth == 0) & (answer > 0), voxels, error)


def worst_volume_error(truth: Array, case: Case) -> float:
    """The largest volume error that any mask of this image has: all of it, or nothing, is marked."""
    volume = float(np.count_nonzero(truth))
    return max(volume, truth.size - volume) / max(volume, 1.0)


def as_masks(answers: Array, truths: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both arrays as booleans; refuses other kinds, other values than 0 and 1, and different shapes."""
    if answers.shape != truths.shape:
        raise ValueError(f"masks of shapes {answers.shape} and {truths.shape}; the shapes must be equal")
    if answers.ndim < 2:
        raise ValueError(f"masks need a leading N and at least one axis of the image, got {answers.shape}")
    return _as_mask(answers, "answers"), _as_mask(truths, "truths")


def _as_mask(array: Array, what: str) -> NDArray[np.bool_]:
    if array.dtype.kind == "b":
        return np.asarray(array, dtype=np.bool_)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} are {array.dtype}; masks are bool or integer")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{what} hold values from {array.min()} to {array.max()}; masks hold 0 and 1")
    return array.astype(np.bool_)


def volumes(answers: Array, truths: Array) -> tuple[Floats, Floats, Floats]:
    """Voxels in both, in the answer and in the truth, each (N,)."""
    answer, truth = as_masks(answers, truths)
    rows = (len(answer), -1) if answer.size else (len(answer), 0)
    answer, truth = answer.reshape(rows), truth.reshape(rows)
    count = [np.count_nonzero(mask, axis=1).astype(np.float64) for mask in (answer & truth, answer, truth)]
    return count[0], count[1], count[2]


def ratio(part: Floats, whole: Floats, both_empty: float) -> Floats:
    """Part of the whole; `both_empty` where there is no whole."""
    return np.where(whole == 0, both_empty, part / np.maximum(whole, 1.0))
