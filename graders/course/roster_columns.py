"""The columns of a roster: their names, their headings in a course's own file, and its rows by these names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from assignments.errors import Problem, closest, nearest
from assignments.frozen import Frozen
from assignments.tables import Row, Table, column_key

REQUIRED = ("group", "member", "name", "email", "repository")
OPTIONAL = ("branch", "path", "pass_mark", "candidate")
HEADER = ",".join(REQUIRED)
HEADING_CLOSENESS = 0.8
"""A heading this similar to a column's name may be meant as that column."""


class Columns(Frozen):
    """The headings of this roster's columns, from `[roster.columns]` of course.toml: exports have their own."""

    group: str | None = None
    member: str | None = None
    name: str | tuple[str, ...] | None = None
    """A space joins several columns."""
    email: str | None = None
    repository: str | None = None
    branch: str | None = None
    path: str | None = None
    pass_mark: str | None = None
    candidate: str | None = None

    def headings(self, column: str) -> tuple[str, ...]:
        """The headings that make up a column: its own name unless another is set."""
        named: str | tuple[str, ...] | None = getattr(self, column)
        return (named or column,) if isinstance(named, str | None) else named


@dataclass(frozen=True)
class RosterRow:
    """One row, its cells by the name of the column."""

    number: int
    """The line of the file on which it begins; 0 for a row that no file has yet."""
    cells: Mapping[str, str]
    """A column that the file does not have is missing."""
    more: tuple[tuple[str, str], ...] = ()
    """The cells of all other columns, by heading."""
    problem: Problem | None = None
    """Why the cells may stand under the wrong columns."""
    name_parts: tuple[str, ...] = ()
    """The name as the columns that form it have it."""


@dataclass(frozen=True)
class RosterRows:
    """The rows of a table that is a roster."""

    rows: tuple[RosterRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Columns that are missing: there are no rows then."""
    notes: tuple[Problem, ...] = ()
    """Columns that may be meant as others."""


def roster_rows(table: Table, columns: Columns) -> RosterRows:
    """The rows of a table by the names of a roster's columns."""
    keys: dict[str, list[str]] = {}
    problems = []
    for name in (*REQUIRED, *OPTIONAL):
        headings = columns.headings(name)
        missing = [heading for heading in headings if column_key(heading) not in table.headings]
        if not missing:
            keys[name] = [column_key(heading) for heading in headings]
        elif getattr(columns, name) is not None:
            cure = nearest(missing[0], table.headings.values())
            what = f'there is no column "{missing[0]}", which [roster.columns] of course.toml names'
            problems.append(Problem(str(table.path), name, table.line, what, cure))
        elif name in REQUIRED:
            near = closest(name, table.headings.values(), HEADING_CLOSENESS)
            cure = f"the header is {HEADER}, and if needed {', '.join(OPTIONAL)}; or name yours in [roster.columns]"
            what = f'there is no such column, but there is "{near}"' if near else "there is no such column"
            problems.append(Problem(str(table.path), name, table.line, what, cure))
    notes = tuple(_notes(table, keys))
    if problems:
        return RosterRows((), tuple(problems), notes)
    return RosterRows(tuple(_row(row, keys, table) for row in table.rows), (), notes)


def _notes(table: Table, keys: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    read = set(chain.from_iterable(keys.values()))
    unused = [name for name in OPTIONAL if name not in keys]
    for key, heading in table.headings.items():
        near = None if key in read else closest(key, unused, HEADING_CLOSENESS)
        if near:
            what = "this column is not read; the mark sheet has it as it is"
            yield Problem(str(table.path), heading, table.line, what, f"did you mean {near}?")


def _row(row: Row, column_keys: Mapping[str, Sequence[str]], table: Table) -> RosterRow:
    cells = {name: " ".join(filter(None, map(row.cells.__getitem__, keys))) for name, keys in column_keys.items()}
    read = set(chain.from_iterable(column_keys.values()))
    more = tuple((heading, row.cells[key]) for key, heading in table.headings.items() if key not in read)
    parts = tuple(row.cells[key] for key in column_keys["name"])
    return RosterRow(row.line, cells, more, row.problem, parts)
