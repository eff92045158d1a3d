"""Two label maps of one image, checked and cut to the box that contains all labels; counts of their voxels by class.

A map holds integers or booleans: 0 is background. Floats are refused, never truncated; unknown labels are refused,
never wrapped to another number. Distances between the surfaces are in `surfaces.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import LARGEST, Array

Labels = NDArray[np.uint8]
MOST_CLASSES = 254


@dataclass(frozen=True)
class Pair:
    """A prediction and a truth of one shape, 1 to 3 axes, cut to the smallest box that contains all their labels."""

    prediction: Labels
    truth: Labels
    spacing: tuple[float, ...]
    """Voxel size in mm, one per axis."""
    classes: tuple[int, ...]
    diagonal: float
    """The whole image's diagonal in mm, from edge to edge: no distance within it is longer."""


@dataclass(frozen=True)
class Counts:
    """Numbers of voxels of one class: in both maps, in the prediction, in the truth."""

    both: int
    prediction: int
    truth: int


def pair(prediction: Array, truth: Array, spacing: Sequence[float], classes: Sequence[int] = (1,)) -> Pair:
    """Checks both maps (H, W) or (D, H, W) and cuts them.

    Args:
        prediction: Labels, each 0 or one of `classes`; bool or integer.
        truth: The same.
        spacing: Voxel size in mm, one positive number per axis.
        classes: Labels to measure, each from 1 to 254.

    Raises:
        TypeError: a map is neither bool nor integer.
        ValueError: shapes differ, a label is unknown, or the spacing is not one positive number per axis.
    """
    if prediction.shape != truth.shape or not 1 <= prediction.ndim <= 3:
        raise ValueError(f"maps of shapes {prediction.shape} and {truth.shape}; both must be equal, with 1 to 3 axes")
    sizes = tuple(float(mm) for mm in spacing)
    if len(sizes) != prediction.ndim or not all(0 < mm <= LARGEST for mm in sizes):
        raise ValueError(f"{prediction.ndim} positive spacings in mm are needed, got {tuple(spacing)}")
    if not classes or min(classes) < 1 or max(classes) > MOST_CLASSES:
        raise ValueError(f"classes are integers from 1 to {MOST_CLASSES}, got {tuple(classes)}")
    prediction, truth = _integers(prediction, "prediction"), _integers(truth, "truth")
    box = common_box(prediction, truth)
    diagonal = float(np.linalg.norm(np.multiply(prediction.shape, sizes)))
    # Beyond the box there are only zeros, so labels are checked within it.
    labels = _labels(prediction[box], "prediction", classes), _labels(truth[box], "truth", classes)
    return Pair(*labels, sizes, tuple(classes), diagonal)


def counts(pair: Pair) -> dict[int, Counts]:
    """Numbers of voxels of every class: the part of the joint histogram that metrics of overlap need."""
    if len(pair.classes) > 8:
        size = max(pair.classes) + 1
        joint = np.bincount(pair.prediction.ravel().astype(np.intp) * size + pair.truth.ravel(), minlength=size * size)
        joint = joint.reshape(size, size)
        return {c: Counts(int(joint[c, c]), int(joint[c].sum()), int(joint[:, c].sum())) for c in pair.classes}
    by_class = {}
    for c in pair.classes:  # for few classes, a comparison and a count are faster than a histogram
        in_prediction, in_truth = pair.prediction == c, pair.truth == c
        prediction, truth = np.count_nonzero(in_prediction), np.count_nonzero(in_truth)
        both = np.count_nonzero(np.logical_and(in_prediction, in_truth, out=in_prediction))
        by_class[c] = Counts(int(both), int(prediction), int(truth))
    return by_class


def _integers(labels: Array, what: str) -> Array:
    if labels.dtype.kind not in "biu":
        raise TypeError(f"the {what} is {labels.dtype}; labels are bool or integer")
    labels = np.ascontiguousarray(labels)
    return labels.view(np.uint8) if labels.dtype.kind == "b" else labels


def _labels(labels: Array, what: str, classes: Sequence[int]) -> Labels:
    labels = np.ascontiguousarray(labels)
    highest, lowest = int(labels.max(initial=0)), int(labels.min(initial=0)) if labels.dtype.kind == "i" else 0
    if lowest < 0 or highest > MOST_CLASSES:
        raise ValueError(f"the {what} holds {lowest} to {highest}; labels are 0 and {tuple(classes)}")
    small = labels.astype(np.uint8, copy=False)
    if unknown := set(range(1, highest + 1)) - set(classes):
        held = sorted(unknown & set(np.flatnonzero(np.bincount(small.ravel())).tolist()))
        if held:
            raise ValueError(f"the {what} holds {held}; labels are 0 and {tuple(classes)}")
    return small


def cut(prediction: Array, truth: Array) -> tuple[Array, Array]:
    """Both maps, of one shape, cut to the smallest box that contains every label of either."""
    prediction, truth = np.ascontiguousarray(prediction), np.ascontiguousarray(truth)
    box = common_box(prediction, truth)
    return prediction[box], truth[box]


def common_box(prediction: Array, truth: Array) -> tuple[slice, ...]:
    """The smallest box that contains every label of either map; an empty box where there are no labels."""
    maps = [prediction, truth]
    box: list[slice] = []
    for _ in range(prediction.ndim):
        rows = np.flatnonzero(_rows_with_labels(maps[0]) | _rows_with_labels(maps[1]))
        if not rows.size:
            return (slice(0, 0),) * (len(box) + maps[0].ndim)
        box.append(slice(int(rows[0]), int(rows[-1]) + 1))
        if maps[0].ndim > 1:
            maps = [np.bitwise_or.reduce(labels[box[-1]], axis=0) for labels in maps]
    return tuple(box)


def _rows_with_labels(labels: Array) -> NDArray[np.bool_]:
    """Whether each row of the first axis has a label; rows are read in words of eight bytes where these fit."""
    rows = labels.reshape(len(labels), int(np.prod(labels.shape[1:])))
    words = rows.view(np.uint64) if rows.shape[1] * rows.itemsize % 8 == 0 and rows.size else rows
    return np.asarray(np.bitwise_or.reduce(words, axis=1) != 0)
