"""Paired tests of two teams on the same subjects: p-values by permutation, from resamples, or by DeLong's test.

All tests are two-sided. One draw of signs serves every pair of teams. `graders.scoring.ranking` uses the results.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from graders.metrics import Floats

EXACT_BELOW = 16
"""With fewer subjects the test is exact: all 2^(n-1) combinations of signs."""


def sign_flipped_means(values: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Means (B, T) of values (T, S) with signs flipped subject by subject, and whether these are all combinations.

    If two teams are equally good, each subject's difference could as well have the other sign. The difference of two
    columns is the mean of the flipped differences of the two teams, so one matrix serves all pairs.
    """
    subjects = values.shape[1]
    if exact := subjects < EXACT_BELOW:
        flips = np.arange(2 ** max(0, subjects - 1))[:, None] >> np.arange(subjects) & 1  # the last never flips
        signs = 1.0 - 2.0 * flips
    else:
        signs = rng.integers(0, 2, (draws, subjects), dtype=np.int8) * 2.0 - 1.0
    return signs @ values.T / subjects, exact


def sign_flip_p(observed: Floats, first: Floats, others: Floats, exact: bool) -> Floats:
    """p-value (M,) of each observed mean difference between one team and M others.

    Args:
        observed: Mean differences (M,).
        first: Flipped means (B,) of the one team.
        others: Flipped means (M, B) of the others.
        exact: Whether these are all combinations of signs; else the observed difference is added to them.
    """
    # Rounding must not exclude a flipped difference that equals the observed one.
    least = np.abs(observed) * (1 - 1e-9) - 1e-12
    gaps = others - first
    np.abs(gaps, out=gaps)
    reached = np.count_nonzero(gaps >= least[:, None], axis=1)
    draws = len(first)
    return np.asarray(reached / draws if exact else (reached + 1) / (draws + 1))


def resampled_p(observed: Floats, first: Floats, others: Floats, subjects: int) -> Floats:
    """The p-values (M,) from scores in common resamples, for a metric without a value per subject.

    They are Student's t of the difference divided by its standard deviation in the resamples, and at least the smallest
    value that a permutation test of so few subjects can have.
    """
    error = (first - others).std(axis=0, ddof=1)
    ratio = np.divide(np.abs(observed), error, out=np.full(len(observed), np.inf), where=error > 0)
    p = 2 * special.stdtr(max(1, subjects - 1), -ratio)
    return np.where(observed == 0, 1.0, np.maximum(p, 2.0 ** (1 - subjects)))


def delong_p(above: Floats, below: Floats) -> Floats:
    """The p-values (M,) of M pairs of AUROCs on the same cases, each case a subject of its own: DeLong's test.

    The test assumes a normal distribution with the variance of the placements. It needs no random draws, so a p-value
    does not depend on a seed. It is at least the smallest value that a permutation test of so few cases can have.
    DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988).

    Args:
        above: For each pair and positive case (M, P), P at least 2, the difference of its two placements: the share of
            the negatives that score below it.
        below: For each pair and negative case (M, N), N at least 2, the difference in the share of the positives that
            score above it.
    """
    observed = np.abs(above.mean(axis=1))
    error = np.sqrt(above.var(axis=1, ddof=1) / above.shape[1] + below.var(axis=1, ddof=1) / below.shape[1])
    ratio = np.divide(observed, error, out=np.full(len(observed), np.inf), where=error > 0)
    least = 2.0 ** (1 - above.shape[1] - below.shape[1])
    # Equal AUROCs with different placements differ by rounding alone.
    return np.where(observed < 1e-9, 1.0, np.maximum(2 * special.ndtr(-ratio), least))


def holm(p: Floats) -> Floats:
    """p-values (M,), adjusted so that the chance of any false positive among them stays at the level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return adjusted
