"""Parses the condition of a cap: a closed grammar, read by a regular expression and never evaluated.

    cases_below(METRIC, VALUE) > COUNT      more than COUNT cases lie below VALUE
    cases_above(METRIC, VALUE) > COUNT      ... above VALUE
    METRIC < VALUE    METRIC > VALUE        the combined score itself

`graders.scoring.caps` decides whether a score meets a condition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_METRIC = r"(?P<metric>[A-Za-z_][\w.@:-]*)"
_VALUE = r"(?P<value>-?\d+(?:\.\d+)?)"
_CASES = re.compile(rf"\s*cases_(?P<side>below|above)\(\s*{_METRIC}\s*,\s*{_VALUE}\s*\)\s*>\s*(?P<count>\d+)\s*")
_SCORE = re.compile(rf"\s*{_METRIC}\s*(?P<side>[<>])\s*{_VALUE}\s*")


@dataclass(frozen=True)
class Condition:
    """A cap's `when`, parsed."""

    side: Literal["below", "above"]
    metric: str
    value: float
    count: int | None
    """It holds if more than so many cases lie on that side; None: if the combined score does."""


def parse_condition(when: str) -> Condition:
    """Parse one `when`; the `ValueError` of a wrong one shows the grammar."""
    if match := _CASES.fullmatch(when):
        side: Literal["below", "above"] = "below" if match["side"] == "below" else "above"
        return Condition(side, match["metric"], float(match["value"]), int(match["count"]))
    if match := _SCORE.fullmatch(when):
        side = "below" if match["side"] == "<" else "above"
        return Condition(side, match["metric"], float(match["value"]), None)
    raise ValueError(
        f'"{when}" is not a condition; write cases_below(METRIC, 0.5) > 0, cases_above(METRIC, 20) > 0, '
        "METRIC < 0.5 or METRIC > 20"
    )
