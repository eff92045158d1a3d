"""F1, precision and recall over classes, or over labels that do not exclude each other. No class is decided here.

Answers and truths are classes (N,), or 0 and 1 for each of K labels (N, K). The averages are scikit-learn's:

- `macro`: the mean over the classes or labels that truth or answer hold; what has no denominator there counts 0;
- `weighted`: the same, each weighted by how many cases of the truth hold it;
- `micro`: of all classes or labels together. Of classes that exclude each other all three are then the accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from graders.metrics.labels import check_indicators, once, tallies
from graders.metrics.metric import Array, Case, Floats

Average = Literal["macro", "weighted", "micro"]


def f1(answers: Array, truths: Array, cases: Sequence[Case], average: Average = "macro") -> float:
    """F1 = 2TP / (2TP + FP + FN), averaged, 0 to 1."""
    return float(f1_resampled(answers, truths, once(truths), average)[0])


def f1_resampled(answers: Array, truths: Array, counts: Floats, average: Average = "macro") -> Floats:
    """Averaged F1 of each resample."""
    right, truth, answer = tallies(answers, truths, counts)
    return _averaged(2 * right, truth + answer, truth, answer, average)


def precision(answers: Array, truths: Array, cases: Sequence[Case], average: Average) -> float:
    """Precision = TP / (TP + FP), averaged, 0 to 1: the share of what is answered that is right."""
    return float(precision_resampled(answers, truths, once(truths), average)[0])


def precision_resampled(answers: Array, truths: Array, counts: Floats, average: Average) -> Floats:
    """Averaged precision of each resample."""
    right, truth, answer = tallies(answers, truths, counts)
    return _averaged(right, answer, truth, answer, average)


def recall(answers: Array, truths: Array, cases: Sequence[Case], average: Average) -> float:
    """Recall = TP / (TP + FN), averaged, 0 to 1: the share of what is there that is found."""
    return float(recall_resampled(answers, truths, once(truths), average)[0])


def recall_resampled(answers: Array, truths: Array, counts: Floats, average: Average) -> Floats:
    """Averaged recall of each resample."""
    right, truth, answer = tallies(answers, truths, counts)
    return _averaged(right, truth, truth, answer, average)


def hamming_loss(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Share of a case's K labels that are answered wrongly, 0 to 1; lower is better."""
    check_indicators(answers, truths)
    return np.asarray((answers != truths).mean(axis=1))


def exact_match(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """1 for a case whose K labels are all answered rightly, else 0 (the subset accuracy)."""
    check_indicators(answers, truths)
    return np.asarray((answers == truths).all(axis=1), dtype=np.float64)


def _averaged(part: Floats, whole: Floats, truth: Floats, answer: Floats, average: Average) -> Floats:
    """The average of part / whole (B, K) over the classes; `truth` and `answer` (B, K) say how many cases hold each."""
    if average == "micro":
        part, whole = part.sum(axis=1, keepdims=True), whole.sum(axis=1, keepdims=True)
        weights = np.ones_like(whole)
    else:
        weights = truth if average == "weighted" else ((truth > 0) | (answer > 0)).astype(np.float64)
    values = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    total = weights.sum(axis=1)
    return np.asarray(np.divide((values * weights).sum(axis=1), total, out=np.zeros_like(total), where=total > 0))
