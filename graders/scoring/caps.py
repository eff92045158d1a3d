"""When a cap holds: a closed grammar, read by a regular expression and never evaluated. No points are counted here.

    cases_below(METRIC, VALUE) > COUNT      more than COUNT cases lie below VALUE
    cases_above(METRIC, VALUE) > COUNT      ... above VALUE
    METRIC < VALUE    METRIC > VALUE        the combined score itself
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Literal

_METRIC = r"(?P<metric>[A-Za-z_][\w.@:-]*)"
_VALUE = r"(?P<value>-?\d+(?:\.\d+)?)"
_CASES = re.compile(rf"\s*cases_(?P<side>below|above)\(\s*{_METRIC}\s*,\s*{_VALUE}\s*\)\s*>\s*(?P<count>\d+)\s*")
_SCORE = re.compile(rf"\s*{_METRIC}\s*(?P<side>[<>])\s*{_VALUE}\s*")

SLACK = 1e-6
"""As of the tolerances in `graders.metrics.given`. To import it from there would cost every command half a second."""


@dataclass(frozen=True)
class Condition:
    """A cap's `when`, read."""

    side: Literal["below", "above"]
    metric: str
    value: float
    count: int | None
    """More than so many cases must lie on that side; None: the combined score must."""


def parse_condition(when: str) -> Condition:
    """Reads one `when`; `ValueError` shows the grammar."""
    if found := _CASES.fullmatch(when):
        side: Literal["below", "above"] = "below" if found["side"] == "below" else "above"
        return Condition(side, found["metric"], float(found["value"]), int(found["count"]))
    if found := _SCORE.fullmatch(when):
        side = "below" if found["side"] == "<" else "above"
        return Condition(side, found["metric"], float(found["value"]), None)
    raise ValueError(
        f"when = {when!r} is no condition; write cases_below(METRIC, VALUE) > COUNT, "
        "cases_above(METRIC, VALUE) > COUNT, METRIC < VALUE or METRIC > VALUE."
    )


def holds(condition: Condition, measured: Mapping[str, Any]) -> bool:
    """Whether the condition is true of one metric's measurements (`score`, `cases`, `combine` of a ScoreDoc).

    Cases are counted in each repeat, failed ones at their worst value, and the counts are combined as the scores
    are: one bad seed of five does not cap a median.
    """
    if condition.count is None:
        return _beyond(condition, float(measured["score"]))
    counts: dict[int, int] = {}
    for case in measured["cases"]:
        counted = case["value"] is not None and _beyond(condition, float(case["value"]))
        counts[case["repeat"]] = counts.get(case["repeat"], 0) + counted
    return combined(list(counts.values()), measured["combine"]) > condition.count


def combined(values: Sequence[float], how: str) -> float:
    """Repeats as one number: their median or their mean."""
    return float(median(values) if how == "median" else fmean(values))


def _beyond(condition: Condition, value: float) -> bool:
    """Whether a value lies on the condition's side; one that equals the threshold but for rounding lies on neither."""
    if math.isclose(value, condition.value, rel_tol=SLACK):
        return False
    return value < condition.value if condition.side == "below" else value > condition.value
