"""What a cap's condition says: a closed grammar, read by a regular expression and never evaluated.

    cases_below(METRIC, VALUE) > COUNT      more than COUNT cases lie below VALUE
    cases_above(METRIC, VALUE) > COUNT      ... above VALUE
    METRIC < VALUE    METRIC > VALUE        the combined score itself

Whether a condition holds of a score is `graders.scoring.caps`'s question.
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
        f'"{when}" is not a condition; write cases_below(METRIC, 0.5) > 0, cases_above(METRIC, 20) > 0, '
        "METRIC < 0.5 or METRIC > 20"
    )
