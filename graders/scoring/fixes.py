"""Mistakes that spoil every prediction in the same way, each with the function that undoes it.

A fix takes one case's prediction and returns the prediction without the mistake, or None where it does not fit the
truth. `graders.scoring.forensics` scores the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy import special

from assignments.data.cases import Case
from assignments.data.columns import COUNTED
from graders.metrics import Array
from graders.record.documents import Phrase

THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.8, 0.9, 0.95, 0.98)
"""Thresholds far from 0.5: a model that is only slightly too unsure gets no such explanation."""
TWICE = (0.5, float(special.expit(1)))
"""The range of all values of a sigmoid of a sigmoid."""
ISOTROPIC_MM = 1.0
"""The voxel size that volumes are often resampled to."""

HALVES = np.arange(0x3C01, dtype=np.uint16).view(np.float16)
"""All float16 from 0 to 1, in their order."""

Undo = Callable[[Array, tuple[int, ...], Case], Array | None]


@dataclass(frozen=True)
class Fix:
    """A mistake, and the function that undoes it."""

    kind: str
    phrase: Phrase
    """Completes "0.81 if ..."."""
    undo: Undo
    """(prediction of one case, shape of its truth, the case) -> the prediction without the mistake."""


def of_images(shape: tuple[int, ...]) -> Iterator[Fix]:
    """Mistakes in the position of a prediction's voxels; `shape` is that of one truth."""
    axes = range(len(shape))
    for count in range(1, len(shape) + 1):
        for flipped in combinations(axes, count):
            yield Fix("flip", Phrase("axes_flipped", flipped), _flip(flipped))
    for order in permutations(axes):
        if order != tuple(axes):
            yield Fix("axes", Phrase("axes_in_order", order), _axes(order))
    for plane in combinations(axes, 2):
        for turns in (1, 3):
            yield Fix("axes", Phrase("turned", (90 * turns, *plane)), _turn(turns, plane))
    for axis in axes:
        for step in (1, -1):
            yield Fix("shift", Phrase("moved_by_a_voxel", (axis,)), _shift(axis, step))
    yield from _resolutions(len(shape))


def of_probabilities(predictions: Array, truths: Array) -> Iterator[Fix]:
    """Mistakes in probabilities of voxels; `predictions` and the masks `truths` are of some cases."""
    yield Fix("labels", Phrase("foreground_exchanged"), _inverted)
    yield from of_thresholds(predictions, float(np.mean(truths)))


def of_probabilities_of_each(predictions: Iterable[Array], share: float) -> Iterator[Fix]:
    """The same for cases that are read one at a time; the truths mark this `share` of all voxels.

    There are few different probabilities in float16, so they are counted and not sorted.
    """
    yield Fix("labels", Phrase("foreground_exchanged"), _inverted)
    counts = np.zeros(len(HALVES), np.intp)
    for prediction in predictions:
        flat = np.abs(prediction.astype(np.float16, copy=False)).reshape(-1).view(np.uint16)
        for start in range(0, flat.size, COUNTED):
            counts += np.bincount(flat[start : start + COUNTED], minlength=len(HALVES))[: len(HALVES)]
    present = np.flatnonzero(counts)
    low, high = float(HALVES[present[0]]), float(HALVES[present[-1]])
    if low < high:
        # Linear between the two nearest of all sorted probabilities, as `np.quantile` has it.
        position = (1 - min(1.0, max(0.0, share))) * (counts.sum() - 1)
        below = np.searchsorted(np.cumsum(counts), [np.floor(position), np.ceil(position)], side="right")
        first, second = HALVES[below].astype(np.float64)
        yield from _of_range(low, high, float(first + (second - first) * (position % 1)))


def of_labels(predictions: Sequence[Array], truths: Sequence[Array]) -> Iterator[Fix]:
    """Permuted numbers in maps of labels, of which each stands for the class of another."""
    classes = 1 + max(int(labels.max()) for labels in (*predictions, *truths))
    # Background is a class here: it can be exchanged with another class.
    label, in_other_half = (_label_of_class(predictions[i::2], truths[i::2], classes) for i in (0, 1))
    if (label == in_other_half).all() and (label != np.arange(classes)).any():
        yield Fix("labels", Phrase("labels_mean", _exchanged(label)), _relabelled(np.argsort(label)))


