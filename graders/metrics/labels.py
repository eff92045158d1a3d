"""Metrics of predicted classes: accuracy, MCC, kappa. F1 is in `averages.py`.

Classes are integers (N,), and the task turns probabilities into them; metrics of probabilities are in `ranking.py` and
`calibration.py`. The metrics of a whole set are written over `counts` (B, N), how often each case was drawn, so that a
bootstrap is a few matrix products. With counts of 1 they equal scikit-learn's, as the tests check.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, CaseInfo, Floats


def accuracy(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """1 for a case whose class is right, else 0."""
    check_classes(predictions, truths)
    return np.asarray(predictions == truths, dtype=np.float64)


def balanced_accuracy(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Mean recall over the classes of the truth, 0 to 1: the share of a class's cases that are predicted correctly.

    It is not adjusted for chance. Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010.
    """
    return float(balanced_accuracy_resampled(predictions, truths, once(truths))[0])


def balanced_accuracy_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """Balanced accuracy of each resample, over the classes that occur in it."""
    right, truth, _ = tallies(predictions, truths, counts)
    return _mean_of_defined(right, truth)


def mcc(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Matthews' correlation of prediction and truth, -1 to 1, for any number of classes.

    0 where the predictions or the truths are all one class. Gorodkin, Computational Biology and Chemistry 28 (2004).
    """
    return float(mcc_resampled(predictions, truths, once(truths))[0])


def mcc_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """Matthews' correlation of each resample."""
    right, truth, prediction = tallies(predictions, truths, counts)
    n = truth.sum(axis=1)
    spread = (n**2 - (truth**2).sum(axis=1)) * (n**2 - (prediction**2).sum(axis=1))
    together = right.sum(axis=1) * n - (truth * prediction).sum(axis=1)
    return np.asarray(np.where(spread > 0, together / np.sqrt(np.maximum(spread, 1.0)), 0.0))


def quadratic_kappa(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Cohen's kappa with quadratic weights, -1 to 1, for grades: an error of g grades counts g².

    The class's number is its grade. 0 where all predictions and all truths are one and the same class. Cohen,
    Psychological Bulletin 70 (1968).
    """
    return float(quadratic_kappa_resampled(predictions, truths, once(truths))[0])


def quadratic_kappa_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """Quadratic kappa of each resample."""
    check_classes(predictions, truths)
    predicted, true = predictions.astype(np.float64), truths.astype(np.float64)
    n = counts.sum(axis=1)
    seen = counts @ (predicted - true) ** 2
    by_chance = counts @ predicted**2 + counts @ true**2 - 2 * (counts @ predicted) * (counts @ true) / n
    return np.asarray(np.where(by_chance > 0, 1 - seen / np.where(by_chance > 0, by_chance, 1.0), 0.0))


def linear_kappa(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> float:
    """Cohen's kappa with linear weights, -1 to 1, for grades: an error of g grades counts g.

    The class's number is its grade. 0 where all predictions and all truths are one and the same class. Cohen,
    Psychological Bulletin 70 (1968).
    """
    return float(linear_kappa_resampled(predictions, truths, once(truths))[0])


def linear_kappa_resampled(predictions: Array, truths: Array, counts: Floats) -> Floats:
    """Linear kappa of each resample.

    The distance of two grades by chance is a sum over the steps between grades: how often exactly one of the two grades
    is above the step.
    """
    check_classes(predictions, truths)
    predicted, true = predictions.astype(np.float64), truths.astype(np.float64)
    grades = np.union1d(predicted, true)
    n = counts.sum(axis=1, keepdims=True)
    below, under = (counts @ (grade[:, None] <= grades[:-1]) / n for grade in (predicted, true))
    by_chance = (below * (1 - under) + under * (1 - below)) @ np.diff(grades)
    seen = counts @ np.abs(predicted - true) / n[:, 0]
    # Rounding must not make a constant look as if it varied.
    defined = by_chance > 1e-12
    return np.asarray(np.where(defined, 1 - seen / np.where(defined, by_chance, 1.0), 0.0))


def confusion_matrix(predictions: Array, truths: Array, classes: int) -> NDArray[np.intp]:
    """Numbers of cases (K, K): a row for each true class, a column for each predicted class, 0 to K - 1."""
    check_classes(predictions, truths)
    if min(predictions.min(), truths.min()) < 0 or max(predictions.max(), truths.max()) >= classes:
        raise ValueError(f"classes lie between 0 and {classes - 1}")
    joint = truths.astype(np.intp) * classes + predictions.astype(np.intp)
    return np.bincount(joint, minlength=classes * classes).reshape(classes, classes)


def tallies(predictions: Array, truths: Array, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Numbers of cases per resample and class, each (B, K): predicted correctly as it, truly of it, predicted as it.

    Predictions and truths are classes (N,), or 0 and 1 for each of K labels that do not exclude each other (N, K).
    """
    if truths.ndim == 2:
        check_indicators(predictions, truths)
        truth, prediction = truths.astype(np.float64), predictions.astype(np.float64)
    else:
        check_classes(predictions, truths)
        classes = np.union1d(predictions, truths)
        truth = (truths[:, None] == classes).astype(np.float64)
        prediction = (predictions[:, None] == classes).astype(np.float64)
    return counts @ (truth * prediction), counts @ truth, counts @ prediction


def _mean_of_defined(part: Floats, whole: Floats) -> Floats:
    """Mean over the classes whose denominator is not 0, per resample."""
    defined = whole > 0
    return np.asarray((part / np.where(defined, whole, 1.0)).sum(axis=1) / defined.sum(axis=1))


def check_classes(predictions: Array, truths: Array) -> None:
    """Raises unless both arrays hold one class for each case."""
    if predictions.dtype.kind not in "iu" or truths.dtype.kind not in "iu":
        raise TypeError(f"classes are integers, got {predictions.dtype} and {truths.dtype}")
    if predictions.ndim != 1 or predictions.shape != truths.shape or len(truths) == 0:
        raise ValueError(f"classes of shapes {predictions.shape} and {truths.shape}; both must be (N,), N > 0")


def check_indicators(predictions: Array, truths: Array) -> None:
    """Raises unless both arrays hold 0 or 1 for each label of each case."""
    if predictions.dtype.kind not in "biu" or truths.dtype.kind not in "biu":
        raise TypeError(f"labels are 0 and 1, got {predictions.dtype} and {truths.dtype}")
    if predictions.shape != truths.shape or truths.size == 0:
        raise ValueError(f"labels of shapes {predictions.shape} and {truths.shape}; both must be (N, K), N and K > 0")
    if not all(((array == 0) | (array == 1)).all() for array in (predictions, truths)):
        raise ValueError("labels that do not exclude each other are 0 and 1")


def once(truths: Array) -> Floats:
    """The counts (1, N) of the set itself: every case once."""
    return np.ones((1, len(truths)))
