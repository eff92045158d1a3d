"""Rows of a platform's sheet by whom they are about, and what comes of those that get no mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from assignments.errors import UserError
from graders.course.roster import Member
from reports.exports.export import Marks, RowLine, RowOutcome
from reports.exports.sheet import Line
from reports.feedback import headline_of

MOSTLY: Final = 0.5
"""The share of rows of strangers from which on the sheet may be that of other work."""


@dataclass(frozen=True)
class SheetRow:
    """One row."""

    index: int
    """In the sheet's lines."""
    line: Line
    called: str
    """What messages call it where it is about nobody."""
    who: str = ""
    """The member's id, or the group's name; empty where it is about nobody."""
    members: tuple[Member, ...] = ()
    """Who gets its mark."""
    why: str = ""
    """Why it is about nobody."""


R = TypeVar("R", bound=SheetRow)


def each_once(rows: Sequence[R]) -> list[R]:
    """The rows, about nobody where several are about the same: one of them may be another account."""
    whose, names = Counter(row.who for row in rows if row.who), Counter(row.called for row in rows)
    once = []
    for row in rows:
        many = max(whose[row.who], names[row.called])
        if row.who and many > 1:
            who = row.who if whose[row.who] > 1 else row.called
            why = f"{many} rows are about {who}, and all stay as they are: remove all but the right one"
            row = replace(row, who="", members=(), why=why)
        once.append(row)
    return once


def strangers(rows: Sequence[SheetRow], name: str) -> Iterator[str]:
    """A sentence where most rows are about nobody.

    Raises:
        UserError: all are, or there is no row.
    """
    if not rows:
        raise UserError(f"{name}: it has no row of a person. Download it again, with everybody shown.")
    count = sum(not row.who for row in rows)
    if count == len(rows):
        first = rows[0]
        raise UserError(
            f"{name}: none of its {count} rows is about anybody in the roster, so it is the sheet of another course or "
            f"assignment, or the roster lacks what the sheet knows people by. Line {first.line.number}, "
            f"{first.called}: {first.why}. Download the sheet of this assignment, correct the roster, or say who is "
            "who in a table with the header participant,member and name it with --members."
        )
    if count > MOSTLY * len(rows):
        yield f"{count} of the {len(rows)} rows are about nobody in the roster: is this the sheet of this course?"


def without_mark(row: SheetRow, marks: Marks, cell: str) -> RowLine | None:
    """The line of a row that is about nobody, or nobody of which has a mark; None where somebody has.

    Args:
        cell: What its cell has now, and keeps.
    """
    if not row.who:
        return RowLine(RowOutcome.UNKNOWN, row.called, row.line.number, why=row.why)
    if any(has_mark(marks, member) for member in row.members):
        return None
    why = " and ".join(dict.fromkeys(state_of(marks, member) for member in row.members))
    stays = f"the cell stays as it is, {cell!r}" if cell else "the cell stays empty"
    return RowLine(RowOutcome.NO_MARK, row.who, row.line.number, why=f"{why}: {stays}")


def has_mark(marks: Marks, member: Member) -> bool:
    """Whether there is a number."""
    mark = marks.people.get(member.id)
    return mark is not None and mark.percent is not None


def state_of(marks: Marks, member: Member) -> str:
    """Why a person has no mark."""
    mark = marks.people.get(member.id)
    return "there is none yet" if mark is None else headline_of(mark.status)
