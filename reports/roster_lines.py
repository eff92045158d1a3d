"""What an import changes in the roster as lines of text, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from graders.course.roster_difference import CellChange, RosterDifference, RosterEntry
from reports.terminal import fitted, people, quantity, terminal_text

if TYPE_CHECKING:  # it opens the course, which a line of text does not need
    from graders.course.importing import PlannedRoster

MOST_CELLS = 10
"""Changed cells of a column that are listed."""


def difference_lines(planned: PlannedRoster) -> Iterator[str]:
    """What the list is, and what changes: people first, then cells."""
    listed, difference = planned.people, planned.difference
    yield f"{listed.path.name}: {listed.kind.title}, {people(len(listed.people))}"
    if not difference:
        yield "The roster holds all of it already."
        return
    yield summary(difference)
    yield from _entries("Added", difference.added)
    yield from _entries("Removed, not in the list or in no group", difference.removed)
    if difference.moved:
        yield "Moved"
        for before, after in difference.moved:
            yield f"  {_who(before)} {before.group} -> {after.group}"
    for column in dict.fromkeys(change.column for change in difference.cells):
        yield from _cells(column, [change for change in difference.cells if change.column == column])


def summary(difference: RosterDifference) -> str:
    """`2 people added, 1 removed, 1 moved, 3 cells change`."""
    cells = len(difference.cells)
    return (
        f"{people(len(difference.added))} added, {len(difference.removed)} removed, {len(difference.moved)} moved, "
        f"{quantity(cells, 'cell')} {'changes' if cells == 1 else 'change'}"
    )


def open_lines(planned: PlannedRoster) -> Iterator[str]:
    """What to look at: in the list, then in the roster that it makes."""
    yield from map(str, planned.problems)
    roster = planned.roster
    if roster.row_problems:
        yield f"Of the new {planned.path.name} these rows must be corrected; their groups are set aside until then:"
        yield from (f"  {problem}" for problem in map(str, roster.row_problems))
    yield from map(str, roster.notes)


def _entries(title: str, entries: Sequence[RosterEntry]) -> Iterator[str]:
    if entries:
        yield title
        yield from (f"  {_who(entry)} {entry.group}" for entry in entries)


def _cells(column: str, changes: Sequence[CellChange]) -> Iterator[str]:
    yield f"{column}: {quantity(len(changes), 'cell')}"
    for each in changes[:MOST_CELLS]:
        yield f"  {fitted(terminal_text(each.who), 20)} {_text(each.before)} -> {_text(each.after)}"
    if len(changes) > MOST_CELLS:
        yield f"  and {len(changes) - MOST_CELLS} more"


def _text(cell: str) -> str:
    return f'"{terminal_text(cell)}"' if cell else "nothing"


def _who(entry: RosterEntry) -> str:
    return f"{fitted(terminal_text(entry.member), 20)} {fitted(terminal_text(entry.name), 28)}"
