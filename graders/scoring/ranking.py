"""Ranks of teams on one hidden set, and how uncertain they are. Pure functions of a (team x subject) matrix.

Scores are averaged first and ranked afterwards, so one more team never changes the order of the others; ranking subject
by subject can (Maier-Hein et al., "Why rankings of biomedical image analysis competitions should be interpreted with
care", Nature Communications 9, 2018). Failed cases already have the worst value. Marks do not depend on ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from graders.metrics import Floats
from graders.scoring import intervals
from graders.scoring.paired_tests import delong_p, holm, resampled_p, sign_flip_p, sign_flipped_means

SIGNIFICANCE = 0.05
POWER_FACTOR = 2.8
"""1.96 + 0.84: a test detects a difference of so many standard errors four times in five."""
FLIPS = 2000
FLIPS_PER_TEAM = 100
"""Holm multiplies p-values by the number of teams, so many teams need a test with smaller p-values."""


@dataclass(frozen=True)
class TeamScores:
    """The scores of T teams on the same hidden subjects, by one metric or a utility of several."""

    value: Floats
    """(T,), the score that is shown and ranked."""
    drawn: Floats
    """(B, T), the score in B resamples of the subjects; every team has the same resamples."""
    paired: Floats | None
    """(T, S), values by subject whose means are compared; None for a metric of the whole set."""
    subjects: int
    rising: bool = True
    """Whether higher is better."""
    placements: tuple[Floats, Floats] | None = None
    """Of an AUROC where each case is a subject: (T, P) of the positive cases and (T, N) of the negative cases."""


@dataclass(frozen=True)
class TeamRank:
    """One team's rank, and how uncertain it is."""

    rank: int
    """Competition rank at the declared precision: 1, 1, 3."""
    tied: bool
    tier: int
    """1 for the leader and all teams that a test does not distinguish from it."""
    ranks: tuple[int, int]
    """The 2.5th and 97.5th percentiles of the rank over resampled subjects."""
    first: float
    """The share of resamples in which the team is first; a shared first rank counts in part."""
    behind: float
    """Difference from the leader; 0 for the leader."""
    behind_interval: tuple[float, float] | None
    """The difference's 95 % interval; None for the leader."""


@dataclass(frozen=True)
class Ranking:
    """The ranks of all teams, and how robust their order is."""

    teams: tuple[TeamRank, ...]
    """In the order of `TeamScores.value`."""
    subjects: int
    detectable: float | None
    """The smallest difference of two teams that a test on so many subjects detects (level 0.05, power 0.8)."""
    rank_then_mean: float | None
    """Kendall's tau of the order with the order by mean rank over subjects; None where it is not defined."""
    test_then_rank: float | None
    """Kendall's tau of the order with the order by how many teams a team beats in a test at level 0.05."""
    test: str = "a paired test"
    """The name of the test, as the page prints it."""


def scores_of_subjects(
    repeats: Sequence[Floats], how: str, *, seed: int, shared: bool, rising: bool = True
) -> TeamScores:
    """The teams' scores from values (T, S) of each repeat, which are finite, with failed cases at their worst value.

    Args:
        repeats: One matrix per repeat.
        how: Repeats are combined by their `median` or `mean`, in the resamples too.
        seed: Seed of the resamples.
        shared: Whether all repeats have the same subjects, which are then drawn together.
        rising: Whether higher is better.

    Tests always compare means over repeats, because a median has no value per subject.
    """
    if not repeats or not all(np.isfinite(values).all() for values in repeats):
        raise ValueError("every value must be finite: failed cases take their worst value before teams are ranked")
    drawn = []
    for number, values in enumerate(repeats):
        counts = _counts(values.shape[1], seed, 0 if shared else number)
        drawn.append(counts @ values.T / values.shape[1])
    combine = np.median if how == "median" else np.mean
    if shared:
        paired, subjects = np.mean(repeats, axis=0), repeats[0].shape[1]
    else:
        subjects = sum(values.shape[1] for values in repeats)
        # Scaled so that their mean is the mean of the repeats' means.
        paired = np.hstack([values * (subjects / (len(repeats) * values.shape[1])) for values in repeats])
    return TeamScores(
        value=np.asarray(combine([values.mean(axis=1) for values in repeats], axis=0)),
        drawn=np.asarray(combine(drawn, axis=0)),
        paired=paired,
        subjects=subjects,
        rising=rising,
    )


