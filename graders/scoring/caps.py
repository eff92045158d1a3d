"""Whether the condition of a cap is true of a score. `assignments.caps` has the grammar, `graders.marks` the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

from assignments.caps import Condition
from graders.record.documents import Measured

THRESHOLD_SLACK = 1e-6
"""The slack of tolerances in `graders.metrics.checks`. An import of it would cost every command half a second."""


def holds(condition: Condition, measured: Measured) -> bool:
    """Whether the condition is true of one metric's measurements.

    Cases are counted in each repeat, with failed cases at their worst value. The counts are combined as the scores are:
    one bad repeat of five does not cap a median.
    """
    if condition.count is None:
        return _beyond(condition, measured.score)
    counts: dict[int, int] = {}
    for case in measured.cases:
        counted = case.value is not None and _beyond(condition, case.value)
        counts[case.repeat] = counts.get(case.repeat, 0) + counted
    return combined(list(counts.values()), measured.combine) > condition.count


def combined(values: Sequence[float], how: str) -> float:
    """One number for all repeats: their median or their mean."""
    return float(median(values) if how == "median" else fmean(values))


def _beyond(condition: Condition, value: float) -> bool:
    """Whether a value lies on the condition's side of the threshold; a value equal up to rounding lies on neither."""
    if math.isclose(value, condition.value, rel_tol=THRESHOLD_SLACK):
        return False
    return value < condition.value if condition.side == "below" else value > condition.value
