"""The page of one person: how their mark follows from their group's, line by line. A pure function of a PersonalMark.

Only this person and staff read it: lateness, extensions and peer factors are private.
"""

from __future__ import annotations

from fractions import Fraction

from assignments.assignment import Assignment
from graders.marks.mark import rounded
from graders.marks.personal import Adjustment, PersonalMark
from reports.bands import band_of
from reports.feedback import HEADLINES
from reports.numbers import number
from reports.page import policy, render


def personal_page(
    mark: PersonalMark,
    assignment: Assignment,
    name: str,
    *,
    ratified: bool = False,
    version: int = 1,
    correction: str = "",
) -> str:
    """The whole page as HTML: it loads nothing and runs nothing."""
    return render(
        "personal.html",
        csp=policy(),
        mark=mark,
        assignment=assignment,
        name=name,
        headline=HEADLINES[mark.status],
        band=None if mark.percent is None else band_of(mark.percent, mark.level, mark.pass_mark),
        lines=[(line, _step(line)) for line in mark.trace],
        ratified=ratified,
        version=version,
        correction=correction,
    )


def _step(line: Adjustment) -> str:
    """The mark before and after; empty if there is no mark on either side."""
    return "" if line.before is line.after is None else f"{percent_text(line.before)} \u2192 {percent_text(line.after)}"


def percent_text(exact: Fraction | None) -> str:
    """Per cent after a step as people read it; the steps themselves are exact."""
    return "no mark" if exact is None else f"{number(rounded(exact * 10) / 10, 2)} %"