def of_fields() -> Iterator[Fix]:
    """Mistakes in displacement fields as a whole: the order of their components, their unit, their sign."""
    for reverse in (False, True):
        for in_mm in (False, True):
            for backward in (False, True):
                mistakes = (("reversed", reverse), ("in_mm", in_mm), ("backward", backward))
                if names := tuple(name for name, present in mistakes if present):
                    yield Fix("field", Phrase("field", names), _field(reverse, in_mm, backward))


def of_thresholds(predictions: Array, share: float) -> Iterator[Fix]:
    """Thresholds other than 0.5, among them the one that marks as much as the truths do, `share`."""
    values = predictions.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low < high:
        yield from _of_range(low, high, float(np.quantile(values, 1 - min(1.0, max(0.0, share)))))


def _of_range(low: float, high: float, marks_alike: float) -> Iterator[Fix]:
    """The same, given the range of all probabilities and the threshold that marks as much as the truths do."""
    if low >= TWICE[0] - 1e-3 and high <= TWICE[1] + 1e-3:
        yield Fix("sigmoid", Phrase("second_sigmoid"), _threshold(float(special.expit(0.5))))
    alike = float(f"{marks_alike:.2g}")
    for threshold in dict.fromkeys((*THRESHOLDS, *([alike] if not 0.25 < alike < 0.75 else []))):
        if low < threshold <= high:
            yield Fix("threshold", Phrase("threshold", (threshold,)), _threshold(threshold))


def of_classes(predictions: Array, truths: Array) -> Iterator[Fix]:
    """Mistakes in probabilities of cases: (N,) of class 1, or (N, K)."""
    if predictions.ndim == 1:
        yield Fix("labels", Phrase("classes_exchanged"), _inverted)
        yield from of_thresholds(predictions, float(np.mean(truths == 1)))
        return
    classes = predictions.shape[1]
    order = np.argsort(truths, kind="stable")
    # With few cases some permutation always fits by chance, but not the same one in both halves of the cases.
    halves = (order[::2], order[1::2])
    column, in_other_half = (_column_of_class(predictions[half], truths[half]) for half in halves)
    if (column == in_other_half).all() and (column != np.arange(classes)).any():
        phrase = Phrase("classes_exchanged") if classes == 2 else Phrase("columns_mean", _exchanged(column))
        yield Fix("labels", phrase, _columns(column))


def _exchanged(predicted: Array) -> tuple[int, ...]:
    """The predicted number of a class, and the class, for the first six classes where they differ."""
    pairs = [(int(number), k) for k, number in enumerate(predicted) if number != k]
    return tuple(number for pair in pairs[:6] for number in pair)


def _column_of_class(predictions: Array, truths: Array) -> Array:
    """The column that predicts each class: the one-to-one assignment with most cases right."""
    table = np.zeros((predictions.shape[1], predictions.shape[1]))
    np.add.at(table, (truths, predictions.argmax(axis=1)), 1)
    return _assigned(table)


def _label_of_class(predictions: Sequence[Array], truths: Sequence[Array], classes: int) -> Array:
    """The label that predicts each class: the one-to-one assignment with the largest sum of Dice coefficients."""
    joint = np.zeros((classes, classes))
    for prediction, truth in zip(predictions, truths, strict=True):
        if prediction.shape == truth.shape:
            pairs = truth.ravel().astype(np.intp) * classes + prediction.ravel().astype(np.intp)
            joint += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    size = joint.sum(axis=1)[:, None] + joint.sum(axis=0)[None]
    # An empty label fits every empty class: it keeps its own number.
    overlap = 2 * joint / np.maximum(size, 1) + 1e-9 * np.eye(classes)
    return _assigned(overlap)


def _assigned(worth: Array) -> Array:
    """For each row its column in the one-to-one assignment with the largest sum."""
    # Imported here: the import takes 0.1 s, and few marker processes need it.
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(-worth)[1])


def _flip(axes: tuple[int, ...]) -> Undo:
    return lambda prediction, shape, case: np.flip(prediction, axes) if prediction.shape == shape else None


