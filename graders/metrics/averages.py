"""F1, precision and recall, averaged over classes, or over labels that do not exclude each other.

Predictions and truths are classes (N,), or 0 and 1 for each of K labels (N, K). The averages are scikit-learn's:

- `macro`: the mean over the classes or labels that occur in the truths or the predictions; one with a denominator of 0
  counts as 0;
- `weighted`: the same mean, each weighted by the number of cases whose truth has it;
- `micro`: all classes or labels are counted together. For classes, F1, precision and recall then equal the accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.labels import check_indicators, once, tallies
from graders.metrics.metric import Array, Average, CaseInfo, Floats


def f1(predictions: Array, truths: Array, cases: Sequence[CaseInfo], average: Average = "macro") -> float:
    """F1 = 2TP / (2TP + FP + FN), averaged, 0 to 1."""
    return float(f1_resampled(predictions, truths, once(truths), average)[0])


def f1_resampled(predictions: Array, truths: Array, counts: Floats, average: Average = "macro") -> Floats:
    """Averaged F1 of each resample."""
    right, truth, prediction = tallies(predictions, truths, counts)
    return _averaged(2 * right, truth + prediction, truth, prediction, average)


def precision(predictions: Array, truths: Array, cases: Sequence[CaseInfo], average: Average) -> float:
    """Precision = TP / (TP + FP), averaged, 0 to 1: of the cases predicted as a class, the share that is right."""
    return float(precision_resampled(predictions, truths, once(truths), average)[0])


def precision_resampled(predictions: Array, truths: Array, counts: Floats, average: Average) -> Floats:
    """Averaged precision of each resample."""
    right, truth, prediction = tallies(predictions, truths, counts)
    return _averaged(right, prediction, truth, prediction, average)


def recall(predictions: Array, truths: Array, cases: Sequence[CaseInfo], average: Average) -> float:
    """Recall = TP / (TP + FN), averaged, 0 to 1: of the cases of a class, the share that is predicted as it."""
    return float(recall_resampled(predictions, truths, once(truths), average)[0])


def recall_resampled(predictions: Array, truths: Array, counts: Floats, average: Average) -> Floats:
    """Averaged recall of each resample."""
    right, truth, prediction = tallies(predictions, truths, counts)
    return _averaged(right, truth, truth, prediction, average)


def hamming_loss(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Share of a case's K labels that are predicted wrongly, 0 to 1; lower is better."""
    check_indicators(predictions, truths)
    return np.asarray((predictions != truths).mean(axis=1))


def exact_match(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """1 for a case whose K labels are all predicted correctly, else 0 (the subset accuracy)."""
    check_indicators(predictions, truths)
    return np.asarray((predictions == truths).all(axis=1), dtype=np.float64)


def _averaged(part: Floats, whole: Floats, truth: Floats, prediction: Floats, average: Average) -> Floats:
    """The average of part / whole (B, K) over the classes.

    `truth` and `prediction` (B, K) are the numbers of cases whose truth, or prediction, is each class.
    """
    if average == "micro":
        part, whole = part.sum(axis=1, keepdims=True), whole.sum(axis=1, keepdims=True)
        weights = np.ones_like(whole)
    else:
        weights = truth if average == "weighted" else ((truth > 0) | (prediction > 0)).astype(np.float64)
    values = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    total = weights.sum(axis=1)
    return np.asarray(np.divide((values * weights).sum(axis=1), total, out=np.zeros_like(total), where=total > 0))
