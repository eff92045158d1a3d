"""What everyone may read of a score beside the number: its interval, its distribution, its other metrics, its pictures.

Nothing here is of a single hidden case: their scores would tell their labels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from assignments.assignment import Accuracy, Anchors, Unanchored
from graders.record.documents import Measured, ScoreResult

Interval = tuple[float, float]
BINS: Final = 10
FEWEST_SUBJECTS: Final = 10
"""Of fewer hidden subjects, bins would show single cases."""
FEW_REPEATS: Final = 3
"""Up to so many repeats can give an interval that says nothing."""
WIDE: Final = 2 / 3
"""An interval of few repeats says nothing if it is wider than this share of the span of the anchors."""


@dataclass(frozen=True)
class ShownMetric:
    """Another metric on the same answers; it earns no points."""

    metric: str
    score: float
    interval: Interval | None
    unit: str
    better: Literal["higher", "lower"] | None
    """None where it was not recorded."""


@dataclass(frozen=True)
class Distribution:
    """How many answers to hidden cases scored in each of ten equal parts of a metric's range."""

    low: float
    high: float
    counts: tuple[int, ...]
    """From `low` to `high`; none where there are too few subjects. A score beyond an end counts in the last part."""
    beyond_low: bool
    beyond_high: bool
    """Whether the metric can be beyond that end."""


def shown_interval(measured: Measured, criterion: Accuracy) -> Interval | None:
    """The interval of a criterion's score; None where there is none, or where too few repeats make it say nothing."""
    return None if too_few_repeats(measured, criterion) else measured.interval


def too_few_repeats(measured: Measured, criterion: Accuracy) -> int:
    """How many repeats there are, if they are too few for an interval of this score; else 0."""
    repeats = len(measured.repeats)
    anchors = criterion.anchors
    if measured.interval is None or not 1 < repeats <= FEW_REPEATS or isinstance(anchors, Unanchored):
        return 0
    low, high = measured.interval
    return repeats if high - low > WIDE * abs(anchors.ceiling - anchors.trivial) else 0


def shown_also(result: ScoreResult, criterion: Accuracy) -> tuple[ShownMetric, ...]:
    """The other metrics of a score, in the order of the criterion; without intervals where it has none."""
    few = result.measured is not None and too_few_repeats(result.measured, criterion) > 0
    return tuple(
        ShownMetric(
            metric=name,
            score=also.score,
            interval=None if few else also.interval,
            unit=also.unit,
            better=also.better,
        )
        for name in criterion.metrics
        if (also := result.also.get(name)) is not None
    )


def distribution_of(result: ScoreResult, criterion: Accuracy) -> Distribution | None:
    """The distribution of the criterion's metric over hidden cases; None for a metric of the whole set."""
    measured = result.measured
    values = [] if measured is None else [case.value for case in measured.cases if case.value is not None]
    if measured is None or not values or all(case.state == "failed" for case in measured.cases):
        return None
    beyond = [end is None for end in result.range or (None, None)]
    if any(beyond) and isinstance(criterion.anchors, Unanchored):
        return None  # the farthest score would be an end of the figure, and that of a single case
    low, high = ends = _ends(result, criterion.anchors)
    if len({case.subject for case in measured.cases}) < FEWEST_SUBJECTS:
        return Distribution(*ends, (), *beyond)
    # Rounded, so that 0.7 is in the part that begins with it.
    edges = [round(low + (high - low) * i / BINS, 12) for i in range(1, BINS)]
    parts = [bisect_right(edges, round(value, 12)) for value in values]
    return Distribution(*ends, tuple(parts.count(part) for part in range(BINS)), *beyond)


def cohort_shares(distributions: Sequence[Distribution], fewest_groups: int) -> tuple[float, ...]:
    """The mean share of each part over groups whose distributions have the same ends; none of fewer groups."""
    counted = [each for each in distributions if each.counts]
    if len(counted) < fewest_groups or len({(each.low, each.high) for each in counted}) > 1:
        return ()
    shares = [[count / sum(each.counts) for count in each.counts] for each in counted]
    return tuple(sum(of_part) / len(shares) for of_part in zip(*shares, strict=True))


def _ends(result: ScoreResult, anchors: Anchors | Unanchored) -> Interval:
    """The ends of the metric's range; an infinite one is as far beyond the trivial anchor as the ceiling is from it."""
    low, high = result.range or (None, None)
    if low is not None and high is not None:
        return low, high
    assert isinstance(anchors, Anchors)
    farthest, best = 2 * anchors.trivial - anchors.ceiling, anchors.ceiling
    of_anchors = (farthest, best) if anchors.rising else (best, farthest)
    return (of_anchors[0] if low is None else low, of_anchors[1] if high is None else high)
