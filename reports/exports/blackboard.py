"""The Grade Center of Blackboard Learn, the original one, downloaded to work offline and filled in place.

Evidence: documents only, Blackboard's help "Working Offline with Grade Data" as universities keep it, and headings of
downloads as scripts of teachers name them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group
from reports.exports.export import ExportRules, Filled, Marks
from reports.exports.grade_column import GradeColumn, GradeSheet, fill_column
from reports.exports.sheet import read_sheet

NAME: Final = "grades of Blackboard"
NAMING: Final = ("username", "user name")
"""By this alone Blackboard finds a person; the student's number, beside it, is for people."""
NUMBERED: Final = re.compile(r"(?P<title>.+) \[Total Pts: (?P<points>\d+(?:\.\d+)?)(?: Score)?\] \|(?P<number>\d+)")
"""A column without its number would become a new one, of text, worth 0. Words, letters and totals are not scores."""
UNGRADED: Final = ("needs grading", "in progress")


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The download with each person's own mark in the column.

    Raises:
        UserError: it is not such a file, is that of another course, or leaves open which column is meant.
    """
    read = read_sheet(NAME, sheet)
    naming = {heading: at for at, heading in enumerate(read.header) if heading.strip().casefold() in NAMING}
    if not naming:
        raise UserError(f"{NAME}: it has no Username. Download the Grade Center again, with user information.")
    columns = tuple(column for at, heading in enumerate(read.header) if (column := _column(at, heading)))
    return fill_column(GradeSheet(NAME, read, naming, columns, replaced=UNGRADED), marks, roster, rules)


def _column(index: int, heading: str) -> GradeColumn | None:
    numbered = NUMBERED.fullmatch(heading.strip())
    if numbered is None:
        return None
    return GradeColumn(index, heading, numbered["title"], Decimal(numbered["points"]), numbered["number"])
