"""How well probabilities rank cases: AUROC, average precision, sensitivity at a specificity. No class is decided here.

Probabilities are (N,) for the positive class, class 1, or (N, K) for K classes, of which (N, 2) is read by its second
column; truths are classes (N,). With K > 2 a metric is an average over the classes, one against the rest. Of K labels
that do not exclude each other, truths are 0 and 1 (N, K) and it is an average over the labels. The averages are
scikit-learn's:

- `macro`: the mean over the classes of the truth, or over the labels that the truths both hold and lack;
- `weighted`: the same, each weighted by how many cases hold it;
- `micro`: of all pairs of a case and a class or label, as if each were a case of two classes.

Every metric is written for B resamples at once, over `counts` (B, N), how often each case was drawn: one sort serves
them all, the rest is sums along it. `auroc_resampled(answers, truths, counts) -> (B,)`, and the others alike. With
counts of one they equal scikit-learn's (the tests hold that). A resample needs a case of every class: draw by class. A
label that a resample does not both hold and lack is left out of that resample's average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Case, Floats

BLOCK = 64
"""Resamples at a time: what they need stays in the processor's cache."""

Average = Literal["macro", "weighted", "micro"]
OfOne = Callable[[Array, NDArray[np.bool_], Array, Array], Floats]
"""(scores (N,) rising, positive (N,) and place (N,) of the same cases, counts (B, N) by place) -> (B,)."""


def auroc(answers: Array, truths: Array, cases: Sequence[Case], average: Average = "macro") -> float:
    """Area under the ROC curve: how often a positive case scores above a negative one; a tie counts one half.

    0 to 1, 0.5 by chance. Undefined, and refused, where the truth has one class only.
    Hanley & McNeil, Radiology 143 (1982).
    """
    return float(auroc_resampled(answers, truths, _once(truths), average)[0])


def auroc_resampled(answers: Array, truths: Array, counts: Array, average: Average = "macro") -> Floats:
    """AUROC of each resample, (B,)."""
    return _averaged(_area, answers, truths, counts, average)


def placements(answers: Array, truths: Array) -> tuple[Floats, Floats] | None:
    """What each case adds to the area under one ROC curve; None where the truth has more than class 0 and class 1.

    Returns:
        For each positive case (P,) the share of the negatives that it scores above, and for each negative one (M,)
        the share of the positives that score above it; a tie counts one half. The mean of either is the AUROC.
        DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988), by the ranks of Sun & Xu, IEEE Signal Processing
        Letters 21 (2014).
    """
    curves = _curves(answers, truths)
    if truths.ndim != 1 or len(curves) != 1:
        return None
    from scipy.stats import rankdata  # here, as it takes half a second that every command would pay

    ((scores, positive),) = curves
    p, m = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    above = (ranks[positive] - rankdata(scores[positive])) / m
    below = 1 - (ranks[~positive] - rankdata(scores[~positive])) / p
    return np.asarray(above), np.asarray(below)


def average_precision(answers: Array, truths: Array, cases: Sequence[Case], average: Average = "macro") -> float:
    """Average precision: precision at each threshold, weighted by the recall it adds; not interpolated.

    0 to 1, by chance the share of positives. Refused where the truth has one class only.
    Davis & Goadrich, ICML 2006.
    """
    return float(average_precision_resampled(answers, truths, _once(truths), average)[0])


def average_precision_resampled(answers: Array, truths: Array, counts: Array, average: Average = "macro") -> Floats:
    """Average precision of each resample, (B,)."""
    return _averaged(_precision, answers, truths, counts, average)


