"""Canvas's gradebook as CSV, filled in place: the column of one assignment.

Canvas compares each score with the one that it has, to two decimals, and shows the changes before it takes them. A
blank over a score removes it, so that a person without a mark keeps their cell.

Evidence: Canvas's source, lib/gradebook_importer.rb and lib/gradebook_exporter.rb, and the tests of the importer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group
from graders.marks.personal import PersonalMark
from reports.exports.canvas_gradebook import (
    MANUAL,
    NAME,
    AssignmentColumn,
    Gradebook,
    has_commas,
    number_of,
    read_gradebook,
)
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, cell_text, scaled
from reports.exports.people import Named, People
from reports.exports.rows import SheetRow, each_once, has_mark, strangers, without_mark
from reports.exports.sheet import Line
from reports.numbers import half_up, number

ID: Final = "ID"
NAMING: Final = ("SIS User ID", "SIS Login ID", "Integration ID")
"""Columns that name a person. The name alone does not: two people may share it."""
TEST_STUDENT: Final = "Student, Test"
EXCUSED: Final = "EX"
NOT_ASSIGNED: Final = "N/A"
NO_SCORE: Final = ("", "-")


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The gradebook with each person's own mark in the assignment's column, scaled to its points.

    Raises:
        UserError: it is not such a file, is that of another course, or leaves open which column is the assignment's.
    """
    gradebook = read_gradebook(sheet)
    column = gradebook.column(rules.column, marks.assignment.title)
    scores = _Scores.of(gradebook, column, rules)
    people = People(roster)
    rows = [_row(index, line, gradebook, people, rules) for index, line in gradebook.students]
    of_people = [row for row in rows if not _is_test(row.line, gradebook)]
    notes = [*strangers(of_people, NAME), *_notes(gradebook, scores, marks)]
    rows = each_once(rows)
    lines = [_line(row, gradebook, scores, marks) for row in rows]
    texts = {
        (row.index, column.index): line.mark
        for row, line in zip(rows, lines, strict=True)
        if line.outcome is RowOutcome.WRITTEN
    }
    missing = [
        RowLine(RowOutcome.MISSING, person.member.id, mark=scores.of_mark(marks.people[person.member.id]))
        for person in people.without(row.who for row in rows if row.who)
        if has_mark(marks, person.member)
    ]
    return Filled(gradebook.sheet.with_cells(texts), (*lines, *missing), tuple(notes))


@dataclass(frozen=True)
class _Scores:
    """How this gradebook writes the scores of the assignment."""

    column: AssignmentColumn
    maximum: Decimal
    comma: bool
    """Whether it has decimal commas."""

    @classmethod
    def of(cls, gradebook: Gradebook, column: AssignmentColumn, rules: ExportRules) -> _Scores:
        points = number_of(column.points)
        if points is not None and rules.maximum is not None and points != rules.maximum:
            what = f"{column.heading!r} is worth {column.points}, not {rules.maximum}"
            raise UserError(f"{NAME}: {what}: leave out --maximum")
        maximum = points if points is not None else rules.maximum
        if not maximum or maximum < 0:
            raise UserError(
                f"{NAME}: {column.heading!r} is worth {column.points.strip() or 'no points'} in Canvas: set its points "
                "there, and download the gradebook again"
            )
        texts = [each.points for each in gradebook.columns]
        texts += [line.text(column.index) for _, line in gradebook.students]
        return cls(column, maximum, has_commas(texts))

    def of_mark(self, mark: PersonalMark) -> str:
        """A person's mark as a cell of this gradebook."""
        return cell_text(scaled(mark, self.maximum), comma=self.comma)


def _row(index: int, line: Line, gradebook: Gradebook, people: People, rules: ExportRules) -> SheetRow:
    called = f"{gradebook.name(line)} (ID {gradebook.text(line, ID)})"
    named = _named(line, gradebook, people, rules)
    if named.person is None:
        return SheetRow(index, line, called, why=named.why)
    return SheetRow(index, line, called, named.person.member.id, (named.person.member,))


def _named(line: Line, gradebook: Gradebook, people: People, rules: ExportRules) -> Named:
    cells = {heading: gradebook.text(line, heading) for heading in NAMING}
    if (member := rules.members.get(gradebook.text(line, ID))) is not None:
        cells["--members"] = member
    cells = {heading: text for heading, text in cells.items() if text}
    if not cells:
        return Named(None, f"it has no {' or '.join(NAMING)}, and --members does not have its ID")
    return people.named(cells)


def _is_test(line: Line, gradebook: Gradebook) -> bool:
    """Whether it is the student whom Canvas makes up for a teacher to see the course by."""
    return gradebook.name(line) == TEST_STUDENT and not gradebook.text(line, NAMING[0])


def _line(row: SheetRow, gradebook: Gradebook, scores: _Scores, marks: Marks) -> RowLine:
    """What comes of one row, and the mark that it gets."""
    cell, at = row.line.text(scores.column.index).strip(), row.line.number
    if not row.who and _is_test(row.line, gradebook):
        return RowLine(RowOutcome.NO_MARK, TEST_STUDENT, at, why="it is Canvas's test student, and not a person")
    if (line := without_mark(row, marks, cell)) is not None:
        return line
    text = scores.of_mark(marks.people[row.who])
    if cell.casefold() == NOT_ASSIGNED.casefold():
        why = f"its cell is {cell}: the assignment is not assigned to this person, and Canvas drops a mark"
        return RowLine(RowOutcome.SKIPPED, row.who, at, text, why)
    if cell.casefold() == EXCUSED.casefold():
        why = f"Canvas excuses this person ({cell}), which a mark would end: the cell stays as it is"
        return RowLine(RowOutcome.BY_HAND, row.who, at, text, why)
    present = number_of(cell)
    if present is None and cell not in NO_SCORE:
        return RowLine(RowOutcome.BY_HAND, row.who, at, text, f"its cell is {cell!r}, not a number, and stays as it is")
    if present is not None and half_up(present, 2) == number_of(text):
        return RowLine(RowOutcome.UNCHANGED, row.who, at, text)
    return RowLine(RowOutcome.WRITTEN, row.who, at, text)


def _notes(gradebook: Gradebook, scores: _Scores, marks: Marks) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    points, column = marks.assignment.points, scores.column
    if scores.maximum != points:
        yield (
            f"{column.heading} is worth {number(scores.maximum, 2)} points in Canvas, and the assignment "
            f"{number(points)}: marks are scaled, to two decimals."
        )
    if number_of(column.points) is None:
        yield f"The gradebook does not say what {column.heading} is worth: {number(scores.maximum, 2)}, as you said."
    if not column.policy.casefold().startswith(MANUAL):
        yield (
            f"Students see these marks as soon as Canvas takes them: {column.heading} is not posted by hand. If they "
            "should not yet, set its grade posting policy to manual before you upload the file."
        )
    if gradebook.has_two_names and gradebook.sheet.mark:
        yield (
            "This file has a byte order mark and names in two columns, which Canvas, as published, refuses as an "
            "invalid header row. If it does, show names in one column, and download the gradebook again."
        )
    yield (
        "Upload the file soon, and read the changes that Canvas shows before it takes them: each column is set to what "
        "this file has, so that a score which somebody entered since the download is undone."
    )
