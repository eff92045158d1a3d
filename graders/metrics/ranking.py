"""Metrics of how well probabilities rank cases: AUROC, average precision, sensitivity at a specificity.

Probabilities are (N,) for the positive class, class 1, or (N, K) for K classes; of (N, 2) the second column is read.
Truths are classes (N,). With K > 2 a metric is an average over the classes, each against the rest. For K labels that do
not exclude each other, truths are 0 and 1 (N, K), and the metric is an average over the labels. The averages are
scikit-learn's:

- `macro`: the mean over the classes of the truth, or over the labels that are 1 in some truths and 0 in others;
- `weighted`: the same mean, each weighted by the number of its cases;
- `micro`: over all pairs of a case and a class or label, as if each pair were a case of two classes.

Every metric is written for B resamples at once, over `counts` (B, N), how often each case was drawn: one sort serves
all resamples, and the rest is sums along it. `auroc_resampled(predictions, truths, counts)` gives (B,), and so do the
others. With counts of 1 they equal scikit-learn's, as the tests check. A resample needs a case of every class, so draw
within classes. A label that is the same in all cases of a resample is left out of that resample's average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Average, CaseInfo, Floats

BLOCK_RESAMPLES = 64
"""Resamples that are computed together: their data fit in the processor's cache."""

OfOneCurve = Callable[[Array, NDArray[np.bool_], Array, Array], Floats]
"""(scores (N,) rising; positive (N,) and index (N,) of the same cases; counts (B, N) by index) -> (B,)."""


def auroc(predictions: Array, truths: Array, cases: Sequence[CaseInfo], average: Average = "macro") -> float:
    """Area under the ROC curve: how often a positive case scores above a negative one; a tie counts one half.

    0 to 1, 0.5 by chance. It is undefined where all truths are one class, and then raises `ValueError`.
    Hanley & McNeil, Radiology 143 (1982).
    """
    return float(auroc_resampled(predictions, truths, _once(truths), average)[0])


def auroc_resampled(predictions: Array, truths: Array, counts: Array, average: Average = "macro") -> Floats:
    """AUROC of each resample, (B,)."""
    return _averaged(_area, predictions, truths, counts, average)


def placements(predictions: Array, truths: Array) -> tuple[Floats, Floats] | None:
    """The contribution of each case to the area under one ROC curve; None unless the classes are 0 and 1.

    Returns:
        For each positive case (P,) the share of the negatives that score below it, and for each negative case (M,) the
        share of the positives that score above it; a tie counts one half. The mean of either is the AUROC.
        DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988), by the ranks of Sun & Xu, IEEE Signal Processing
        Letters 21 (2014).
    """
    curves = _curves(predictions, truths)
    if truths.ndim != 1 or len(curves) != 1:
        return None
    from scipy.stats import rankdata  # imported here, because the import takes half a second

    ((scores, positive),) = curves
    p, m = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    above = (ranks[positive] - rankdata(scores[positive])) / m
    below = 1 - (ranks[~positive] - rankdata(scores[~positive])) / p
    return np.asarray(above), np.asarray(below)


def average_precision(
    predictions: Array, truths: Array, cases: Sequence[CaseInfo], average: Average = "macro"
) -> float:
    """Average precision: precision at each threshold, weighted by the recall it adds; not interpolated.

    0 to 1, by chance the share of positives. It is undefined where all truths are one class, and then raises
    `ValueError`. Davis & Goadrich, ICML 2006.
    """
    return float(average_precision_resampled(predictions, truths, _once(truths), average)[0])


def average_precision_resampled(predictions: Array, truths: Array, counts: Array, average: Average = "macro") -> Floats:
    """Average precision of each resample, (B,)."""
    return _averaged(_precision, predictions, truths, counts, average)