def sensitivity_at(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> float:
    """Highest sensitivity of a threshold whose specificity is at least `at`, 0 to 1.

    A threshold is one of the probabilities, or above them all: no point between two is made up. Refused where
    the truth has one class only.
    """
    return float(sensitivity_at_resampled(answers, truths, _once(truths), at)[0])


def sensitivity_at_resampled(answers: Array, truths: Array, counts: Array, at: float) -> Floats:
    """Sensitivity at a specificity of each resample, (B,)."""
    _share(at, "specificity")
    return _averaged(partial(_sensitivity, at=at), answers, truths, counts, "macro")


def specificity_at(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> float:
    """Highest specificity of a threshold whose sensitivity is at least `at`, 0 to 1.

    A threshold is one of the probabilities, or above them all: no point between two is made up. Refused where
    the truth has one class only.
    """
    return float(specificity_at_resampled(answers, truths, _once(truths), at)[0])


def specificity_at_resampled(answers: Array, truths: Array, counts: Array, at: float) -> Floats:
    """Specificity at a sensitivity of each resample, (B,)."""
    _share(at, "sensitivity")
    return _averaged(partial(_specificity, at=at), answers, truths, counts, "macro")


def _share(at: float, of: str) -> None:
    if not 0 <= at <= 1:
        raise ValueError(f"a {of} lies between 0 and 1, got {at}")


def _averaged(metric: OfOne, answers: Array, truths: Array, counts: Array, average: Average) -> Floats:
    """The metric of class 1 of two, or its average over the classes, or over the labels."""
    if counts.ndim != 2 or counts.shape[1] != len(truths):
        raise ValueError(f"counts of shape {counts.shape}; they must be (B, {len(truths)})")
    curves = _curves(answers, truths, every=average == "micro")
    if len(curves) == 1:
        return _in_blocks(metric, *curves[0], counts)
    if average == "micro":
        scores, positives = (np.concatenate(part) for part in zip(*curves, strict=True))
        return _in_blocks(metric, scores, positives, counts)
    weights = np.stack([counts @ positive for _, positive in curves], axis=1).astype(np.float64)
    defined = (weights > 0) & (weights < counts.sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.stack([_in_blocks(metric, *curve, counts) for curve in curves], axis=1)
    weights = np.where(defined, weights if average == "weighted" else 1.0, 0.0)
    return np.asarray((np.where(defined, values, 0.0) * weights).sum(axis=1) / weights.sum(axis=1))


def _curves(answers: Array, truths: Array, *, every: bool = False) -> list[tuple[Array, NDArray[np.bool_]]]:
    """Checks, then scores (N,) and positives (N,) of each curve: of class 1 of two, or of each class or label.

    Classes that the truths lack, and labels that they do not both hold and lack, have a curve only if `every`.
    """
    if answers.dtype.kind != "f" or not np.isfinite(answers).all():
        raise ValueError("ranking needs finite probabilities")
    of_labels = truths.ndim == 2 and truths.shape == answers.shape
    of_classes = answers.ndim in (1, 2) and truths.shape == answers.shape[:1]
    if not (of_labels or of_classes) or truths.dtype.kind not in "iu":
        raise ValueError(f"ranking of probabilities {answers.shape} and truths {truths.dtype} {truths.shape}")
    if of_labels:
        if not ((truths == 0) | (truths == 1)).all():
            raise ValueError("labels that do not exclude each other are 0 and 1")
        varies = truths.min(axis=0) < truths.max(axis=0)
        if not varies.any():
            raise ValueError("ranking is undefined where no label is both held and lacking")
        return [(answers[:, k], truths[:, k] == 1) for k in range(truths.shape[1]) if every or varies[k]]
    classes = np.unique(truths)
    if len(classes) < 2:
        raise ValueError("ranking is undefined where all cases have one class")
    if answers.ndim == 1 or answers.shape[1] == 2:
        if classes.tolist() != [0, 1]:
            raise ValueError(f"two classes are 0 and 1, got {classes.tolist()}")
        return [(answers if answers.ndim == 1 else answers[:, 1], truths == 1)]
    if classes[0] < 0 or classes[-1] >= answers.shape[1]:
        raise ValueError(f"classes {classes[0]} to {classes[-1]} of {answers.shape[1]} probabilities")
    return [(answers[:, k], truths == k) for k in (range(answers.shape[1]) if every else classes)]


def _in_blocks(metric: OfOne, scores: Array, positive: NDArray[np.bool_], counts: Array) -> Floats:
    """Of the curves of several classes at once, scores and positives are N cases of one after N of the other."""
    order = np.argsort(scores, kind="stable")
    scores, positive, place = scores[order], positive[order], order % counts.shape[1]
    blocks = [counts[start : start + BLOCK] for start in range(0, len(counts), BLOCK)]
    return np.concatenate([metric(scores, positive, place, block) for block in blocks])


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


def _specificity(scores: Array, positive: NDArray[np.bool_], place: Array, counts: Array, *, at: float) -> Floats:
    if at == 0:  # above all probabilities lies the threshold that flags no case
        return np.ones(len(counts))
    true, flagged = _flagged(scores, positive, place, counts)
    false = flagged - true
    allowed = true / true[:, -1:] >= at
    return np.asarray(np.where(allowed, (false[:, -1:] - false) / false[:, -1:], 0.0).max(axis=1))


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
