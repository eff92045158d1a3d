"""Two label maps of one image, checked and cut to the box that holds all labels; their voxels counted by class.

A map holds integers or booleans: 0 is background. Floats are refused, never truncated; labels that no class has are
refused, never wrapped. Distances between the surfaces are in `surfaces.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graders.metrics.given import LARGEST
from graders.metrics.metric import Array

Labels = NDArray[np.uint8]
MOST_CLASSES = 254


@dataclass(frozen=True)
class Pair:
    """An answer and a truth of one shape, 1 to 3 axes, cut to the smallest box that holds every label of either."""

    answer: Labels
    truth: Labels
    spacing: tuple[float, ...]
    """Voxel size in mm, one per axis."""
    classes: tuple[int, ...]
    diagonal: float
    """Of the whole image in mm, from edge to edge: no distance within it is longer."""


@dataclass(frozen=True)
class Counts:
    """Voxels of one class: in both maps, in the answer, in the truth."""

    both: int
    answer: int
    truth: int


def pair(answer: Array, truth: Array, spacing: Sequence[float], classes: Sequence[int] = (1,)) -> Pair:
    """Checks both maps (H, W) or (D, H, W) and cuts them.

    Args:
        answer: Labels, each 0 or one of `classes`; bool or integer.
        truth: The same.
        spacing: Voxel size in mm, one positive number per axis.
        classes: Labels to be measured, each from 1 to 254.

    Raises:
        TypeError: a map is neither bool nor integer.
        ValueError: shapes differ, a label is unknown, or the spacing is not one positive number per axis.
    """
    if answer.shape != truth.shape or not 1 <= answer.ndim <= 3:
        raise ValueError(f"maps of shapes {answer.shape} and {truth.shape}; both must be equal, of 1 to 3 axes")
    sizes = tuple(float(mm) for mm in spacing)
    if len(sizes) != answer.ndim or not all(0 < mm <= LARGEST for mm in sizes):
        raise ValueError(f"{answer.ndim} positive spacings in mm are needed, got {tuple(spacing)}")
    if not classes or min(classes) < 1 or max(classes) > MOST_CLASSES:
        raise ValueError(f"classes are integers from 1 to {MOST_CLASSES}, got {tuple(classes)}")
    one, other = _integers(answer, "answer"), _integers(truth, "truth")
    box = common_box(one, other)
    diagonal = float(np.linalg.norm(np.multiply(answer.shape, sizes)))
    # Beyond the box there are only zeros: what lies within is checked, the whole is read once.
    cut = _labels(one[box], "answer", classes), _labels(other[box], "truth", classes)
    return Pair(*cut, sizes, tuple(classes), diagonal)


def counts(pair: Pair) -> dict[int, Counts]:
    """Voxels of every class: the joint histogram's part that overlaps need."""
    if len(pair.classes) > 8:
        size = max(pair.classes) + 1
        joint = np.bincount(pair.answer.ravel().astype(np.intp) * size + pair.truth.ravel(), minlength=size * size)
        joint = joint.reshape(size, size)
        return {c: Counts(int(joint[c, c]), int(joint[c].sum()), int(joint[:, c].sum())) for c in pair.classes}
    found = {}
    for c in pair.classes:  # a comparison and a count run at the speed of memory, a histogram does not
        in_answer, in_truth = pair.answer == c, pair.truth == c
        answer, truth = np.count_nonzero(in_answer), np.count_nonzero(in_truth)
        both = np.count_nonzero(np.logical_and(in_answer, in_truth, out=in_answer))
        found[c] = Counts(int(both), int(answer), int(truth))
    return found


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


def cut(answer: Array, truth: Array) -> tuple[Array, Array]:
    """Both maps, of one shape, within the smallest box that holds every label of either."""
    one, other = np.ascontiguousarray(answer), np.ascontiguousarray(truth)
    box = common_box(one, other)
    return one[box], other[box]


def common_box(one: Array, other: Array) -> tuple[slice, ...]:
    """The smallest box with every label of either; an empty one where there is none."""
    found: list[slice] = []
    for _ in range(one.ndim):
        ends = np.flatnonzero(_held(one) | _held(other))
        if not ends.size:
            return (slice(0, 0),) * (len(found) + one.ndim)
        found.append(slice(int(ends[0]), int(ends[-1]) + 1))
        if one.ndim > 1:
            one, other = (np.bitwise_or.reduce(labels[found[-1]], axis=0) for labels in (one, other))
    return tuple(found)


def _held(labels: Array) -> NDArray[np.bool_]:
    """Whether each row of the first axis holds a label, by words of eight bytes where rows divide into them."""
    rows = labels.reshape(len(labels), int(np.prod(labels.shape[1:])))
    words = rows.view(np.uint64) if rows.shape[1] * rows.itemsize % 8 == 0 and rows.size else rows
    return np.asarray(np.bitwise_or.reduce(words, axis=1) != 0)
