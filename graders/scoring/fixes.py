"""Mistakes that spoil every answer in the same way, each as what would undo it. Nothing is scored here.

A fix takes one case's answer and gives what the answer would have been, or None where it does not fit the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy import special

from assignments.data.hidden import Case
from graders.metrics import Array
from graders.record.documents import Phrase

THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.8, 0.9, 0.95, 0.98)
"""Far from 0.5: a model that is merely a little timid is not explained by its threshold."""
TWICE = (0.5, float(special.expit(1)))
"""Where all values of a sigmoid of a sigmoid lie."""
ISOTROPIC_MM = 1.0
"""The voxel size that volumes are often resampled to."""

Undo = Callable[[Array, tuple[int, ...], Case], Array | None]


@dataclass(frozen=True)
class Fix:
    """What was done wrong, and how to undo it."""

    kind: str
    phrase: Phrase
    """Completes "0.81 if ..."."""
    undo: Undo
    """(answer of one case, shape of its truth, the case) -> the answer without the mistake."""


def of_images(shape: tuple[int, ...]) -> Iterator[Fix]:
    """What may be wrong with where the voxels of an answer lie; `shape` is one truth's."""
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


def of_probabilities(given: Array, truths: Array) -> Iterator[Fix]:
    """What may be wrong with probabilities by voxel; `given` and the masks `truths` are of some cases."""
    yield Fix("labels", Phrase("foreground_exchanged"), _inverted)
    yield from of_thresholds(given, float(np.mean(truths)))


def of_labels(given: Sequence[Array], truths: Sequence[Array]) -> Iterator[Fix]:
    """What may be wrong with the numbers in maps of labels: that they stand for each other's classes."""
    classes = 1 + max(int(labels.max()) for labels in (*given, *truths))
    # Background counts too: where it was exchanged with a class, that is the mistake.
    label, other = (_where_overlapping(given[i::2], truths[i::2], classes) for i in (0, 1))
    if (label == other).all() and (label != np.arange(classes)).any():
        yield Fix("labels", Phrase("labels_mean", _exchanged(label)), _relabelled(np.argsort(label)))


def of_fields() -> Iterator[Fix]:
    """What may be wrong with displacement fields as a whole: the order of their components, their unit, their sign."""
    for by_axis in (False, True):
        for in_mm in (False, True):
            for backward in (False, True):
                mistakes = (("reversed", by_axis), ("in_mm", in_mm), ("backward", backward))
                if made := tuple(name for name, holds in mistakes if holds):
                    yield Fix("field", Phrase("field", made), _field(by_axis, in_mm, backward))


def of_thresholds(given: Array, share: float) -> Iterator[Fix]:
    """Other thresholds than 0.5, among them the one that finds as much as there is."""
    values = given.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return
    if low >= TWICE[0] - 1e-3 and high <= TWICE[1] + 1e-3:
        yield Fix("sigmoid", Phrase("second_sigmoid"), _threshold(float(special.expit(0.5))))
    alike = float(f"{np.quantile(values, 1 - min(1.0, max(0.0, share))):.2g}")
    for threshold in dict.fromkeys((*THRESHOLDS, *([alike] if not 0.25 < alike < 0.75 else []))):
        if low < threshold <= high:
            yield Fix("threshold", Phrase("threshold", (threshold,)), _threshold(threshold))


def of_classes(given: Array, truths: Array) -> Iterator[Fix]:
    """What may be wrong with probabilities by case: (N,) of class 1, or (N, K)."""
    if given.ndim == 1:
        yield Fix("labels", Phrase("classes_exchanged"), _inverted)
        yield from of_thresholds(given, float(np.mean(truths == 1)))
        return
    classes = given.shape[1]
    order = np.argsort(truths, kind="stable")
    # Among many orders of few cases one always fits by chance; it is not the same in the other half of them.
    column, other = (_where_answered(given[half], truths[half]) for half in (order[::2], order[1::2]))
    if (column == other).all() and (column != np.arange(classes)).any():
        phrase = Phrase("classes_exchanged") if classes == 2 else Phrase("columns_mean", _exchanged(column))
        yield Fix("labels", phrase, _columns(column))


def _exchanged(answered: Array) -> tuple[int, ...]:
    """What was answered for a class, and the class, for the first six classes where these differ."""
    pairs = [(int(one), k) for k, one in enumerate(answered) if one != k]
    return tuple(number for pair in pairs[:6] for number in pair)


def _where_answered(given: Array, truths: Array) -> Array:
    """The column in which each class was answered: the one-to-one choice that gets most cases right."""
    table = np.zeros((given.shape[1], given.shape[1]))
    np.add.at(table, (truths, given.argmax(axis=1)), 1)
    return _assigned(table)


