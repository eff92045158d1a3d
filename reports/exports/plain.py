"""The mark sheet, as `medmark report` writes it: CSV, a workbook, or JSON.

For whoever needs marks outside of any platform. Evidence: it is medmark's own format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from graders.course.roster import Group
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, check_rules
from reports.exports.rows import has_mark, state_of
from reports.marksheet import marksheet, marksheet_json
from reports.numbers import number
from reports.workbook import table_file

if TYPE_CHECKING:  # pandas takes 0.3 s
    import pandas


def csv(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The mark sheet as CSV. No cell can become a formula."""
    check_rules(rules, "CSV")
    return Filled(table_file(_table(marks, roster), ".csv"), tuple(_lines(marks, roster)))


def xlsx(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The mark sheet as a workbook. Texts are text: 0012 stays 0012."""
    check_rules(rules, "a workbook")
    return Filled(table_file(_table(marks, roster), ".xlsx"), tuple(_lines(marks, roster)))


def json(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The mark sheet for programs, with each person's trace. Texts are as they were written."""
    check_rules(rules, "JSON")
    groups = list(marks.groups.values())
    text = marksheet_json(groups, marks.assignment, roster, marks.hand_ins, marks.people, marks.version)
    return Filled(text.encode(), tuple(_lines(marks, roster)))


def _table(marks: Marks, roster: Sequence[Group]) -> pandas.DataFrame:
    return marksheet(list(marks.groups.values()), marks.assignment, roster, marks.hand_ins, marks.people)


def _lines(marks: Marks, roster: Sequence[Group]) -> Iterator[RowLine]:
    """One a person, in the order of the sheet's rows."""
    for member in (member for group in roster for member in group.members):
        if has_mark(marks, member):
            yield RowLine(RowOutcome.WRITTEN, member.id, mark=number(marks.people[member.id].points, 2))
        else:
            why = f"{state_of(marks, member)}: its cells are empty, and the status says so"
            yield RowLine(RowOutcome.NO_MARK, member.id, why=why)
