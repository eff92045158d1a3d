"""What the markers gave for one part of a group's work: which of their marks stands, and why there is none yet.

The first marker's points stand. A second marker checks: if both gave points for every line and their sums differ by
more than the course's tolerance, the part has no points until the lines on which they differ have an agreed mark.
Points that were agreed for the part as a whole (`agreed_mark`) stand in place of all lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.assignment import Assignment, Person
from assignments.errors import listed
from graders.marks.mark import MarkedLine
from graders.record.decisions import AgreedMark, LineMark, Role
from graders.record.in_force import Decisions

NOT_MARKED: Final = "not marked yet"


@dataclass(frozen=True)
class PartMark:
    """One part that people mark, of one group."""

    criterion: Person
    points: Decimal | None
    """None while it is open."""
    comment: str
    """On the part as a whole; the group reads it."""
    lines: tuple[MarkedLine, ...]
    """The lines as the group may read them: all open while the part is."""
    waits_for: str
    """For staff: why it is open; empty if it is not."""
    whole: AgreedMark | None = None
    """Points that were agreed for the part as a whole."""
    given_by: Mapping[Role, Mapping[str, LineMark]] | None = None
    """By role and line: the marks that count; a line without a name holds the comment on the whole part."""

    def marks(self, role: Role) -> Mapping[str, LineMark]:
        """The marks of a role, by line."""
        return (self.given_by or {}).get(role, {})

    def total(self, role: Role) -> Decimal | None:
        """The sum of a role's points; None unless every line has some."""
        marks = self.marks(role)
        points = [marks[line.id].points for line in self.criterion.lines if line.id in marks]
        if not points or len(points) < len(self.criterion.lines):
            return None
        return sum((each for each in points if each is not None), Decimal(0))


def part_mark(criterion: Person, decisions: Decisions, group: str, tolerance: Decimal) -> PartMark:
    """The mark of a part. `tolerance` is in per cent of its points."""
    given_by = _marks_of(criterion, decisions, group)
    part = PartMark(criterion, None, "", (), NOT_MARKED, given_by=given_by)
    standing = {**part.marks("first"), **part.marks("agreed")}
    lines = tuple(MarkedLine(line, *_points_and_comment(line.id, part)) for line in criterion.lines)
    whole = decisions.points(group).get(criterion.id)
    if whole is not None and 0 <= whole.points <= criterion.points:
        shown = lines if all(line.points is not None for line in lines) else ()
        return PartMark(criterion, whole.points, whole.event.reason, shown, "", whole, given_by)
    still_open = tuple(MarkedLine(line) for line in criterion.lines)
    if why := _waits_for(part, standing, tolerance):
        return PartMark(criterion, None, "", still_open, why, None, given_by)
    comment = standing[""].comment if "" in standing else ""
    points = sum((line.points for line in lines if line.points is not None), Decimal(0))
    return PartMark(criterion, points, comment, lines, "", None, given_by)


def part_marks(assignment: Assignment, decisions: Decisions, group: str, tolerance: Decimal) -> dict[str, PartMark]:
    """By criterion that people mark: the group's mark for it."""
    people = [item for item in assignment.criteria if isinstance(item, Person)]
    return {criterion.id: part_mark(criterion, decisions, group, tolerance) for criterion in people}


def _marks_of(criterion: Person, decisions: Decisions, group: str) -> dict[Role, dict[str, LineMark]]:
    """The last mark of each role and line; those of lines or points that do not exist now are left out."""
    marks: dict[Role, dict[str, LineMark]] = {}
    for mark in decisions.lines.get(group, ()):
        if mark.criterion == criterion.id and not line_mark_problem(mark, criterion):
            marks.setdefault(mark.role, {})[mark.line] = mark
    return marks


def line_mark_problem(mark: LineMark, criterion: Person) -> str:
    """Why a mark of a line does not count; empty if it does."""
    if not mark.line:
        return ""
    line = criterion.line(mark.line)
    if line is None:
        return f"there is no line {mark.line} in the rubric of {criterion.id} now"
    return line.points_problem(mark.points) if mark.points is not None else "it holds no points"


def _points_and_comment(line: str, part: PartMark) -> tuple[Decimal | None, str]:
    """An agreed mark without a comment keeps the first marker's."""
    first, agreed = part.marks("first").get(line), part.marks("agreed").get(line)
    mark = agreed or first
    comments = [each.comment for each in (agreed, first) if each is not None and each.comment]
    return (None if mark is None else mark.points), (comments[0] if comments else "")


def _waits_for(part: PartMark, standing: Mapping[str, LineMark], tolerance: Decimal) -> str:
    lines = part.criterion.lines
    missing = [line.id for line in lines if line.id not in standing]
    if len(missing) == len(lines):
        return NOT_MARKED
    if missing:
        return f"{len(missing)} of {len(lines)} lines are not marked yet: {listed(missing)}"
    disputed = disputed_lines(part, tolerance)
    if not disputed:
        return ""
    first, second = part.total("first"), part.total("second")
    return (
        f"the two markers gave {first} and {second} of {part.criterion.points}, which differ by more than "
        f"{tolerance} %: an agreed mark is needed for {listed(disputed)}"
    )


def disputed_lines(part: PartMark, tolerance: Decimal) -> tuple[str, ...]:
    """The lines that need an agreed mark and have none; empty while one of two markers has not finished."""
    first, second = part.total("first"), part.total("second")
    if first is None or second is None or abs(first - second) * 100 <= tolerance * part.criterion.points:
        return ()
    of_first, of_second, agreed = part.marks("first"), part.marks("second"), part.marks("agreed")
    return tuple(
        line.id
        for line in part.criterion.lines
        if of_first[line.id].points != of_second[line.id].points and line.id not in agreed
    )


def points_of_parts(assignment: Assignment, decisions: Decisions, group: str, tolerance: Decimal) -> dict[str, Decimal]:
    """By criterion that people mark: the points that stand; without those that are open."""
    parts = part_marks(assignment, decisions, group, tolerance)
    return {id: part.points for id, part in parts.items() if part.points is not None}
