"""Whether a cap holds of a score. The grammar of its condition is `assignments.caps`'; no points are counted here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

from assignments.caps import Condition
from graders.record.documents import Measured

THRESHOLD_SLACK = 1e-6
"""As of the tolerances in `graders.metrics.checks`. To import it from there would cost every command half a second."""


def holds(condition: Condition, measured: Measured) -> bool:
    """Whether the condition is true of one metric's measurements.

    Cases are counted in each repeat, failed ones at their worst value, and the counts are combined as the scores
    are: one bad seed of five does not cap a median.
    """
    if condition.count is None:
        return _beyond(condition, measured.score)
    counts: dict[int, int] = {}
    for case in measured.cases:
        counted = case.value is not None and _beyond(condition, case.value)
        counts[case.repeat] = counts.get(case.repeat, 0) + counted
    return combined(list(counts.values()), measured.combine) > condition.count


def combined(values: Sequence[float], how: str) -> float:
    """Repeats as one number: their median or their mean."""
    return float(median(values) if how == "median" else fmean(values))


def _beyond(condition: Condition, value: float) -> bool:
    """Whether a value lies on the condition's side; one that equals the threshold but for rounding lies on neither."""
    if math.isclose(value, condition.value, rel_tol=THRESHOLD_SLACK):
        return False
    return value < condition.value if condition.side == "below" else value > condition.value
