"""Moodle's grading worksheet of an assignment activity, filled in place.

Moodle takes `Grade`, or the column of the marker who uploads the file, and says nothing of a row that it skips. So each
rule by which it skips one is here, and each row has a line.

Evidence: Moodle's source, mod/assign/gradingtable.php and mod/assign/feedback/offline (importgradeslib.php,
locallib.php), and the worksheets of its tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group
from graders.marks.personal import PersonalMark
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, cell_text, scaled
from reports.exports.moodle_csv import upload_form
from reports.exports.moodle_worksheet import IDENTIFIER, NAME, Participant, Worksheet, read_worksheet, when_students_see
from reports.exports.rows import has_mark, without_mark
from reports.numbers import half_up, number
from reports.terminal import quantity

GRADE: Final = "Grade"
REQUIRED: Final = (IDENTIFIER, GRADE, "Last modified (grade)")
MAXIMA: Final = ("Maximum grade", "Maximum Grade")
"""Its heading now, and before."""
CAN_BE_CHANGED: Final = "Grade can be changed"
MARKER: Final = re.compile(r"Marker \d+")
NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The worksheet with each person's own mark in `Grade`, or in the column of the marker who uploads it.

    Raises:
        UserError: it is not such a worksheet, is that of another course, or marks by words.
    """
    worksheet = read_worksheet(sheet, roster, rules.members, REQUIRED)
    column = _column(worksheet, rules)
    scale = _scale(worksheet, column, rules)
    rows = [(each, _line(worksheet, each, column, scale, marks)) for each in worksheet.participants]
    texts = {
        (each.index, worksheet.columns[column]): line.mark for each, line in rows if line.outcome is RowOutcome.WRITTEN
    }
    missing = [
        RowLine(RowOutcome.MISSING, person.member.id, mark=scale.text(marks.people[person.member.id]))
        for person in worksheet.missing
        if has_mark(marks, person.member)
    ]
    lines = (*(line for _, line in rows), *missing)
    written = [marks.people[line.who] for line in lines if line.outcome is RowOutcome.WRITTEN]
    return Filled(worksheet.sheet.with_cells(texts), lines, tuple(_notes(worksheet, column, scale, marks, written)))


@dataclass(frozen=True)
class _Scale:
    """How this sheet writes a mark."""

    maximum: Decimal
    comma: bool
    """Whether it has decimal commas."""
    decimals: int
    """How many decimals Moodle shows of a grade; it keeps more."""

    def text(self, mark: PersonalMark) -> str:
        return cell_text(scaled(mark, self.maximum), comma=self.comma)


def _column(worksheet: Worksheet, rules: ExportRules) -> str:
    """The heading of the column to fill."""
    heading = rules.column or GRADE
    columns = [GRADE, *(each for each in worksheet.columns if MARKER.fullmatch(each))]
    if heading not in columns:
        raise UserError(f"{NAME}: the column {heading!r} cannot be filled; --column takes {' or '.join(columns)}")
    return heading


def _scale(worksheet: Worksheet, column: str, rules: ExportRules) -> _Scale:
    heading = next((heading for heading in MAXIMA if heading in worksheet.columns), None)
    if heading is None:
        what = "marked in words of a scale" if "Scale" in worksheet.columns else "not marked in points"
        raise UserError(
            f"{NAME}: it has no column {MAXIMA[0]!r}, so this assignment is {what}. Set its grade to points in Moodle, "
            "then download the worksheet again."
        )
    texts: dict[str, int] = {}
    for each in worksheet.participants:
        texts.setdefault(worksheet.text(each, heading), each.line.number)
    (text, line), *others = texts.items()
    maximum = _number(text)
    if maximum is None or maximum == 0:
        raise UserError(f"{NAME}:{line}: {heading} is {text!r}, not a number. Download the sheet again.")
    if others:
        raise UserError(
            f"{NAME}:{others[0][1]}: {heading} is {others[0][0]!r}, and {text!r} on line {line}. An assignment has one "
            "maximum: download the sheet again."
        )
    if rules.maximum is not None and rules.maximum != maximum:
        raise UserError(f"{NAME}: its {heading} is {text}, not {rules.maximum}: leave out --maximum")
    numbers = [text, *(worksheet.text(each, column) for each in worksheet.participants)]
    comma = any("," in each and _number(each) is not None for each in numbers)
    return _Scale(maximum, comma, decimals=len(text.replace(",", ".").partition(".")[2]))