def sensitivity_at(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> float:
    """Highest sensitivity of a threshold whose specificity is at least `at`, 0 to 1.

    A threshold is one of the probabilities, or above them all; there is no interpolation. It is undefined where all
    truths are one class, and then raises `ValueError`.
    """
    return float(sensitivity_at_resampled(predictions, truths, _once(truths), at)[0])


def sensitivity_at_resampled(predictions: Array, truths: Array, counts: Array, at: float) -> Floats:
    """Sensitivity at a specificity of each resample, (B,)."""
    _share(at, "specificity")
    return _averaged(partial(_sensitivity, at=at), predictions, truths, counts, "macro")


def specificity_at(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> float:
    """Highest specificity of a threshold whose sensitivity is at least `at`, 0 to 1.

    A threshold is one of the probabilities, or above them all; there is no interpolation. It is undefined where all
    truths are one class, and then raises `ValueError`.
    """
    return float(specificity_at_resampled(predictions, truths, _once(truths), at)[0])


def specificity_at_resampled(predictions: Array, truths: Array, counts: Array, at: float) -> Floats:
    """Specificity at a sensitivity of each resample, (B,)."""
    _share(at, "sensitivity")
    return _averaged(partial(_specificity, at=at), predictions, truths, counts, "macro")


def _share(at: float, of: str) -> None:
    if not 0 <= at <= 1:
        raise ValueError(f"a {of} lies between 0 and 1, got {at}")


def _averaged(metric: OfOneCurve, predictions: Array, truths: Array, counts: Array, average: Average) -> Floats:
    """The metric of class 1 of two classes, or its average over the classes or labels."""
    if counts.ndim != 2 or counts.shape[1] != len(truths):
        raise ValueError(f"counts of shape {counts.shape}; they must be (B, {len(truths)})")
    curves = _curves(predictions, truths, every=average == "micro")
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


def _curves(predictions: Array, truths: Array, *, every: bool = False) -> list[tuple[Array, NDArray[np.bool_]]]:
    """Scores (N,) and positives (N,) of each curve, after checks: of class 1 of two, or of each class or label.

    Classes without a case, and labels that are the same in all cases, have a curve only if `every`.
    """
    if predictions.dtype.kind != "f" or not np.isfinite(predictions).all():
        raise ValueError("ranking needs finite probabilities")
    of_labels = truths.ndim == 2 and truths.shape == predictions.shape
    of_classes = predictions.ndim in (1, 2) and truths.shape == predictions.shape[:1]
    if not (of_labels or of_classes) or truths.dtype.kind not in "iu":
        raise ValueError(f"ranking of probabilities {predictions.shape} and truths {truths.dtype} {truths.shape}")
    if of_labels:
        if not ((truths == 0) | (truths == 1)).all():
            raise ValueError("labels that do not exclude each other are 0 and 1")
        varies = truths.min(axis=0) < truths.max(axis=0)
        if not varies.any():
            raise ValueError("ranking is undefined where each label is the same in all cases")
        return [(predictions[:, k], truths[:, k] == 1) for k in range(truths.shape[1]) if every or varies[k]]
    classes = np.unique(truths)
    if len(classes) < 2:
        raise ValueError("ranking is undefined where all cases have one class")
    if predictions.ndim == 1 or predictions.shape[1] == 2:
        if classes.tolist() != [0, 1]:
            raise ValueError(f"two classes are 0 and 1, got {classes.tolist()}")
        return [(predictions if predictions.ndim == 1 else predictions[:, 1], truths == 1)]
    if classes[0] < 0 or classes[-1] >= predictions.shape[1]:
        raise ValueError(f"classes {classes[0]} to {classes[-1]} of {predictions.shape[1]} probabilities")
    return [(predictions[:, k], truths == k) for k in (range(predictions.shape[1]) if every else classes)]


def _in_blocks(metric: OfOneCurve, scores: Array, positive: NDArray[np.bool_], counts: Array) -> Floats:
    """The metric in all resamples, a block at a time.

    For several classes at once, scores and positives hold the N cases of one class after those of another.
    """
    order = np.argsort(scores, kind="stable")
    scores, positive, index = scores[order], positive[order], order % counts.shape[1]
    blocks = [counts[start : start + BLOCK_RESAMPLES] for start in range(0, len(counts), BLOCK_RESAMPLES)]
    return np.concatenate([metric(scores, positive, index, block) for block in blocks])


def _area(scores: Array, positive: NDArray[np.bool_], index: Array, counts: Array) -> Floats:
    """Every positive wins against the negatives below it, and a tie counts one half."""
    lower, upper = scores[~positive], scores[positive]
    negatives = np.zeros((len(counts), len(lower) + 1))
    np.cumsum(counts.take(index[~positive], axis=1), axis=1, out=negatives[:, 1:])
    positives = counts.take(index[positive], axis=1).astype(np.float64)
    below, not_above = (np.searchsorted(lower, upper, side=side) for side in ("left", "right"))
    won = np.einsum("bp,bp->b", positives, negatives.take(below, axis=1))
    if (below != not_above).any():
        won = (won + np.einsum("bp,bp->b", positives, negatives.take(not_above, axis=1))) / 2
    return np.asarray(won / (positives.sum(axis=1) * negatives[:, -1]))


def _precision(scores: Array, positive: NDArray[np.bool_], index: Array, counts: Array) -> Floats:
    true, flagged = _flagged(scores, positive, index, counts)
    gained = np.diff(true, axis=1, prepend=0.0)
    return np.asarray((gained * true / np.maximum(flagged, 1.0)).sum(axis=1) / true[:, -1])


def _sensitivity(scores: Array, positive: NDArray[np.bool_], index: Array, counts: Array, *, at: float) -> Floats:
    true, flagged = _flagged(scores, positive, index, counts)
    false = flagged - true
    allowed = (false[:, -1:] - false) / false[:, -1:] >= at
    return np.asarray(np.where(allowed, true / true[:, -1:], 0.0).max(axis=1))


def _specificity(scores: Array, positive: NDArray[np.bool_], index: Array, counts: Array, *, at: float) -> Floats:
    if at == 0:  # a threshold above all probabilities flags no case
        return np.ones(len(counts))
    true, flagged = _flagged(scores, positive, index, counts)
    false = flagged - true
    allowed = true / true[:, -1:] >= at
    return np.asarray(np.where(allowed, (false[:, -1:] - false) / false[:, -1:], 0.0).max(axis=1))


def _flagged(scores: Array, positive: NDArray[np.bool_], index: Array, counts: Array) -> tuple[Floats, Floats]:
    """Numbers of positives, and of cases, that score at least each threshold, (B, T); thresholds fall."""
    scores, positive = scores[::-1], positive[::-1]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    drawn = counts.take(index[::-1], axis=1).astype(np.float64)
    flagged = np.cumsum(drawn, axis=1)
    true = np.cumsum(np.multiply(drawn, positive, out=drawn), axis=1)
    if len(ends) < len(scores):
        flagged, true = flagged.take(ends, axis=1), true.take(ends, axis=1)
    return true, flagged


def _once(truths: Array) -> Floats:
    return np.ones((1, len(truths)))
