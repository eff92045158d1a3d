"""How well probabilities rank cases: AUROC, average precision, sensitivity at a specificity. No class is decided here.

Probabilities are (N,) for the positive class, class 1, or (N, K) for K classes, of which (N, 2) is read by its second
column; truths are classes (N,). With K > 2 a metric is the mean over the classes of the truth, one against the rest.

Every metric is written for B resamples at once, over `counts` (B, N), how often each case was drawn: one sort serves
them all, the rest is sums along it. `auroc_resampled(answers, truths, counts) -> (B,)`, and the others alike. With
counts of one they equal scikit-learn's (the tests hold that). A resample needs a case of every class: draw by class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Case, Floats

BLOCK = 64
"""Resamples at a time: what they need stays in the processor's cache."""

OfOne = Callable[[Array, NDArray[np.bool_], Array, Array], Floats]
"""(scores (N,) rising, positive (N,) and place (N,) of the same cases, counts (B, N) by place) -> (B,)."""


def auroc(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Area under the ROC curve: how often a positive case scores above a negative one; a tie counts one half.

    0 to 1, 0.5 by chance. Undefined, and refused, where the truth has one class only.
    Hanley & McNeil, Radiology 143 (1982).
    """
    return float(auroc_resampled(answers, truths, _once(truths))[0])


def auroc_resampled(answers: Array, truths: Array, counts: Array) -> Floats:
    """AUROC of each resample, (B,)."""
    return _over_classes(_area, answers, truths, counts)


def average_precision(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Average precision: precision at each threshold, weighted by the recall it adds; not interpolated.

    0 to 1, by chance the share of positives. Refused where the truth has one class only.
    Davis & Goadrich, ICML 2006.
    """
    return float(average_precision_resampled(answers, truths, _once(truths))[0])


def average_precision_resampled(answers: Array, truths: Array, counts: Array) -> Floats:
    """Average precision of each resample, (B,)."""
    return _over_classes(_precision, answers, truths, counts)


def sensitivity_at(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> float:
    """Highest sensitivity of a threshold whose specificity is at least `at`, 0 to 1.

    A threshold is one of the probabilities, or above them all: no point between two is made up. Refused where
    the truth has one class only.
    """
    return float(sensitivity_at_resampled(answers, truths, _once(truths), at)[0])


def sensitivity_at_resampled(answers: Array, truths: Array, counts: Array, at: float) -> Floats:
    """Sensitivity at a specificity of each resample, (B,)."""
    if not 0 <= at <= 1:
        raise ValueError(f"a specificity lies between 0 and 1, got {at}")
    return _over_classes(partial(_sensitivity, at=at), answers, truths, counts)


def _over_classes(metric: OfOne, answers: Array, truths: Array, counts: Array) -> Floats:
    """Checks, then the metric of class 1, or its mean over the classes of the truth."""
    if answers.dtype.kind != "f" or not np.isfinite(answers).all():
        raise ValueError("ranking needs finite probabilities")
    if answers.ndim not in (1, 2) or truths.shape != answers.shape[:1] or truths.dtype.kind not in "iu":
        raise ValueError(f"ranking of probabilities {answers.shape} and truths {truths.dtype} {truths.shape}")
    if counts.ndim != 2 or counts.shape[1] != len(truths):
        raise ValueError(f"counts of shape {counts.shape}; they must be (B, {len(truths)})")
    classes = np.unique(truths)
    if len(classes) < 2:
        raise ValueError("ranking is undefined where all cases have one class")
    if answers.ndim == 1 or answers.shape[1] == 2:
        scores = answers if answers.ndim == 1 else answers[:, 1]
        return _in_blocks(metric, scores, truths == 1, counts)
    return np.asarray(np.mean([_in_blocks(metric, answers[:, k], truths == k, counts) for k in classes], axis=0))


def _in_blocks(metric: OfOne, scores: Array, positive: NDArray[np.bool_], counts: Array) -> Floats:
    order = np.argsort(scores, kind="stable")
    scores, positive = scores[order], positive[order]
    blocks = [counts[start : start + BLOCK] for start in range(0, len(counts), BLOCK)]
    return np.concatenate([metric(scores, positive, order, block) for block in blocks])


def _area(scores: Array, positive: NDArray[np.bool_], place: Array, counts: Array) -> Floats:
    """Every positive beats the negatives below it, and half of those beside it."""
    lower, upper = scores[~positive], scores[positive]
    negatives = np.zeros((len(counts), len(lower) + 1))
    np.cumsum(counts.take(place[~positive], axis=1), axis=1, out=negatives[:, 1:])
    positives = counts.take(place[positive], axis=1).astype(np.float64)
    below, not_above = (np.searchsorted(lower, upper, side=side) for side in ("left", "right"))
    won = np.einsum("bp,bp->b", positives, negatives.take(below, axis=1))
    if (below != not_above).any():
        won = (won + np.einsum("bp,bp->b", positives, negatives.take(not_above, axis=1))) / 2
    return np.asarray(won / (positives.sum(axis=1) * negatives[:, -1]))


def _precision(scores: Array, positive: NDArray[np.bool_], place: Array, counts: Array) -> Floats:
    true, flagged = _flagged(scores, positive, place, counts)
    gained = np.diff(true, axis=1, prepend=0.0)
    return np.asarray((gained * true / np.maximum(flagged, 1.0)).sum(axis=1) / true[:, -1])


def _sensitivity(scores: Array, positive: NDArray[np.bool_], place: Array, counts: Array, *, at: float) -> Floats:
    true, flagged = _flagged(scores, positive, place, counts)
    false = flagged - true
    allowed = (false[:, -1:] - false) / false[:, -1:] >= at
    return np.asarray(np.where(allowed, true / true[:, -1:], 0.0).max(axis=1))


def _flagged(
    scores: Array, positive: NDArray[np.bool_], place: Array, counts: Array
) -> tuple[Floats, Floats]:
    """Positives, and cases, that score at least each threshold, (B, T); thresholds fall."""
    scores, positive = scores[::-1], positive[::-1]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    drawn = counts.take(place[::-1], axis=1).astype(np.float64)
    flagged = np.cumsum(drawn, axis=1)
    true = np.cumsum(np.multiply(drawn, positive, out=drawn), axis=1)
    if len(ends) < len(scores):
        flagged, true = flagged.take(ends, axis=1), true.take(ends, axis=1)
    return true, flagged


def _once(truths: Array) -> Floats:
    return np.ones((1, len(truths)))
