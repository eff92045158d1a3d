"""Imports a list of people into a course's roster: reads both, makes the new file, and replaces the old one on request.

What the new roster holds is decided in `graders.course.imported_roster`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assignments.errors import Problem, UserError
from assignments.files import replace_file
from assignments.tables import column_key, guarded, table_of
from graders.course.course import RosterRules, roster_rules
from graders.course.imported_roster import ImportRules, imported_rows
from graders.course.people_lists import PeopleList, read_people_list
from graders.course.roster import Roster, roster_of, roster_path
from graders.course.roster_columns import OPTIONAL, REQUIRED, Columns, RosterRow, roster_rows
from graders.course.roster_difference import RosterDifference, roster_difference


@dataclass(frozen=True)
class PlannedRoster:
    """A new roster. Nothing is written yet."""

    path: Path
    people: PeopleList
    difference: RosterDifference
    problems: tuple[Problem, ...]
    """People who are left out, and cells of the list of which nothing was taken."""
    roster: Roster
    """The roster as it would be read, with the problems that it would have."""
    content: bytes
    before: bytes | None
    """What the file held when it was read; None if there was none."""

    def write(self) -> None:
        """Replace the roster in one step.

        Raises:
            UserError: the roster was changed since it was read.
        """
        if _content(self.path) != self.before:
            raise UserError(f"{self.path}: was changed meanwhile; nothing was written. Run the same command again.")
        replace_file(self.path, self.content)


def planned_roster(
    course: Path, file: Path, *, kind: str | None = None, groups: Sequence[str] = (), solo: bool = False
) -> PlannedRoster:
    """The roster of a course after an import.

    Args:
        kind: What the file is; recognised by its headings if None.
        groups: Patterns of the names of groups that count, as the file shows them; all do if there are none.
        solo: Whether people without a group work alone.

    Raises:
        UserError: the file or the present roster cannot be read, or it is unclear who is who: every reason.
    """
    rules = roster_rules(course)
    path = roster_path(rules.folder)
    if path.suffix != ".csv":
        raise UserError(
            f"{path}: an import replaces roster.csv only. Save this workbook under that name as CSV UTF-8, remove it, "
            "and run the same command again."
        )
    people = read_people_list(file, kind)
    before = _content(path)
    present, headings = _present(path, before, rules)
    imported = imported_rows(people, present, ImportRules(tuple(groups), solo, rules.repository, rules.allow_file))
    if imported.stops:
        raise UserError("\n".join(map(str, (*imported.stops, *imported.problems))))
    content = roster_text(imported.rows, rules.columns, headings).encode()
    if before is not None and before.startswith(codecs.BOM_UTF8):
        content = codecs.BOM_UTF8 + content
    roster = roster_of(path, content, rules.allow_file, rules.columns)
    if roster.stops:
        first = f"{file}: the roster made of it could not be read; nothing was written. Correct the list first."
        raise UserError("\n".join(map(str, [first, *roster.stops, *imported.problems])))
    return PlannedRoster(
        path, people, roster_difference(present, imported.rows), imported.problems, roster, content, before
    )


def roster_text(rows: Sequence[RosterRow], columns: Columns, headings: Sequence[str] = ()) -> str:
    """A roster as a file; no spreadsheet runs a cell of it.

    Args:
        columns: The headings of its columns.
        headings: Those that the file had, in their order: they stay, and new ones follow.
    """
    used = [name for name in (*REQUIRED, *OPTIONAL) if name in REQUIRED or any(row.cells.get(name) for row in rows)]
    own = {
        column_key(heading): (name, at)
        for name in (*REQUIRED, *OPTIONAL)
        for at, heading in enumerate(columns.headings(name))
    }
    every = [*headings, *(heading for name in used for heading in columns.headings(name))]
    every += [heading for row in rows for heading, _ in row.more]
    header = {column_key(heading): heading for heading in reversed(every)}
    order = list(dict.fromkeys(map(column_key, every)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(guarded(header[key]) for key in order)
    for row in rows:
        cells = {column_key(heading): cell for heading, cell in row.more}
        cells |= {key: _part(row, name, at, columns) for key, (name, at) in own.items()}
        writer.writerow(guarded(cells.get(key, "")) for key in order)
    return out.getvalue()


def _part(row: RosterRow, name: str, at: int, columns: Columns) -> str:
    """What the column at this index of those that form a value has of it."""
    several = len(columns.headings(name))
    if name == "name" and len(row.name_parts) == several:
        return row.name_parts[at]
    return row.cells.get(name, "") if at == 0 else ""


def _present(path: Path, content: bytes | None, rules: RosterRules) -> tuple[tuple[RosterRow, ...], tuple[str, ...]]:
    """The rows and the headings of the present roster; nothing where there is none yet.

    Raises:
        UserError: it must be corrected first, since it is unclear who is who.
    """
    if content is None or not content.strip():
        return (), ()
    table, problems = table_of(path, content)
    if table is not None and not table.rows:
        return (), tuple(table.headings.values())
    if table is not None:
        read = roster_rows(table, rules.columns)
        problems = [*roster_of(path, content, rules.allow_file, rules.columns).stops]
        problems += [row.problem for row in read.rows if row.problem is not None]
        cure = "write the student number or user name"
        problems += [
            Problem(str(path), "member", row.number, "is missing", cure) for row in read.rows if not row.cells["member"]
        ]
        if not problems:
            return read.rows, tuple(table.headings.values())
    raise UserError("\n".join([f"{path}: must be corrected first; nothing was written.", *map(str, problems)]))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
