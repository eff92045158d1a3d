"""How often a nominal 95 % interval holds the truth: python benchmarks/coverage.py [replications]

Each replication draws a test set from a known population and computes its interval with the functions of scoring.
Values are like Dice: skewed, between 0 and 1. "20 x 3" is 20 subjects with 3 scans each, where subjects are 70 % of the
variance (intraclass correlation 0.7). "by scan" is a mistake, which scoring does not make.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import special

sys.path.insert(0, str(Path(__file__).parents[1]))

from graders.metrics.ranking import auroc_resampled
from graders.scoring import intervals
from graders.scoring.intervals import BOOTSTRAP_FROM, Interval

REPLICATIONS = 4000
SHARED = 40
"""Number of replications that share a matrix of counts, which is the most expensive step."""
ICC = 0.7
SHAPE = (8.0, 2.0)
"""Of a beta distribution: mean 0.8, standard deviation 0.12, a long tail downwards."""
MEAN = SHAPE[0] / sum(SHAPE)


def subjects_and_scans(rng: np.random.Generator, subjects: int, scans: int) -> np.ndarray:
    """Values (subjects, scans) around MEAN; subjects are the share ICC of the variance."""
    own = rng.beta(*SHAPE, subjects) - MEAN
    noise = rng.beta(*SHAPE, (subjects, scans)) - MEAN
    return MEAN + np.sqrt(ICC) * own[:, None] + np.sqrt(1 - ICC) * noise


def by_t(values: np.ndarray) -> Interval | None:
    return intervals.t_interval([values], [1.0])


class Bootstrap:
    """The percentile interval of a mean over clusters; every `SHARED` replications have new counts."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._counts, self._used = rng, np.zeros((0, 0)), 0

    def counts(self, subjects: list[str], classes: np.ndarray | None = None) -> np.ndarray:
        if self._used % SHARED == 0:
            self._counts = np.concatenate(list(intervals.cluster_draws(subjects, classes, self._rng)))
        self._used += 1
        return self._counts

    def __call__(self, values: np.ndarray) -> Interval | None:
        counts = self.counts([f"{i:04}" for i in range(len(values))])
        return intervals.percentile_interval(counts @ values / len(values))


def rows(rng: np.random.Generator) -> Iterator[tuple[str, str, Callable[[], Interval | None], float]]:
    """The rows of the table: population, interval, a function for one replication, and the true value."""
    for n in (10, 20, 30, 49, 50, 100, 200):
        for name, interval in (("t", by_t), ("bootstrap", Bootstrap(rng))):
            used = "*" if (name == "t") == (n < BOOTSTRAP_FROM) else " "
            yield f"{n} subjects", f"{name} {used}", lambda n=n, i=interval: i(rng.beta(*SHAPE, n)), MEAN
    for n in (20, 60):
        for name, interval in (("t", by_t), ("bootstrap", Bootstrap(rng))):
            used = "*" if (name == "t") == (n < BOOTSTRAP_FROM) else " "
            yield (f"{n} x 3 scans, by subject", f"{name} {used}",
                   lambda n=n, i=interval: i(subjects_and_scans(rng, n, 3).mean(axis=1)), MEAN)  # fmt: skip
            yield (f"{n} x 3 scans, BY SCAN", f"{name}  ",
                   lambda n=n, i=interval: i(subjects_and_scans(rng, n, 3).ravel()), MEAN)  # fmt: skip
    for n in (20, 40, 100):
        for area in (0.7, 0.8, 0.9):
            yield f"{n} subjects, half positive, AUROC {area}", "bootstrap *", auroc(rng, n, area), area


def auroc(rng: np.random.Generator, n: int, area: float) -> Callable[[], Interval | None]:
    """Two normal populations whose area under the curve is known: shift / sqrt(2) = the normal quantile of the area."""
    truth = np.repeat([0, 1], n // 2)
    shift = np.sqrt(2) * special.ndtri(area)
    bootstrap = Bootstrap(rng)

    def replication() -> Interval | None:
        predictions = rng.normal(size=n) + shift * truth
        return intervals.percentile_interval(
            auroc_resampled(predictions, truth, bootstrap.counts([f"{i:04}" for i in range(n)], truth))
        )

    return replication


def main(replications: int) -> None:
    print(f"{replications} replications, {intervals.RESAMPLES} resamples; * is what scoring uses")
    print(f"{'population':40} {'interval':12} {'held':>7} {'width':>7} {'none':>5} {'s':>6}")
    for number, (population, interval, _, truth) in enumerate(rows(np.random.default_rng(0))):
        # Each row has its own random numbers, so that leaving one out changes no other row.
        rng = np.random.default_rng([20, number])
        replication = list(rows(rng))[number][2]
        began = time.perf_counter()
        all_ends = [replication() for _ in range(replications)]
        ends = np.array([pair for pair in all_ends if pair is not None])
        held = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        width = np.mean(ends[:, 1] - ends[:, 0])
        print(f"{population:40} {interval:12} {100 * held:6.1f}% {width:7.3f} {replications - len(ends):5} "
              f"{time.perf_counter() - began:6.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATIONS)