def _counts(subjects: int, seed: int, number: int) -> Floats:
    """How often each subject is drawn in each resample (B, S)."""
    rng = np.random.default_rng([seed, number])
    return np.asarray(rng.multinomial(subjects, np.full(subjects, 1 / subjects), intervals.RESAMPLES), np.float64)


def utility(values: Floats, floor: float, target: float) -> Floats:
    """Values on a fixed scale: 0 at the floor and beyond it, 1 at the target and beyond it, linear in between."""
    return np.asarray(np.clip((values - floor) / (target - floor), 0.0, 1.0))


def weighted(parts: Sequence[TeamScores], weights: Sequence[float]) -> TeamScores:
    """One utility from those of several metrics: their weighted sum. It depends on no other team."""
    by_subject = [weight * part.paired for part, weight in zip(parts, weights, strict=True) if part.paired is not None]
    return TeamScores(
        value=np.sum([weight * part.value for part, weight in zip(parts, weights, strict=True)], axis=0),
        drawn=np.sum([weight * part.drawn for part, weight in zip(parts, weights, strict=True)], axis=0),
        paired=np.sum(by_subject, axis=0) if len(by_subject) == len(parts) else None,
        subjects=parts[0].subjects,
    )


def competition_ranks(scores: Floats, decimals: int, *, rising: bool = True) -> Floats:
    """Ranks 1, 1, 3 along the last axis, of scores rounded to `decimals`; a score that is not finite comes last."""
    shown = np.round(scores, decimals)
    worse = np.where(np.isfinite(shown), -shown if rising else shown, np.inf)
    return np.asarray(stats.rankdata(worse, method="min", axis=-1))


def ranking(scores: TeamScores, decimals: int, seed: int = 0) -> Ranking:
    """The ranks of all teams; scores that are equal when rounded to `decimals` share a rank."""
    count = len(scores.value)
    if not count:
        return Ranking((), scores.subjects, None, None, None)
    # Python's rounding is exact, like the page's.
    shown = np.array([round(float(value), decimals) for value in scores.value])
    ranks = competition_ranks(shown, decimals, rising=scores.rising).astype(int)
    drawn = competition_ranks(scores.drawn, decimals, rising=scores.rising)
    low, high = (np.quantile(drawn, q, axis=0, method="inverted_cdf").astype(int) for q in (0.025, 0.975))
    leads = drawn == 1
    first = (leads / leads.sum(axis=1, keepdims=True)).mean(axis=0)
    pairs = _Pairs(scores, seed)
    leader = _best_first(scores, shown)[0]
    tiers = _tiers(scores, shown, pairs)
    teams = []
    for team in range(count):
        gaps = scores.drawn[:, team] - scores.drawn[:, leader]
        teams.append(
            TeamRank(
                rank=int(ranks[team]),
                tied=bool((ranks == ranks[team]).sum() > 1),
                tier=tiers[team],
                ranks=(int(low[team]), int(high[team])),
                first=float(first[team]),
                behind=float(scores.value[team] - scores.value[leader]),
                behind_interval=None if team == leader else intervals.percentile_interval(gaps),
            )
        )
    return Ranking(
        tuple(teams),
        scores.subjects,
        _detectable(scores),
        _rank_then_mean(scores, shown),
        pairs.tau(shown),
        "a paired test" if scores.placements is None else "DeLong’s paired test of two AUROCs",
    )


def _best_first(scores: TeamScores, shown: Floats) -> list[int]:
    """Teams in the order of the rounded score, then of the exact score; a score that is not finite comes last."""
    sign = -1.0 if scores.rising else 1.0
    keys = [np.where(np.isfinite(values), sign * values, np.inf) for values in (scores.value, shown)]
    return [int(team) for team in np.lexsort(keys)]


