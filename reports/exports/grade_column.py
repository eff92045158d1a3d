"""One column of grades in a gradebook that a platform gave out, filled in place: what such gradebooks share.

A platform says by which headings it finds people, how a heading of grades is written, and which words of a cell a mark
may replace.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, cell_text, scaled
from reports.exports.people import Named, People
from reports.exports.rows import SheetRow, each_once, has_mark, strangers, without_mark
from reports.exports.sheet import Line, Sheet
from reports.numbers import number

NUMBER: Final = re.compile(r"\d+(?:\.\d+)?|\.\d+")


@dataclass(frozen=True)
class GradeColumn:
    """One column that may be filled."""

    index: int
    heading: str
    title: str
    """What the platform calls the item."""
    maximum: Decimal | None
    """None where the heading does not say it."""
    number: str = ""
    """The platform's own number of the column, if it has one."""


@dataclass(frozen=True)
class GradeSheet:
    """A gradebook with its columns of grades."""

    name: str
    """What messages call it."""
    sheet: Sheet
    naming: Mapping[str, int]
    """By heading: the columns that name a person."""
    columns: tuple[GradeColumn, ...]
    replaced: Collection[str] = ()
    """Words, in small letters, with which a cell begins that is not graded yet."""
    before_name: str = ""
    """A mark that may stand before what names a person."""

    def column(self, named: str, title: str) -> GradeColumn:
        """The column that a person names by heading, title or number; else the one with the assignment's title.

        Raises:
            UserError: there is none, or several; lists them.
        """
        words = (named or title).strip().casefold()
        hits = [each for each in self.columns if words in _words(each)]
        if len(hits) == 1:
            return hits[0]
        have = "\n".join(f"  {each.heading}" for each in self.columns) or "  none: the gradebook has no column to fill"
        what = "several columns are" if hits else "there is no column"
        raise UserError(f"{self.name}: {what} {named or title!r}; name the one to fill with --column:\n{have}")

    def person(self, line: Line, people: People, rules: ExportRules) -> tuple[str, Named]:
        """What a row calls its person, and who that is."""
        cells = {heading: line.text(index).strip() for heading, index in self.naming.items()}
        cells = {heading: text.removeprefix(self.before_name) for heading, text in cells.items() if text}
        called = next(iter(cells.values()), f"line {line.number}")
        put_down = [rules.members[text] for text in cells.values() if text in rules.members]
        if put_down:
            cells["--members"] = put_down[0]
        if not cells:
            return called, Named(None, f"it has no {' or '.join(self.naming)}")
        return called, people.named(cells)


def _words(column: GradeColumn) -> set[str]:
    return {text.strip().casefold() for text in (column.heading, column.title, column.number) if text}


def fill_column(gradebook: GradeSheet, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The gradebook with each person's own mark in one column, scaled to its maximum.

    Raises:
        UserError: it is that of another course, or leaves open the column or its maximum.
    """
    column = gradebook.column(rules.column, marks.assignment.title)
    maximum = _maximum(gradebook, column, rules)
    people = People(roster)
    rows = []
    for index, line in enumerate(gradebook.sheet.lines[1:], 1):
        called, named = gradebook.person(line, people, rules)
        if named.person is None:
            rows.append(SheetRow(index, line, called, why=named.why))
        else:
            rows.append(SheetRow(index, line, called, named.person.member.id, (named.person.member,)))
    notes = [*strangers(rows, gradebook.name), *_notes(column, maximum, marks)]
    rows = each_once(rows)
    lines = [_line(row, column, maximum, gradebook, marks) for row in rows]
    texts = {
        (row.index, column.index): line.mark
        for row, line in zip(rows, lines, strict=True)
        if line.outcome is RowOutcome.WRITTEN
    }
    missing = [
        RowLine(RowOutcome.MISSING, person.member.id, mark=cell_text(scaled(marks.people[person.member.id], maximum)))
        for person in people.without(row.who for row in rows if row.who)
        if has_mark(marks, person.member)
    ]
    return Filled(gradebook.sheet.with_cells(texts), (*lines, *missing), tuple(notes))


def _maximum(gradebook: GradeSheet, column: GradeColumn, rules: ExportRules) -> Decimal:
    if column.maximum is not None and rules.maximum is not None and column.maximum != rules.maximum:
        what = f"{column.heading!r} is worth {number(column.maximum, 2)}, not {rules.maximum}"
        raise UserError(f"{gradebook.name}: {what}: leave out --maximum")
    maximum = rules.maximum if column.maximum is None else column.maximum
    if maximum is None:
        raise UserError(f"{gradebook.name}: {column.heading!r} does not say its points: name them with --maximum")
    if maximum <= 0:
        raise UserError(f"{gradebook.name}: {column.heading!r} is worth no points: set them there, and export again")
    return maximum


def _line(row: SheetRow, column: GradeColumn, maximum: Decimal, gradebook: GradeSheet, marks: Marks) -> RowLine:
    """What comes of one row, and the mark that it gets."""
    cell, at = row.line.text(column.index).strip(), row.line.number
    if (line := without_mark(row, marks, cell)) is not None:
        return line
    text = cell_text(scaled(marks.people[row.who], maximum))
    if NUMBER.fullmatch(cell):
        same = Decimal(cell) == Decimal(text)
        return RowLine(RowOutcome.UNCHANGED if same else RowOutcome.WRITTEN, row.who, at, text)
    if cell and not cell.casefold().startswith(tuple(gradebook.replaced)):
        return RowLine(RowOutcome.BY_HAND, row.who, at, text, f"its cell is {cell!r}, not a number, and stays as it is")
    return RowLine(RowOutcome.WRITTEN, row.who, at, text)


def _notes(column: GradeColumn, maximum: Decimal, marks: Marks) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    points = marks.assignment.points
    if maximum != points:
        yield (
            f"{column.title} is worth {number(maximum, 2)} points there, and the assignment {points}: marks are "
            "scaled, to two decimals."
        )
    yield "The rules of this format come from documents alone: read what the platform shows before you confirm."
