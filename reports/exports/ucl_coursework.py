"""The marking sheet of UCL's Moodle activity Coursework, filled in place.

Coursework finds a row by `Sub ID`, and checks `Submission file id`, which is a hash or, where the site has them, the
candidate number. It leaves a row alone whose mark is empty, and refuses some rows, by name, after the upload. In a
sheet of groups one row is one mark for all members: nothing is written where theirs differ.

Evidence: the plugin's source, ucl-isd/moodle-mod_coursework, classes/export (grading_sheet.php, import.php, csv/cells)
and classes/grade_judge.php, and its tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group, Member
from reports.exports.coursework_layout import FILE_ID, NAME, NAMED, NAMING, SUB_ID, CourseworkLayout, layout_of
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, cell_text, scaled
from reports.exports.moodle_csv import check_backslashes, upload_form
from reports.exports.people import Named, People
from reports.exports.rows import SheetRow, each_once, has_mark, state_of, strangers, without_mark
from reports.exports.sheet import Line, Sheet, read_sheet
from reports.numbers import number

MAXIMUM: Final = Decimal(100)
"""Of a coursework of which the person did not name another."""
HIDDEN: Final = "hidden"
"""Stands in a cell that names nobody, and begins the text in the cell of a mark that the person may not see yet."""
NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""As Coursework writes a mark."""
ZERO: Final = (
    "Coursework takes 0 for an empty cell, and 0.0 for a mark; releases whose scale begins above 0 refuse that too, "
    "and say so after the upload: then type it"
)


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The sheet with each person's mark, or each group's, in the column of a marker or of the agreed mark.

    Raises:
        UserError: it is not such a sheet, is that of another course, or marks by words or by a rubric.
    """
    read = read_sheet(NAME, sheet)
    check_backslashes(read)
    layout = layout_of(read.header)
    to_fill = _ToFill(read, layout, layout.column(rules.column), rules.maximum or MAXIMUM)
    to_fill.check_numbers()
    named = _groups_named(roster, rules) if layout.is_of_groups else _people_named(read, roster, rules)
    rows = [named(index, line) for index, line in enumerate(read.lines[1:], 1)]
    notes = [*strangers(rows, NAME), *_notes(to_fill, rules, marks)]
    rows = each_once(rows)
    lines = [_line(row, to_fill, marks) for row in rows]
    texts = {
        (row.index, to_fill.index): line.mark
        for row, line in zip(rows, lines, strict=True)
        if line.outcome is RowOutcome.WRITTEN
    }
    missing = _missing(rows, to_fill, marks, roster)
    return Filled(read.with_cells(texts), (*lines, *missing), tuple(notes))


@dataclass(frozen=True)
class _ToFill:
    """The column to fill."""

    sheet: Sheet
    layout: CourseworkLayout
    heading: str
    maximum: Decimal

    @property
    def index(self) -> int:
        return self.layout.read[self.heading]

    def check_numbers(self) -> None:
        """Refuse a sheet that marks in words.

        Raises:
            UserError: names the first cell.
        """
        for line in self.sheet.lines[1:]:
            text = line.text(self.index).strip()
            if text and not NUMBER.fullmatch(text) and not text.casefold().startswith(HIDDEN):
                raise UserError(
                    f"{NAME}:{line.number}: {self.heading} is {text!r}, not a number. If this coursework is marked in "
                    "words of a scale, set its grade to points; then download the sheet again."
                )


def _people_named(sheet: Sheet, roster: Sequence[Group], rules: ExportRules) -> Callable[[int, Line], SheetRow]:
    """Whom a row of a sheet of individuals is about.

    An anonymous sheet is joined by the candidate number alone, or by what the person put down.
    """
    people = People(roster)
    has_candidates = any(people.candidate(line.text(FILE_ID)) for line in sheet.lines[1:])

    def person_of(line: Line) -> Named:
        cells = {sheet.header[column]: line.text(column) for column in NAMING}
        cells = {heading: text for heading, text in cells.items() if text.strip().casefold() != HIDDEN}
        file_id = line.text(FILE_ID).strip()
        if (candidate := people.candidate(file_id)) is not None:
            cells[sheet.header[FILE_ID]] = candidate.member.id
        if (member := _put_down(line, rules)) is not None:
            cells["--members"] = member
        if not cells:
            why = (
                f"it names nobody, no candidate number of the roster is {file_id}, and --members has neither its number"
            )
            return Named(None, f"{why} nor {file_id}")
        person = (named := people.named(cells)).person
        if person and has_candidates and candidate is None and (own := person.member.candidate):
            return Named(None, f"it names {person}, whose candidate number in the roster is {own}, not {file_id}")
        return named

    def named(index: int, line: Line) -> SheetRow:
        person, why = (found_person := person_of(line)).person, found_person.why
        if person is None:
            return SheetRow(index, line, _called(line), why=why)
        return SheetRow(index, line, _called(line), person.member.id, (person.member,))

    return named


def _groups_named(roster: Sequence[Group], rules: ExportRules) -> Callable[[int, Line], SheetRow]:
    """Which group a row is about: by its name, by a cell that the roster has for its members alone, or as put down."""
    people = People(roster)

    def named(index: int, line: Line) -> SheetRow:
        put_down = _put_down(line, rules)
        groups = people.groups(line.text(NAMED) if put_down is None else put_down)
        if len(groups) == 1:
            return SheetRow(index, line, _called(line), groups[0].name, groups[0].members)
        why = f"of {' and '.join(group.name for group in groups)}" if groups else "of no group in the roster"
        return SheetRow(index, line, _called(line), why=f"its name is that {why}")

    return named


def _put_down(line: Line, rules: ExportRules) -> str | None:
    """Whom the person says that a row is about, by its number or its file id."""
    by_number = rules.members.get(line.text(SUB_ID).strip())
    return by_number or rules.members.get(line.text(FILE_ID).strip())


def _called(line: Line) -> str:
    number = line.text(SUB_ID).strip()
    return f"Sub ID {number}" if number else f"line {line.number}"


def _line(row: SheetRow, to_fill: _ToFill, marks: Marks) -> RowLine:
    """What comes of one row, and the mark that it gets."""
    cell, at = row.line.text(to_fill.index).strip(), row.line.number
    if (line := without_mark(row, marks, cell)) is not None:
        return line
    each = {member.id: _mark_text(member, to_fill, marks) for member in row.members}
    if len(set(each.values())) > 1:
        whose = ", ".join(f"{member} {text}" for member, text in each.items())
        why = f"the row is one mark for all, and theirs differ: type them in the gradebook by hand ({whose})"
        return RowLine(RowOutcome.BY_HAND, row.who, at, why=why)
    text = next(iter(each.values()))
    if NUMBER.fullmatch(cell) and Decimal(cell) == Decimal(text):
        return RowLine(RowOutcome.UNCHANGED, row.who, at, text)
    if why := _why_refused(row, to_fill):
        return RowLine(RowOutcome.SKIPPED, row.who, at, text, why)
    return RowLine(RowOutcome.WRITTEN, row.who, at, text, ZERO if Decimal(text) == 0 else "")


def _mark_text(member: Member, to_fill: _ToFill, marks: Marks) -> str:
    if not has_mark(marks, member):
        return f"has none ({state_of(marks, member)})"
    return cell_text(scaled(marks.people[member.id], to_fill.maximum))


def _why_refused(row: SheetRow, to_fill: _ToFill) -> str:
    """Why Coursework would refuse a row with another mark than it has; empty if it would not."""
    layout, line = to_fill.layout, row.line
    if not re.fullmatch(r"[1-9][0-9]*", line.text(SUB_ID).strip()) or not line.text(FILE_ID).strip():
        return f"it has no {to_fill.sheet.header[SUB_ID]} or no {to_fill.sheet.header[FILE_ID]}"
    cells = {heading: line.text(column).strip() for heading, column in layout.read.items()}
    if cells[to_fill.heading].casefold().startswith(HIDDEN):
        return "somebody marked it already, and the mark is hidden from you"
    for heading, text in cells.items():
        if text and heading != to_fill.heading and not _in_scale(text, to_fill.maximum):
            most = number(to_fill.maximum, 2)
            return f"its {heading} is {text!r}, not a number up to {most}, for which the whole row is refused"
    if to_fill.heading in layout.agreed and not cells[to_fill.heading]:
        first = {heading: cells[heading] for heading in layout.first}
        first |= {to_fill.sheet.header[column].strip(): line.text(column).strip() for column in layout.others}
        open_marks = [heading for heading, text in first.items() if not NUMBER.fullmatch(text)]
        if open_marks:
            return f"an agreed mark is taken when all first marks are in, and {' and '.join(open_marks)} is not"
    return ""


def _in_scale(text: str, maximum: Decimal) -> bool:
    return bool(NUMBER.fullmatch(text)) and Decimal(text) < maximum + 1


def _missing(rows: Sequence[SheetRow], to_fill: _ToFill, marks: Marks, roster: Sequence[Group]) -> Iterator[RowLine]:
    """A line for each person with a mark, or each group, that no row is about."""
    present = {row.who for row in rows if row.who}
    if to_fill.layout.is_of_groups:
        for group in roster:
            each = {
                member.id: _mark_text(member, to_fill, marks) for member in group.members if has_mark(marks, member)
            }
            if each and group.name not in present:
                same = set(each.values()) if len(each) == len(group.members) else set()
                whose = ", ".join(f"{member} {text}" for member, text in each.items())
                yield RowLine(RowOutcome.MISSING, group.name, mark=same.pop() if len(same) == 1 else "", why=whose)
        return
    for person in People(roster).without(present):
        if has_mark(marks, person.member):
            yield RowLine(RowOutcome.MISSING, person.member.id, mark=_mark_text(person.member, to_fill, marks))


def _notes(to_fill: _ToFill, rules: ExportRules, marks: Marks) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    maximum, points = to_fill.maximum, marks.assignment.points
    whence = "as you said" if rules.maximum else "and --maximum names another"
    yield f"The sheet does not say the coursework's maximum: marks are written out of {number(maximum, 2)}, {whence}."
    if maximum != points:
        yield f"The assignment is worth {number(points)} points: marks are scaled, to two decimals."
    if to_fill.heading in to_fill.layout.first and len(to_fill.layout.read) > 1:
        yield (
            f"Coursework takes {to_fill.heading} from a person who may mark as that marker. Where it samples, it "
            "passes over, without a word, a second marker's mark of a row outside the sample."
        )
    if to_fill.heading in to_fill.layout.agreed:
        yield (
            f"Coursework takes {to_fill.heading} of a row when all first marks are in and their markers can change "
            "them no more: it refuses others, and says so."
        )
    yield from upload_form(to_fill.sheet)
    yield (
        "Upload the file as the person who downloaded the sheet: the columns depend on a person's rights, and "
        "Coursework refuses a file with other columns. After the upload it names each row that it refuses, such as "
        "those whose marks are released."
    )