def _axes(order: Sequence[int]) -> Undo:
    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if prediction.ndim != len(order):
            return None
        turned = prediction.transpose(order)
        return turned if turned.shape == shape else None

    return undo


def _turn(turns: int, plane: tuple[int, int]) -> Undo:
    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if prediction.ndim != len(shape):
            return None
        turned = np.rot90(prediction, turns, plane)
        return turned if turned.shape == shape else None

    return undo


def _shift(axis: int, step: int) -> Undo:
    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if prediction.shape != shape or shape[axis] < 2:
            return None
        moved = np.zeros_like(prediction)
        to, of = (slice(1, None), slice(None, -1)) if step > 0 else (slice(None, -1), slice(1, None))
        before = (slice(None),) * axis
        moved[(*before, to)] = prediction[(*before, of)]
        return moved

    return undo


def _resolutions(dimensions: int) -> Iterator[Fix]:
    """Masks on another grid than the image's: at another resolution, or in voxels of another size."""
    scales = {("enlarged", m): 1 / m for m in (2, 4)} | {("shrunk", m): float(m) for m in (2, 4)}
    for centred in (False, True):
        about = ("centred",) if centred else ()
        for scaling, factor in scales.items():
            back = _regrid(lambda s, f=factor: [f] * len(s), centred)  # type: ignore[misc]
            yield Fix("spacing", Phrase("resized", (*scaling, *about)), back)
            if dimensions == 3:
                flat = _regrid(lambda s, f=factor: [1.0, *[f] * (len(s) - 1)], centred)  # type: ignore[misc]
                yield Fix("spacing", Phrase("resized", (*scaling, "in_plane", *about)), flat)
        for name, size in (("from_1_mm", lambda s: ISOTROPIC_MM), ("from_smallest_spacing", min)):
            back = _regrid(lambda s, size=size: [k / size(s) for k in s], centred)  # type: ignore[misc]
            yield Fix("spacing", Phrase(name, about), back)


def _regrid(factors: Callable[[Sequence[float]], Sequence[float]], centred: bool) -> Undo:
    """Nearest neighbour: voxel x of the image is voxel x * factor of the prediction, from the corner or the centre."""

    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if prediction.ndim != len(shape):
            return None
        spacing = case.spacing_mm[-len(shape) :] if case.spacing_mm else (1.0,) * len(shape)
        if len(spacing) != len(shape) or not all(np.isfinite(s) and s > 0 for s in spacing):
            return None
        by_axis = factors(spacing)
        if np.allclose(by_axis, 1):
            return None
        indices, within = [], []
        for size, predicted, factor in zip(shape, prediction.shape, by_axis, strict=True):
            middle = (size / 2, predicted / 2) if centred else (0.0, 0.0)
            index = np.floor((np.arange(size) + 0.5 - middle[0]) * factor + middle[1]).astype(int)
            within.append((index >= 0) & (index < predicted))
            indices.append(np.clip(index, 0, predicted - 1))
        resampled = prediction[np.ix_(*indices)]
        for axis, inside in enumerate(within):
            resampled[(*(slice(None),) * axis, ~inside)] = 0
        return resampled

    return undo


def _inverted(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
    return np.asarray(1 - prediction) if prediction.shape == shape else None


def _threshold(threshold: float) -> Undo:
    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        return np.asarray(prediction >= threshold).astype(prediction.dtype) if prediction.shape == shape else None

    return undo


def _relabelled(meant: Array) -> Undo:
    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        return (
            meant[prediction].astype(prediction.dtype)
            if prediction.shape == shape and prediction.max() < len(meant)
            else None
        )

    return undo


def _field(reverse: bool, in_mm: bool, backward: bool) -> Undo:
    """Undoes mistakes in a field (d, ...); a reversal of the components is taken to come after their scaling."""

    def undo(prediction: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        components = prediction[::-1] if reverse else prediction
        if in_mm:
            if case.spacing_mm is None or len(case.spacing_mm) < len(prediction):
                return None
            mm = np.asarray(case.spacing_mm[-len(prediction) :])
            components = components / mm.reshape(-1, *(1,) * (prediction.ndim - 1))
        return np.asarray(-components if backward else components, dtype=prediction.dtype)

    return undo


def _columns(columns: Array) -> Undo:
    return lambda prediction, shape, case: prediction[columns]