def _number(text: str) -> Decimal | None:
    """A number as Moodle writes it: with a point or a comma, and no thousands."""
    return Decimal(text.replace(",", ".")) if NUMBER.fullmatch(text) else None


def _line(worksheet: Worksheet, participant: Participant, column: str, scale: _Scale, marks: Marks) -> RowLine:
    """What comes of one row, and the mark that it gets."""
    at, member, cell = participant.line.number, participant.who, worksheet.text(participant, column)
    if (line := without_mark(participant, marks, cell)) is not None:
        return line
    mark = marks.people[member]
    whole, text = scaled(mark, scale.maximum), scale.text(mark)
    if _number(cell) == whole:
        return RowLine(RowOutcome.UNCHANGED, member, at, text)
    skipped = _why_skipped(worksheet, participant, column, scale, whole)
    if skipped:
        return RowLine(RowOutcome.SKIPPED, member, at, text, skipped)
    if whole == 0:
        return RowLine(RowOutcome.BY_HAND, member, at, text, "a newer Moodle takes a 0 in a file for no grade")
    return RowLine(RowOutcome.WRITTEN, member, at, text)


def _why_skipped(worksheet: Worksheet, participant: Participant, column: str, scale: _Scale, mark: Decimal) -> str:
    """Why Moodle would skip a row whose mark is another than it has; empty if it would not."""
    if worksheet.text(participant, CAN_BE_CHANGED).casefold() == "no":
        return "its grade is locked or overridden in Moodle's gradebook, or the marking workflow is past marking"
    if mark > scale.maximum:
        return f"it is more than Moodle's maximum, {number(scale.maximum, 2)}"
    grade = _number(worksheet.text(participant, GRADE)) if column != GRADE else None
    if grade is not None and grade > scale.maximum:
        return f"its {GRADE} is more than Moodle's maximum, {number(scale.maximum, 2)}"
    return ""


def _notes(
    worksheet: Worksheet, column: str, scale: _Scale, marks: Marks, written: Sequence[PersonalMark]
) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    yield from worksheet.warnings
    points = marks.assignment.points
    if scale.maximum != points:
        maxima = f"{number(scale.maximum, 2)} and the assignment's {number(points)}"
        yield f"Moodle's maximum is {maxima}: marks are scaled, to two decimals."
    if any(half_up(scaled(mark, scale.maximum), scale.decimals) != scaled(mark, scale.maximum) for mark in written):
        shown = quantity(scale.decimals, "decimal")
        yield f"Moodle shows grades of this assignment with {shown}: it keeps these marks, and shows them rounded."
    if any(line.kind == "late" for mark in written for line in mark.trace):
        yield (
            "The marks have lateness in them: if this assignment has a penalty for lateness in Moodle too, turn it off "
            "there, or it is taken twice."
        )
    if column != GRADE:
        yield f"Moodle takes {column} only from the person who is {column}: nobody else's upload changes it."
    elif any(MARKER.fullmatch(heading) for heading in worksheet.columns):
        yield (
            "Several markers mark this assignment: until all have, Moodle takes Grade only from a person with the "
            "capability mod/assign:managerestrictedgrades, and drops it without a word from others."
        )
    yield when_students_see(worksheet)
    yield from upload_form(worksheet.sheet)
    yield (
        "Upload the file soon: Moodle skips, without a word, each row whose grade was changed there after this sheet "
        "was downloaded. If somebody graded since, download it again."
    )
