"""The difference between two rosters: who is added, removed, moved to another group, and which cells change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graders.course.cells import comparison_key, without_credentials
from graders.course.roster_columns import RosterRow

_OF_GROUP = ("repository", "branch", "path")
_NOT_COMPARED = ("group", "member", *_OF_GROUP)


@dataclass(frozen=True)
class RosterEntry:
    """A person of a roster, in one of two."""

    member: str
    name: str
    group: str


@dataclass(frozen=True)
class CellChange:
    """A cell with another text."""

    who: str
    """A member, or a group for what belongs to a group."""
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class RosterDifference:
    """What a new roster changes."""

    added: tuple[RosterEntry, ...] = ()
    removed: tuple[RosterEntry, ...] = ()
    moved: tuple[tuple[RosterEntry, RosterEntry], ...] = ()
    """Before and after."""
    cells: tuple[CellChange, ...] = ()
    """Of people who are in both, and of groups that are in both or get an address."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.cells)


def roster_difference(before: Sequence[RosterRow], after: Sequence[RosterRow]) -> RosterDifference:
    """What changes, in the order of the rosters."""
    old, new = ({comparison_key(row.cells["member"]): row for row in rows} for rows in (before, after))
    both = [(old[key], row) for key, row in new.items() if key in old]
    return RosterDifference(
        added=tuple(_entry(row) for key, row in new.items() if key not in old),
        removed=tuple(_entry(row) for key, row in old.items() if key not in new),
        moved=tuple((_entry(a), _entry(b)) for a, b in both if a.cells["group"] != b.cells["group"]),
        cells=(*_of_people(both), *_of_groups(before, after)),
    )


def _entry(row: RosterRow) -> RosterEntry:
    return RosterEntry(row.cells["member"], row.cells["name"], row.cells["group"])


def _of_people(both: Sequence[tuple[RosterRow, RosterRow]]) -> Iterator[CellChange]:
    for before, after in both:
        old, new = ({**row.cells, **dict(row.more)} for row in (before, after))
        for column in dict.fromkeys((*old, *new)):
            was, becomes = old.get(column, ""), new.get(column, "")
            if column not in _NOT_COMPARED and was != becomes:
                yield CellChange(before.cells["member"], column, was, becomes)


def _of_groups(before: Sequence[RosterRow], after: Sequence[RosterRow]) -> Iterator[CellChange]:
    """What a group has, wherever its rows say it; a group that is gone changes nothing else."""
    for column in _OF_GROUP:
        old, new = (_values(rows, column) for rows in (before, after))
        for group, becomes in new.items():
            was = old.get(group, "")
            if was != becomes:
                yield CellChange(group, column, without_credentials(was), without_credentials(becomes))


def _values(rows: Sequence[RosterRow], column: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for row in rows:
        group = row.cells["group"]
        values[group] = values.get(group) or row.cells.get(column, "")
    return values
