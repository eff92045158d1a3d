"""95 % intervals of a score, over subjects and over repeats.

The choice of hidden subjects is one source of chance; the training seeds, and the data where each repeat draws its own,
are another. Cases of one subject are alike, so subjects are resampled, never cases. A mean over fewer than
`BOOTSTRAP_FROM` subjects has an interval by Student's t, which keeps its coverage where a percentile bootstrap is too
narrow; `benchmarks/coverage.py` measures both. A spread of zero gives None, not an interval of zero width: ten subjects
that agree do not prove that the eleventh would.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from math import hypot, inf, pi, sqrt

import numpy as np
from scipy import special

from graders.metrics import Array, Floats

RESAMPLES = 2000
CONFIDENCE = 0.95
BOOTSTRAP_FROM = 50
"""A mean over at least so many subjects is resampled; a metric of the whole set always is."""
BLOCK_NUMBERS = 4_000_000
"""How many numbers a block of resamples has; this bounds the memory of a bootstrap."""

Interval = tuple[float, float]


def subject_means(values: Sequence[float], subjects: Sequence[str]) -> Floats:
    """Mean value of each subject, in the order of first appearance."""
    grouped: dict[str, list[float]] = {}
    for value, subject in zip(values, subjects, strict=True):
        grouped.setdefault(subject, []).append(float(value))
    return np.array([float(np.mean(of)) for of in grouped.values()])


def t_interval(samples: Sequence[Floats], weights: Sequence[float]) -> Interval | None:
    """Interval of the weighted sum of the means of independent samples, by Student's t (pooled degrees of freedom)."""
    used = [(sample, weight) for sample, weight in zip(samples, weights, strict=True) if weight]
    if any(len(sample) < 2 for sample, _ in used):
        return None
    centre = sum(weight * sample.mean() for sample, weight in used)
    error = sqrt(sum(weight**2 * sample.var(ddof=1) / len(sample) for sample, weight in used))
    return _around(centre, error * _t(sum(len(sample) - 1 for sample, _ in used)))


def resampled_scores(resampled: Callable[[list[Floats]], Floats], draws: Sequence[Iterator[Floats]]) -> Floats:
    """A statistic of several sets in each of `RESAMPLES` resamples; a block of draws has a matrix of counts per set."""
    return np.concatenate([resampled(list(block)) for block in zip(*draws, strict=True)])


def percentile_interval(drawn: Floats) -> Interval | None:
    """The middle 95 % of resampled scores."""
    low, high = (float(q) for q in np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return (low, high) if high - low > _rounding(high) else None


def cluster_draws(subjects: Sequence[str], classes: Array | None, rng: np.random.Generator) -> Iterator[Floats]:
    """Blocks of counts (B, N), how often each case is drawn, with `RESAMPLES` rows together. Whole subjects are drawn.

    With `classes` (N,), for a metric that needs each class, subjects are drawn within strata of equal classes, so that
    every resample has every class. A stratum of one subject cannot vary; the interval is then too narrow.
    """
    names, of_case = np.unique(np.asarray(subjects), return_inverse=True)
    strata: dict[tuple[int, ...], list[int]] = {}
    for subject in range(len(names)):
        own = () if classes is None else tuple(sorted({int(c) for c in classes[of_case == subject]}))
        strata.setdefault(own, []).append(subject)
    rows = max(1, min(RESAMPLES, BLOCK_NUMBERS // max(1, len(subjects))))
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        counts = np.zeros((size, len(names)))
        for members in strata.values():
            k = len(members)
            counts[:, members] = rng.multinomial(k, np.full(k, 1 / k), size=size)
        yield counts[:, of_case]


def packed(drawn: Floats) -> str:
    """Resampled scores as text for a stored document: base64 of little-endian float32."""
    return base64.b64encode(drawn.astype("<f4").tobytes()).decode("ascii")


def unpacked(text: str) -> Floats:
    """The scores that `packed` wrote."""
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float64)


def repeats_half_width(scores: Sequence[float], how: str, overlap: float) -> float:
    """Half the width of the t interval over repeats; 0 for a single repeat.

    The median of normal scores varies up to sqrt(pi / 2) times as much as their mean. Repeats drawn from one pool have
    correlated scores; `overlap` is then the number of test cases divided by that of training cases, else 0 (Nadeau &
    Bengio, Machine Learning 52, 2003).
    """
    if len(scores) < 2:
        return 0.0
    factor = sqrt(pi / 2) if how == "median" and len(scores) > 2 else 1.0
    spread = float(np.std(scores, ddof=1))
    return _t(len(scores) - 1) * spread * factor * sqrt(1 / len(scores) + overlap)


def joined(score: float, of_cases: Interval | None, half: float, *, redrawn: bool, within: Interval) -> Interval | None:
    """One interval for both sources of chance, within the metric's range.

    Repeats on the same cases vary by their seeds alone, so the two half-widths add in quadrature. Repeats that draw
    their own cases vary by both sources, but a few may agree by luck: the wider interval counts, on each side.
    """
    low, high = of_cases if of_cases is not None else (score, score)
    together = max if redrawn else hypot
    below, above = together(max(score - low, 0.0), half), together(max(high - score, 0.0), half)
    if below == above == 0:
        return None
    return max(score - below, within[0]), min(score + above, within[1])


def _around(centre: float, half: float) -> Interval | None:
    return (centre - half, centre + half) if _rounding(centre) < half < inf else None


def _rounding(value: float) -> float:
    """By how much sums of equal values may differ."""
    return 1e-12 * max(1.0, abs(value))


def _t(degrees: int) -> float:
    return float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2))
