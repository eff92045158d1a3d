"""Whether two teams can be told apart on the same subjects: p-values, by permutation, from resamples, or DeLong's.

Nothing is ranked here. All tests are two-sided; one draw of signs serves every pair of teams.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from graders.metrics import Floats

EXACT_BELOW = 16
"""With fewer subjects all 2^(n-1) assignments of signs are tried."""


def sign_flipped_means(values: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Means (B, T) of values (T, S) whose signs are flipped subject by subject, and whether B is all there are.

    If two teams are alike, the difference of each subject may as well have the other sign. The difference of two
    columns is the mean of the flipped differences of their teams, so one matrix serves all pairs.
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
        exact: Whether these are all the flips there are; else the observed one counts among them.
    """
    # Rounding must not make the observed difference larger than itself.
    least = np.abs(observed) * (1 - 1e-9) - 1e-12
    gaps = others - first
    np.abs(gaps, out=gaps)
    reached = np.count_nonzero(gaps >= least[:, None], axis=1)
    draws = len(first)
    return np.asarray(reached / draws if exact else (reached + 1) / (draws + 1))


def resampled_p(observed: Floats, first: Floats, others: Floats, subjects: int) -> Floats:
    """The same from scores in common resamples, for a metric that has no value per subject.

    Student's t of the difference over its standard deviation in the resamples; never below what a permutation of so
    few subjects could reach.
    """
    error = (first - others).std(axis=0, ddof=1)
    ratio = np.divide(np.abs(observed), error, out=np.full(len(observed), np.inf), where=error > 0)
    p = 2 * special.stdtr(max(1, subjects - 1), -ratio)
    return np.where(observed == 0, 1.0, np.maximum(p, 2.0 ** (1 - subjects)))


def delong_p(above: Floats, below: Floats) -> Floats:
    """The same of M pairs of AUROCs on the same cases, each case of a subject of its own: DeLong's test.

    A normal distribution with the variance of the placements: nothing is drawn, so a p-value hangs on no seed. Never
    below what a permutation of so few cases could reach. DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988).

    Args:
        above: For each pair and positive case (M, P), P at least 2, the difference of its two placements: the share of
            the negatives that it scores above.
        below: For each negative case (M, N), N at least 2, the same of the share of the positives that score above it.
    """
    observed = np.abs(above.mean(axis=1))
    error = np.sqrt(above.var(axis=1, ddof=1) / above.shape[1] + below.var(axis=1, ddof=1) / below.shape[1])
    ratio = np.divide(observed, error, out=np.full(len(observed), np.inf), where=error > 0)
    least = 2.0 ** (1 - above.shape[1] - below.shape[1])
    # Equal AUROCs of other placements differ by rounding alone.
    return np.where(observed < 1e-9, 1.0, np.maximum(2 * special.ndtr(-ratio), least))


def holm(p: Floats) -> Floats:
    """p-values (M,) adjusted so that the chance of any false finding among them stays at the level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return adjusted
