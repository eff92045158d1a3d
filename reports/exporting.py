"""Prepares an export: what the person typed, the marks of some results as a format needs them, and what to record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from assignments.errors import UserError, nearest
from assignments.tables import column_key, read_table
from graders.course.course import Course
from graders.course.roster import Group
from graders.marks.results import Results
from graders.marks.versions import Versions
from graders.record.exports import RecordedExport
from reports.exports import BOARD, EXPORTS
from reports.exports.export import Export, ExportRules, Filled, Marks, RowOutcome
from reports.person_file import OnFile, person_files
from reports.write import due_moments, hand_ins, pages_of, write

NUMBER, MEMBER = "participant", "member"
"""Headings of the file that names the participants of a sheet without names."""


def marks_to_export(
    course: Course, results: Results, export: Export, *, pdf: bool = False, on_file: OnFile = lambda *_: None
) -> Marks:
    """The marks as they stand, with the pages of everybody where the format hands them out.

    Args:
        pdf: Whether these are PDF; then `on_file` hears of each, which takes a second.
    """
    return Marks(
        assignment=results.assignment,
        groups={mark.group: mark for mark in results.marks},
        people={person.member: person for person in results.people},
        hand_ins=hand_ins(course, results),
        due=due_moments(course, results),
        pages=person_files(pages_of(course, results), pdf=pdf, on_file=on_file) if export.hands_out_pages else {},
        version=Versions.of(results.events).version,
    )


def participants(path: Path) -> dict[str, str]:
    """By the platform's number or word of a participant: the member's id, from a table of two columns.

    Raises:
        UserError: it cannot be read, has other columns, or names a participant twice.
    """
    table, problems = read_table(path)
    if table is None:
        raise UserError("\n".join(map(str, problems)))
    missing = [heading for heading in (NUMBER, MEMBER) if column_key(heading) not in table.headings]
    if missing:
        raise UserError(f"{path}:{table.line}: there is no column {missing[0]!r}. Write the header {NUMBER},{MEMBER}")
    members: dict[str, str] = {}
    for row in table.rows:
        number, member = row.cells[NUMBER], row.cells[MEMBER]
        if row.problem is not None:
            raise UserError(str(row.problem))
        if members.setdefault(number, member) != member:
            raise UserError(f"{path}:{row.line}: participant {number} is {members[number]} above, and {member} here")
    return members


def check_typed(format: str, of_marks: Mapping[str, object], of_board: Mapping[str, object]) -> None:
    """Refuse what was typed beside a format that makes nothing of it.

    Args:
        of_marks: By the name that the help gives it: what belongs to the marks of one assignment, where it was typed.
        of_board: The same for the board's pack.

    Raises:
        UserError: says what to leave out.
    """
    of_other = of_marks if format == BOARD else of_board if format in EXPORTS else {}
    if needless := ", ".join(name for name, value in of_other.items() if value):
        why = (
            "the board's pack is about all assignments of the course, and has files of its own. Leave it out: "
            f"medmark export {BOARD} --out FOLDER"
        )
        if format != BOARD:
            why = f"this belongs to the board's pack. Leave it out, or type medmark export {BOARD}"
        raise UserError(f"{needless}: {why}")


def chosen_format(name: str, sheet: Path | None, out: Path | None, *, pdf: bool) -> Export:
    """The format with this name, checked with what else was typed.

    Raises:
        UserError: there is none, it holds no pages that could be PDF, or `out` is not a file for it.
    """
    if not name:
        raise UserError("say in which format: medmark export --list")
    if name not in EXPORTS:
        raise UserError(f'FORMAT "{name}": {nearest(name, (*EXPORTS, BOARD))}')
    export = EXPORTS[name]
    if pdf and not export.hands_out_pages:
        raise UserError(f"--pdf: {export.title} holds no pages: leave it out")
    _check_out(out, sheet, export)
    return export


def _check_out(out: Path | None, sheet: Path | None, export: Export) -> None:
    """Refuse a file that a person would miss, or that the platform would not take.

    Raises:
        UserError: says what to type.
    """
    if out is None:
        return
    if sheet is not None and out.exists() and out.samefile(sheet):
        raise UserError(f"{out} is the sheet itself: name another file with --out, and keep the one you downloaded")
    if out.suffix.casefold() != export.suffix:
        raise UserError(f"{out}: this format is a file that ends in {export.suffix}")


def export_rules(column: str, maximum: str, members: Path | None) -> ExportRules:
    """What the person typed.

    Raises:
        UserError: the maximum is not a positive number, or the table of participants cannot be used.
    """
    try:
        most = Decimal(maximum) if maximum else None
    except InvalidOperation:
        most = Decimal("NaN")
    if most is not None and not (most.is_finite() and most > 0):
        raise UserError(f"--maximum {maximum}: write a positive number, such as 100")
    return ExportRules(column, most, participants(members) if members else {})


def fill(export: Export, sheet: Path | None, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The file of a format.

    Raises:
        UserError: the sheet is missing, needless or not what the platform gives out.
    """
    if export.sheet and sheet is None:
        raise UserError(f"{export.title} is filled into a file of the platform: {export.sheet}, and name it as SHEET")
    if sheet is not None and not export.sheet:
        raise UserError(f"{sheet}: {export.title} needs no sheet: leave it out")
    try:
        data = sheet.read_bytes() if sheet else b""
    except OSError as error:
        raise UserError(f"{sheet}: cannot be read ({error.strerror})") from error
    return export.fill(data, marks, roster, rules)


def write_export(out: Path, format: str, column: str, filled: Filled) -> RecordedExport:
    """Write the file of a format; what to record of it: the marks that it holds."""
    write(out, filled.data)
    rows = (line for line in filled.lines if line.outcome in (RowOutcome.WRITTEN, RowOutcome.UNCHANGED))
    digest = hashlib.sha256(filled.data).hexdigest()
    return RecordedExport(format, column, out.name, digest, {row.who: row.mark for row in rows})
