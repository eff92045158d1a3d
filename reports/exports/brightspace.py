"""Brightspace's grades (D2L), exported with points grades, filled in place.

Evidence: documents only, D2L's "Importing grades" (community.d2l.com, article 3538) and universities' guides.
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
from reports.exports.sheet import Sheet, read_sheet

NAME: Final = "grades of Brightspace"
NAMING: Final = ("orgdefinedid", "username")
"""Brightspace finds a person by either; an export writes a # before both, so that a spreadsheet keeps zeros."""
END: Final = ("End-of-Line Indicator", "#")
"""The last column, and what each row has in it: an import needs both."""
POINTS: Final = re.compile(r"(?P<title>.+) Points Grade(?: <(?P<about>.*)>)?")
MAXIMUM: Final = re.compile(r"\bMaxPoints:(\d+(?:\.\d+)?)")


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The export with each person's own mark in the item's points grade.

    Raises:
        UserError: it is not such a file, is that of another course, or leaves open which item is meant.
    """
    read = read_sheet(NAME, sheet)
    _check_end(read)
    naming = {heading: at for at, heading in enumerate(read.header) if heading.strip().casefold() in NAMING}
    if not naming:
        raise UserError(
            f"{NAME}: it has neither OrgDefinedId nor Username. Export the grades again with both as key field."
        )
    columns = tuple(column for at, heading in enumerate(read.header) if (column := _column(at, heading)))
    return fill_column(GradeSheet(NAME, read, naming, columns, before_name="#"), marks, roster, rules)


def _column(index: int, heading: str) -> GradeColumn | None:
    parts = POINTS.fullmatch(heading.strip())
    if parts is None:
        return None
    points = MAXIMUM.search(parts["about"] or "")
    return GradeColumn(index, heading, parts["title"], Decimal(points[1]) if points else None)


def _check_end(sheet: Sheet) -> None:
    if sheet.header[-1].strip().casefold() != END[0].casefold():
        raise UserError(f"{NAME}: its last column is not {END[0]}. Export the grades from Brightspace again.")
    last = len(sheet.header) - 1
    for line in sheet.lines[1:]:
        if line.text(last).strip() != END[1]:
            raise UserError(f"{NAME}:{line.number}: the row does not end in {END[1]}. Export the grades again.")
