"""How well classes are told apart: accuracy, MCC, kappa. F1 is in `averages.py`; which class is named, in the task.

Classes are integers (N,); probabilities are in `ranking.py`. The metrics of a whole set are
written over `counts` (B, N), how often each case was drawn, so that a bootstrap is a few matrix products;
with counts of one they equal scikit-learn's (the tests hold that).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graders.metrics.metric import Array, Case, Floats


def accuracy(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """1 for a case whose class is right, else 0."""
    check_classes(answers, truths)
    return np.asarray(answers == truths, dtype=np.float64)


def balanced_accuracy(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Mean over the classes of the truth of the share of their cases that are answered rightly (mean recall).

    Not adjusted for chance. Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR
    2010.
    """
    return float(balanced_accuracy_resampled(answers, truths, once(truths))[0])


def balanced_accuracy_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """Balanced accuracy of each resample, over the classes that occur in it."""
    right, truth, _ = tallies(answers, truths, counts)
    return _mean_of_defined(right, truth)


def mcc(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Matthews' correlation of answer and truth, -1 to 1, for any number of classes; 0 where one of them is constant.

    Gorodkin, Computational Biology and Chemistry 28 (2004).
    """
    return float(mcc_resampled(answers, truths, once(truths))[0])


def mcc_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """Matthews' correlation of each resample."""
    right, truth, answer = tallies(answers, truths, counts)
    n = truth.sum(axis=1)
    spread = (n**2 - (truth**2).sum(axis=1)) * (n**2 - (answer**2).sum(axis=1))
    together = right.sum(axis=1) * n - (truth * answer).sum(axis=1)
    return np.asarray(np.where(spread > 0, together / np.sqrt(np.maximum(spread, 1.0)), 0.0))


def quadratic_kappa(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Cohen's kappa with quadratic weights, -1 to 1, for grades: an error counts by the square of its grades.

    The class's number is its grade. 0 where answer and truth are one and the same constant: nothing was told apart.
    Cohen, Psychological Bulletin 70 (1968).
    """
    return float(quadratic_kappa_resampled(answers, truths, once(truths))[0])


def quadratic_kappa_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """Quadratic kappa of each resample."""
    check_classes(answers, truths)
    one, other = answers.astype(np.float64), truths.astype(np.float64)
    n = counts.sum(axis=1)
    seen = counts @ (one - other) ** 2
    by_chance = counts @ one**2 + counts @ other**2 - 2 * (counts @ one) * (counts @ other) / n
    return np.asarray(np.where(by_chance > 0, 1 - seen / np.where(by_chance > 0, by_chance, 1.0), 0.0))


def linear_kappa(answers: Array, truths: Array, cases: Sequence[Case]) -> float:
    """Cohen's kappa with linear weights, -1 to 1, for grades: an error counts by how many grades it is off.

    The class's number is its grade. 0 where answer and truth are one and the same constant: nothing was told apart.
    Cohen, Psychological Bulletin 70 (1968).
    """
    return float(linear_kappa_resampled(answers, truths, once(truths))[0])


def linear_kappa_resampled(answers: Array, truths: Array, counts: Floats) -> Floats:
    """Linear kappa of each resample.

    By chance two grades lie apart by the sum, over the steps between grades, of how often only one is above the step.
    """
    check_classes(answers, truths)
    one, other = answers.astype(np.float64), truths.astype(np.float64)
    grades = np.union1d(one, other)
    n = counts.sum(axis=1, keepdims=True)
    below, under = (counts @ (grade[:, None] <= grades[:-1]) / n for grade in (one, other))
    by_chance = (below * (1 - under) + under * (1 - below)) @ np.diff(grades)
    seen = counts @ np.abs(one - other) / n[:, 0]
    # Rounding must not make a chance of what is constant.
    some = by_chance > 1e-12
    return np.asarray(np.where(some, 1 - seen / np.where(some, by_chance, 1.0), 0.0))


def confusion_matrix(answers: Array, truths: Array, classes: int) -> NDArray[np.intp]:
    """Cases (K, K) of each class of the truth, by row, answered as each class, by column; classes 0 to K - 1."""
    check_classes(answers, truths)
    if min(answers.min(), truths.min()) < 0 or max(answers.max(), truths.max()) >= classes:
        raise ValueError(f"classes lie between 0 and {classes - 1}")
    joint = truths.astype(np.intp) * classes + answers.astype(np.intp)
    return np.bincount(joint, minlength=classes * classes).reshape(classes, classes)


def tallies(answers: Array, truths: Array, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Per resample and class, each (B, K): cases answered rightly, cases of it, cases answered as it.

    Answers and truths are classes (N,), or 0 and 1 for each of K labels that do not exclude each other (N, K).
    """
    if truths.ndim == 2:
        check_indicators(answers, truths)
        truth, answer = truths.astype(np.float64), answers.astype(np.float64)
    else:
        check_classes(answers, truths)
        classes = np.union1d(answers, truths)
        truth = (truths[:, None] == classes).astype(np.float64)
        answer = (answers[:, None] == classes).astype(np.float64)
    return counts @ (truth * answer), counts @ truth, counts @ answer


def _mean_of_defined(part: Floats, whole: Floats) -> Floats:
    """Mean over the classes whose denominator is not 0, per resample."""
    defined = whole > 0
    return np.asarray((part / np.where(defined, whole, 1.0)).sum(axis=1) / defined.sum(axis=1))


def check_classes(answers: Array, truths: Array) -> None:
    """Refuses what is not one class for each case."""
    if answers.dtype.kind not in "iu" or truths.dtype.kind not in "iu":
        raise TypeError(f"classes are integers, got {answers.dtype} and {truths.dtype}")
    if answers.ndim != 1 or answers.shape != truths.shape or len(truths) == 0:
        raise ValueError(f"classes of shapes {answers.shape} and {truths.shape}; both must be (N,), N > 0")


def check_indicators(answers: Array, truths: Array) -> None:
    """Refuses what is not 0 or 1 for each label of each case."""
    if answers.dtype.kind not in "biu" or truths.dtype.kind not in "biu":
        raise TypeError(f"labels are 0 and 1, got {answers.dtype} and {truths.dtype}")
    if answers.shape != truths.shape or truths.size == 0:
        raise ValueError(f"labels of shapes {answers.shape} and {truths.shape}; both must be (N, K), N and K > 0")
    if not all(((array == 0) | (array == 1)).all() for array in (answers, truths)):
        raise ValueError("labels that do not exclude each other are 0 and 1")


def once(truths: Array) -> Floats:
    """The counts (1, N) of the whole set: every case once."""
    return np.ones((1, len(truths)))
