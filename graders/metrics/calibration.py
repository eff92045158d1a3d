"""Whether probabilities mean what they say: Brier score, log loss, ECE. How well they rank cases is in `ranking.py`.

Probabilities are (N,) for class 1 of two, or (N, K); truths are classes (N,), or 0 and 1 for each of K labels (N, K).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graders.metrics.given import whole
from graders.metrics.metric import Array, Case, Floats

CLIP = 1e-7
"""The least probability that a log loss sees: a certain error costs 16.1, not infinity."""
WORST_LOG_LOSS = float(-np.log(CLIP))
BINS = 15
"""Of equal width, as in Guo et al."""
BINS_ARE = "the number of bins"


def brier(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Brier score per case, 0 to 1: half the squared distance of the probabilities to the truth. Lower is better.

    For two classes it is (p - y)²; some define it without the half, twice as large. A proper score.
    Of K labels that do not exclude each other, the mean of that. Brier, Monthly Weather Review 78 (1950).
    """
    if truths.ndim == 2:
        return _over_labels(brier, answers, truths)
    p = _by_class(answers, truths)
    truth = np.eye(p.shape[1])[truths]
    # A row that adds up to 1.001, as rows of float16 may, is not worse than the worst.
    return np.asarray(np.minimum(((p - truth) ** 2).sum(axis=1) / 2, 1.0))


def log_loss(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Negative natural logarithm per case of the probability of the true class, which counts as 1e-7 at least.

    A proper score, 0 to 16.1; lower is better. Of K labels that do not exclude each other, the mean over the labels.
    Good, J R Stat Soc B 14 (1952).
    """
    if truths.ndim == 2:
        return _over_labels(log_loss, answers, truths)
    p = _by_class(answers, truths)
    return np.asarray(np.abs(np.log(np.clip(p[np.arange(len(truths)), truths], CLIP, 1.0))))


def ece(answers: Array, truths: Array, cases: Sequence[Case], at: float = BINS) -> float:
    """Expected calibration error, 0 to 1: how far confidence and accuracy lie apart, over `at` bins of confidence.

    Confidence is the probability of the most probable class (the first of equals), of two classes too; a bin holds its
    upper end. It hangs on the bins and is biased for few cases: to be told, not to rank by. Guo et al., ICML 2017.
    """
    return float(ece_resampled(answers, truths, np.ones((1, len(truths))), at)[0])


def ece_resampled(answers: Array, truths: Array, counts: Floats, at: float = BINS) -> Floats:
    """Calibration error of each resample, (B,)."""
    return _gap(*_top(_by_class(answers, truths), truths), counts, whole(at, BINS_ARE))


def ece_by_mass(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> float:
    """The same over `at` bins that hold as many cases each, as nearly as equal confidences allow.

    The bins end at the quantiles of the confidences, interpolated, and hold their upper ends. Nguyen & O'Connor,
    EMNLP 2015.
    """
    confidence, right = _top(_by_class(answers, truths), truths)
    ends = np.quantile(confidence, np.linspace(0, 1, whole(at, BINS_ARE) + 1)[1:-1])
    bins = np.searchsorted(ends, confidence)
    return float(np.abs(np.bincount(bins, right - confidence)).sum() / len(truths))


def classwise_ece(answers: Array, truths: Array, cases: Sequence[Case], at: float = BINS) -> float:
    """Mean over all K classes of the calibration error of that class's probability, over `at` bins of equal width.

    It sees a class that is never the most probable, which `ece` does not. 0 to 1; biased as `ece` is.
    Kull et al., NeurIPS 2019.
    """
    return float(classwise_ece_resampled(answers, truths, np.ones((1, len(truths))), at)[0])


def classwise_ece_resampled(answers: Array, truths: Array, counts: Floats, at: float = BINS) -> Floats:
    """Class-wise calibration error of each resample, (B,)."""
    p = _by_class(answers, truths)
    each = [_gap(p[:, k], (truths == k).astype(np.float64), counts, whole(at, BINS_ARE)) for k in range(p.shape[1])]
    return np.asarray(np.mean(each, axis=0))


def _over_labels(metric: Callable[[Array, Array, Sequence[Case]], Floats], answers: Array, truths: Array) -> Floats:
    """The mean over K labels (N, K), each of which is a case of two classes."""
    if answers.shape != truths.shape:
        raise ValueError(f"probabilities {answers.shape} of labels {truths.shape}")
    return np.asarray(metric(answers.ravel(), truths.ravel(), ()).reshape(truths.shape).mean(axis=1))


def _top(p: Floats, truths: Array) -> tuple[Floats, Floats]:
    """The confidence in the most probable class (N,), and 1 where it is the right one."""
    return p.max(axis=1), (p.argmax(axis=1) == truths).astype(np.float64)


def _gap(confidence: Floats, right: Floats, counts: Floats, number: int) -> Floats:
    """Over bins of equal width, weighted by their cases: how far confidence and accuracy lie apart, (B,)."""
    bins = np.clip(np.ceil(confidence * number).astype(np.intp) - 1, 0, number - 1)
    held, of_case = np.unique(bins, return_inverse=True)
    apart = np.zeros((len(confidence), len(held)))
    apart[np.arange(len(confidence)), of_case] = right - confidence
    return np.asarray(np.abs(counts @ apart).sum(axis=1) / counts.sum(axis=1))


def _by_class(answers: Array, truths: Array) -> Floats:
    """Probabilities (N, K) in float64; refuses what is not finite, outside 0 to 1, or lacks a class."""
    if answers.dtype.kind != "f" or truths.dtype.kind not in "iu" or not len(truths):
        raise TypeError(f"probabilities are floats and classes integers, got {answers.dtype} and {truths.dtype}")
    if answers.ndim not in (1, 2) or truths.shape != answers.shape[:1]:
        raise ValueError(f"probabilities {answers.shape} of classes {truths.shape}")
    p = answers.astype(np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities are finite and lie between 0 and 1")
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    if truths.min() < 0 or truths.max() >= p.shape[1]:
        raise ValueError(f"classes {truths.min()} to {truths.max()} of {p.shape[1]} probabilities")
    return p