def _tiers(scores: TeamScores, shown: Floats, pairs: _Pairs) -> dict[int, int]:
    """Tiers in the order of the scores: a tier ends before the first score that a test distinguishes from its head.

    So a better score is never in a lower tier, and equal scores share a tier. Each head is tested against all teams
    below it, with Holm's correction for their number.
    """
    order = _best_first(scores, shown)
    tiers: dict[int, int] = {}
    start, tier = 0, 1
    while start < len(order):
        head, below = order[start], order[start + 1 :]
        apart = dict(zip(below, pairs.adjusted(head, below), strict=True))
        end = start + 1
        while end < len(order):
            level = [team for team in order[end:] if shown[team] == shown[order[end]]]
            differs = shown[level[0]] != shown[head]
            if differs and all(apart[team] < SIGNIFICANCE for team in level):
                break
            end += len(level)
        tiers.update(dict.fromkeys(order[start:end], tier))
        start, tier = end, tier + 1
    return tiers


class _Pairs:
    """p-values of pairs of teams: by DeLong's test for AUROCs, else all from the same flips or resamples."""

    def __init__(self, scores: TeamScores, seed: int) -> None:
        self._scores = scores
        self._sign = 1.0 if scores.rising else -1.0
        if scores.paired is not None:
            draws = max(FLIPS, FLIPS_PER_TEAM * len(scores.value))
            rng = np.random.default_rng([seed, 1])
            self._means = self._sign * scores.paired.mean(axis=1)
            # Transposed, so that a team's draws lie together in memory.
            flipped, self._exact = sign_flipped_means(scores.paired, draws, rng)
            self._flipped = np.ascontiguousarray(flipped.T)
        else:
            self._means = self._sign * scores.value

    def adjusted(self, head: int, below: Sequence[int]) -> Floats:
        """Holm's p-values of a head against the teams below it; 1 where the tested means have the opposite order."""
        if not below:
            return np.zeros(0)
        p = self._p(head, np.array(below))
        return np.where(self._means[head] > self._means[np.array(below)], holm(p), 1.0)

    def tau(self, shown: Floats) -> float | None:
        """Kendall's tau of the order with the order by wins, where every pair is tested at level `SIGNIFICANCE`."""
        teams = len(shown)
        wins = np.zeros(teams)
        for team in range(teams - 1):
            others = np.arange(team + 1, teams)
            apart = self._p(team, others, FLIPS) < SIGNIFICANCE
            above = self._means[team] > self._means[others]
            wins[team] += (apart & above).sum()
            wins[others] += apart & ~above
        return _tau(self._sign * shown, wins)

    def _p(self, team: int, others: np.ndarray[tuple[int], np.dtype[np.int_]], at_most: int | None = None) -> Floats:
        if self._scores.placements is not None:
            above, below = (part[[team]] - part[others] for part in self._scores.placements)
            return delong_p(above, below)
        observed = self._means[team] - self._means[others]
        if self._scores.paired is None:
            drawn = self._scores.drawn
            return resampled_p(observed, drawn[:, [team]], drawn[:, others], self._scores.subjects)
        flipped = self._flipped if self._exact else self._flipped[:, :at_most]
        return sign_flip_p(observed, flipped[team], flipped[others], self._exact)


def _detectable(scores: TeamScores) -> float | None:
    """2.8 standard errors of the difference of two teams: the median over all pairs whose difference varies."""
    if scores.paired is not None:
        n = scores.paired.shape[1]
        if n < 2:
            return None
        covariance = np.atleast_2d(np.cov(scores.paired)) / n
    else:
        covariance = np.atleast_2d(np.cov(scores.drawn.T))
    own = np.diag(covariance)
    pairs = np.triu_indices(len(own), 1)
    errors = np.sqrt(np.maximum(0.0, (own[:, None] + own - 2 * covariance)[pairs]))
    errors = errors[errors > 1e-12]
    return POWER_FACTOR * float(np.median(errors)) if errors.size else None


def _rank_then_mean(scores: TeamScores, shown: Floats) -> float | None:
    """Kendall's tau of the order with the order by mean rank over subjects."""
    if scores.paired is None:
        return None
    sign = 1.0 if scores.rising else -1.0
    by_subject = stats.rankdata(-sign * scores.paired, axis=0)
    return _tau(sign * shown, -by_subject.mean(axis=1))


def _tau(first: Floats, second: Floats) -> float | None:
    if len(first) < 2:
        return None
    tau = float(stats.kendalltau(first, second).statistic)
    return tau if np.isfinite(tau) else None
