"""A metric's results, checked: their shape, their range, and that none is worse than the declared worst value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assignments.data.cases import Case
from graders.failures import MetricFailure
from graders.metrics import Array, Floats, Metric

TOLERANCE = 1e-9
"""By how much rounding may carry a value beyond the metric's range."""


def computed(metric: Metric, predictions: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """The metric's result after checks of its shape and range. All that a metric raises is a toolkit failure."""
    try:
        result = np.asarray(metric.compute(predictions, truths, cases), dtype=np.float64)
    except MemoryError:  # a prediction reached the marker's limit: not a failure of the metric
        raise
    except Exception as error:
        raise MetricFailure(f"{metric.name} raised {type(error).__name__}: {error}") from error
    return checked(metric, result, () if metric.level == "per_set" else (len(cases),))


def checked(metric: Metric, result: Floats, shape: tuple[int, ...]) -> Floats:
    """A result of this shape within the metric's range.

    Raises:
        MetricFailure: it has another shape, is not finite, or lies outside the range.
    """
    low, high = metric.range
    if result.shape != shape or not np.isfinite(result).all():
        raise MetricFailure(f"{metric.name} gave an array {result.shape}, which must be {shape} and finite")
    if result.size and (result.min() < low - TOLERANCE or result.max() > high + TOLERANCE):
        raise MetricFailure(f"{metric.name} gave {result.min()} to {result.max()}, outside {low} to {high}")
    return np.clip(result, low, high)


def worst_value(metric: Metric, truth: Array, case: Case) -> float:
    """The worst value of one case. All that a metric raises is a toolkit failure."""
    try:
        return metric.worst_of(truth, case)
    except Exception as error:
        raise MetricFailure(f"the worst {metric.name} raised {type(error).__name__}: {error}") from error


def not_beyond(metric: Metric, case: Case, value: float, worst: float) -> None:
    """Raises `MetricFailure` where a case's value is worse than its worst value."""
    beyond = worst - value if metric.rising else value - worst
    if beyond > TOLERANCE:
        raise MetricFailure(f"{metric.name} of case {case.id} is {value}, worse than the worst, {worst}")
