"""Whether probabilities agree with observed frequencies: Brier score, log loss, ECE. Ranking is in `ranking.py`.

Probabilities are (N,) for class 1 of two, or (N, K); truths are classes (N,), or 0 and 1 for each of K labels (N, K).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graders.metrics.checks import whole
from graders.metrics.metric import Array, CaseInfo, Floats

CLIP = 1e-7
"""Lower probabilities are raised to this one in the log loss: a certain error costs 16.1, not infinity."""
WORST_LOG_LOSS = float(-np.log(CLIP))
BINS = 15
"""Of equal width, as in Guo et al."""
BINS_ARE = "the number of bins"


def brier(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Brier score per case, 0 to 1: half the squared distance of the probabilities to the truth. Lower is better.

    For two classes it is (p - y)²; some define it without the half, twice as large. It is a proper score.
    For K labels that do not exclude each other, the mean over the labels. Brier, Monthly Weather Review 78 (1950).
    """
    if truths.ndim == 2:
        return _over_labels(brier, predictions, truths)
    p = _by_class(predictions, truths)
    truth = np.eye(p.shape[1])[truths]
    # A row of float16 can add up to 1.001; its score must not exceed the worst value.
    return np.asarray(np.minimum(((p - truth) ** 2).sum(axis=1) / 2, 1.0))


def log_loss(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Negative natural logarithm per case of the probability of the true class, which counts as 1e-7 at least.

    It is a proper score, 0 to 16.1; lower is better. For K labels that do not exclude each other, the mean over the
    labels. Good, J R Stat Soc B 14 (1952).
    """
    if truths.ndim == 2:
        return _over_labels(log_loss, predictions, truths)
    p = _by_class(predictions, truths)
    return np.asarray(np.abs(np.log(np.clip(p[np.arange(len(truths)), truths], CLIP, 1.0))))


def ece(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float = BINS) -> float:
    """Expected calibration error, 0 to 1: the mean gap between confidence and accuracy, over `at` bins of confidence.

    Confidence is the probability of the most probable class (the first of equals), for two classes too. A bin includes
    its upper end. The value depends on the bins and is biased for few cases: report it, do not rank by it.
    Guo et al., ICML 2017.
    """
    return float(ece_resampled(predictions, truths, np.ones((1, len(truths))), at)[0])


def ece_resampled(predictions: Array, truths: Array, counts: Floats, at: float = BINS) -> Floats:
    """Calibration error of each resample, (B,)."""
    return _gap(*_top(_by_class(predictions, truths), truths), counts, whole(at, BINS_ARE))


def ece_by_mass(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> float:
    """Expected calibration error over `at` bins with equal numbers of cases, as nearly as equal confidences allow.

    The bins end at the quantiles of the confidences, interpolated, and include their upper ends. Nguyen & O'Connor,
    EMNLP 2015.
    """
    confidence, right = _top(_by_class(predictions, truths), truths)
    ends = np.quantile(confidence, np.linspace(0, 1, whole(at, BINS_ARE) + 1)[1:-1])
    bins = np.searchsorted(ends, confidence)
    return float(np.abs(np.bincount(bins, right - confidence)).sum() / len(truths))


def classwise_ece(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float = BINS) -> float:
    """Mean over all K classes of the calibration error of the class's probability, 0 to 1, over `at` equal bins.

    Unlike `ece` it includes a class that is never the most probable. It has the same bias for few cases.
    Kull et al., NeurIPS 2019.
    """
    return float(classwise_ece_resampled(predictions, truths, np.ones((1, len(truths))), at)[0])


def classwise_ece_resampled(predictions: Array, truths: Array, counts: Floats, at: float = BINS) -> Floats:
    """Class-wise calibration error of each resample, (B,)."""
    p = _by_class(predictions, truths)
    each = [_gap(p[:, k], (truths == k).astype(np.float64), counts, whole(at, BINS_ARE)) for k in range(p.shape[1])]
    return np.asarray(np.mean(each, axis=0))


def _over_labels(
    metric: Callable[[Array, Array, Sequence[CaseInfo]], Floats], predictions: Array, truths: Array
) -> Floats:
    """The mean over K labels (N, K), each read as a case of two classes."""
    if predictions.shape != truths.shape:
        raise ValueError(f"probabilities {predictions.shape} of labels {truths.shape}")
    return np.asarray(metric(predictions.ravel(), truths.ravel(), ()).reshape(truths.shape).mean(axis=1))


def _top(p: Floats, truths: Array) -> tuple[Floats, Floats]:
    """The confidence in the most probable class (N,), and 1 where it is the true class, else 0."""
    return p.max(axis=1), (p.argmax(axis=1) == truths).astype(np.float64)


def _gap(confidence: Floats, right: Floats, counts: Floats, number: int) -> Floats:
    """The gap between confidence and accuracy over bins of equal width, weighted by their cases, (B,)."""
    bins = np.clip(np.ceil(confidence * number).astype(np.intp) - 1, 0, number - 1)
    held, of_case = np.unique(bins, return_inverse=True)
    apart = np.zeros((len(confidence), len(held)))
    apart[np.arange(len(confidence)), of_case] = right - confidence
    return np.asarray(np.abs(counts @ apart).sum(axis=1) / counts.sum(axis=1))


def _by_class(predictions: Array, truths: Array) -> Floats:
    """Probabilities (N, K) in float64; refuses those that are not finite, lie outside 0 to 1, or lack a class."""
    if predictions.dtype.kind != "f" or truths.dtype.kind not in "iu" or not len(truths):
        raise TypeError(f"probabilities are floats and classes integers, got {predictions.dtype} and {truths.dtype}")
    if predictions.ndim not in (1, 2) or truths.shape != predictions.shape[:1]:
        raise ValueError(f"probabilities {predictions.shape} of classes {truths.shape}")
    p = predictions.astype(np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities are finite and lie between 0 and 1")
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    if truths.min() < 0 or truths.max() >= p.shape[1]:
        raise ValueError(f"classes {truths.min()} to {truths.max()} of {p.shape[1]} probabilities")
    return p
