"""Moodle's grading worksheet of an assignment activity: which of its rows is about whom.

A row is a participant by the number in `Identifier`, which counts within this assignment alone. Evidence: Moodle's
source, mod/assign/gradingtable.php, which writes the sheet, and mod/assign/feedback/offline, which reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assignments.errors import UserError
from graders.course.roster import Group
from reports.exports.export import OnRoster
from reports.exports.moodle_csv import check_backslashes
from reports.exports.people import Named, People
from reports.exports.rows import SheetRow, each_once, strangers
from reports.exports.sheet import Line, Sheet, read_sheet

NAME: Final = "Moodle's worksheet"
IDENTIFIER: Final = "Identifier"
PREFIX: Final = "Participant "
"""Before the number in `Identifier`. Moodle cuts off as many characters as this has in the uploader's language."""
NAMING: Final = frozenset({"id number", "email address", "username"})
"""Columns that may name a person, in lower case: each site chooses some. Under blind marking there is none."""
WORKFLOW: Final = "Marking workflow state"


@dataclass(frozen=True)
class Participant(SheetRow):
    """One row."""

    number: str = ""
    """Moodle's number of this person in this assignment; empty where Moodle reads none."""


@dataclass(frozen=True)
class Worksheet:
    """A worksheet and whom its rows are about."""

    sheet: Sheet
    columns: Mapping[str, int]
    """By heading; of two with one heading the last, as Moodle has it."""
    participants: tuple[Participant, ...]
    is_anonymous: bool
    """Whether no column names a person."""
    missing: tuple[OnRoster, ...]
    """Whom no row is about."""
    warnings: tuple[str, ...]
    """Sentences on rows of strangers."""

    def text(self, participant: Participant, heading: str) -> str:
        """A cell; empty where the sheet has no such column."""
        return participant.line.text(self.columns[heading]).strip() if heading in self.columns else ""


def read_worksheet(
    data: bytes, roster: Sequence[Group], members: Mapping[str, str], required: Sequence[str] = (IDENTIFIER,)
) -> Worksheet:
    """The worksheet in these bytes.

    Args:
        members: By participant number, with or without the word before it: the member's id, as a person put it down.
        required: Headings without which Moodle refuses the file.

    Raises:
        UserError: it is not such a worksheet, or no row is about anybody in the roster.
    """
    sheet = read_sheet(NAME, data)
    columns = {heading: column for column, heading in enumerate(sheet.header)}
    lacking = [heading for heading in required if heading not in columns]
    if lacking:
        raise UserError(
            f"{NAME}: there is no column {lacking[0]!r}, and Moodle refuses such a file. Set Moodle to English, then "
            "download the grading worksheet of this assignment again: Moodle reads headings and dates in the language "
            "of whoever uploads the file."
        )
    check_backslashes(sheet)
    people, by_hand = People(roster), {number.removeprefix(PREFIX).strip(): id for number, id in members.items()}
    naming = {heading: column for heading, column in columns.items() if heading.strip().casefold() in NAMING}
    rows = [
        _participant(row, line, columns[IDENTIFIER], naming, people, by_hand)
        for row, line in enumerate(sheet.lines[1:], 1)
    ]
    if rows and not naming and not members:
        raise UserError(
            f"{NAME}: it names nobody (blind marking, or a site that shows only names). Say who is who: write a table "
            "with the header participant,member and name it with --members"
        )
    warnings = tuple(strangers(rows, NAME))
    missing = tuple(people.without(each.who for each in rows if each.who))
    return Worksheet(sheet, columns, tuple(each_once(rows)), not naming, missing, warnings)


def _participant(
    index: int, line: Line, identifier: int, naming: Mapping[str, int], people: People, by_hand: Mapping[str, str]
) -> Participant:
    text = line.text(identifier)
    match = re.fullmatch(rf"{PREFIX}([0-9]+)", text)
    if match is None:
        shown = f"is {text!r}, not {PREFIX.strip()} and a number" if text.strip() else "is blank"
        why = f"its {IDENTIFIER} {shown}, so that Moodle passes it over"
        return Participant(index, line, "a row without a participant", why=why)
    number = match[1]
    cells = {heading: line.text(column) for heading, column in naming.items()}
    if number in by_hand:
        cells["--members"] = by_hand[number]
    named = people.named(cells) if cells else Named(None, "the sheet names nobody, and --members has no such number")
    members = (named.person.member,) if named.person else ()
    who = members[0].id if members else ""
    return Participant(index, line, f"{PREFIX}{number}", who, members, named.why, number)


def when_students_see(worksheet: Worksheet) -> str:
    """A sentence on when students see what is uploaded."""
    if WORKFLOW in worksheet.columns:
        return "The assignment has a marking workflow: students see an upload once the state of their work is Released."
    return (
        "Students see an upload at once, and Moodle may write to them: if it is too early, hide the grade in Moodle's "
        "gradebook before."
    )