def _where_overlapping(given: Sequence[Array], truths: Sequence[Array], classes: int) -> Array:
    """The label that each class was given: the one-to-one choice with the largest sum of Dice coefficients."""
    joint = np.zeros((classes, classes))
    for one, other in zip(given, truths, strict=True):
        if one.shape == other.shape:
            pairs = other.ravel().astype(np.intp) * classes + one.ravel().astype(np.intp)
            joint += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    size = joint.sum(axis=1)[:, None] + joint.sum(axis=0)[None]
    # An empty label may be any empty class: as it is, rather than a permutation that nobody made.
    overlap = 2 * joint / np.maximum(size, 1) + 1e-9 * np.eye(classes)
    return _assigned(overlap)


def _assigned(worth: Array) -> Array:
    """For each row the column of the one-to-one choice that is worth most."""
    # 0.1 s of import, which every marker process would pay for a question that few raise.
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(-worth)[1])


def _flip(axes: tuple[int, ...]) -> Undo:
    return lambda answer, shape, case: np.flip(answer, axes) if answer.shape == shape else None


def _axes(order: Sequence[int]) -> Undo:
    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if answer.ndim != len(order):
            return None
        turned = answer.transpose(order)
        return turned if turned.shape == shape else None

    return undo


def _turn(turns: int, plane: tuple[int, int]) -> Undo:
    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if answer.ndim != len(shape):
            return None
        turned = np.rot90(answer, turns, plane)
        return turned if turned.shape == shape else None

    return undo


def _shift(axis: int, step: int) -> Undo:
    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if answer.shape != shape or shape[axis] < 2:
            return None
        moved = np.zeros_like(answer)
        to, of = (slice(1, None), slice(None, -1)) if step > 0 else (slice(None, -1), slice(1, None))
        before = (slice(None),) * axis
        moved[(*before, to)] = answer[(*before, of)]
        return moved

    return undo


def _resolutions(dimensions: int) -> Iterator[Fix]:
    """Masks left on another grid than the image's: at half or twice its resolution, or in voxels of another size."""
    whole = {("enlarged", m): 1 / m for m in (2, 4)} | {("shrunk", m): float(m) for m in (2, 4)}
    for centred in (False, True):
        about = ("centred",) if centred else ()
        for done, factor in whole.items():
            back = _regrid(lambda s, f=factor: [f] * len(s), centred)  # type: ignore[misc]
            yield Fix("spacing", Phrase("resized", (*done, *about)), back)
            if dimensions == 3:
                flat = _regrid(lambda s, f=factor: [1.0, *[f] * (len(s) - 1)], centred)  # type: ignore[misc]
                yield Fix("spacing", Phrase("resized", (*done, "in_plane", *about)), flat)
        for name, size in (("from_1_mm", lambda s: ISOTROPIC_MM), ("from_smallest_spacing", min)):
            back = _regrid(lambda s, size=size: [k / size(s) for k in s], centred)  # type: ignore[misc]
            yield Fix("spacing", Phrase(name, about), back)


def _regrid(factors: Callable[[Sequence[float]], Sequence[float]], centred: bool) -> Undo:
    """Nearest neighbour: voxel x of the image is voxel x * factor of the answer, from the corner or the centre."""

    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        if answer.ndim != len(shape):
            return None
        spacing = case.spacing_mm[-len(shape) :] if case.spacing_mm else (1.0,) * len(shape)
        if len(spacing) != len(shape) or not all(np.isfinite(s) and s > 0 for s in spacing):
            return None
        by_axis = factors(spacing)
        if np.allclose(by_axis, 1):
            return None
        places, within = [], []
        for size, given, factor in zip(shape, answer.shape, by_axis, strict=True):
            middle = (size / 2, given / 2) if centred else (0.0, 0.0)
            place = np.floor((np.arange(size) + 0.5 - middle[0]) * factor + middle[1]).astype(int)
            within.append((place >= 0) & (place < given))
            places.append(np.clip(place, 0, given - 1))
        found = answer[np.ix_(*places)]
        for axis, inside in enumerate(within):
            found[(*(slice(None),) * axis, ~inside)] = 0
        return found

    return undo


def _inverted(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
    return np.asarray(1 - answer) if answer.shape == shape else None


def _threshold(threshold: float) -> Undo:
    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        return np.asarray(answer >= threshold).astype(answer.dtype) if answer.shape == shape else None

    return undo


def _relabelled(meant: Array) -> Undo:
    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        return meant[answer].astype(answer.dtype) if answer.shape == shape and answer.max() < len(meant) else None

    return undo


def _field(reverse: bool, in_mm: bool, backward: bool) -> Undo:
    """Undoes mistakes in a field (d, ...); whoever reversed its components did so after scaling them."""

    def undo(answer: Array, shape: tuple[int, ...], case: Case) -> Array | None:
        components = answer[::-1] if reverse else answer
        if in_mm:
            if case.spacing_mm is None or len(case.spacing_mm) < len(answer):
                return None
            mm = np.asarray(case.spacing_mm[-len(answer) :])
            components = components / mm.reshape(-1, *(1,) * (answer.ndim - 1))
        return np.asarray(-components if backward else components, dtype=answer.dtype)

    return undo


def _columns(columns: Array) -> Undo:
    return lambda answer, shape, case: answer[columns]
