"""The mark sheet: one row a person, for spreadsheets as CSV or XLSX, for programs as JSON. A pure function of Marks.

A missing mark is an empty cell and a status, never a zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from assignments.assignment import Assignment
from assignments.tables import guarded
from graders.marks.mark import BY_DECISION, Mark, Status, rounded_percent
from graders.marks.personal import Adjustment, PersonalMark, pass_mark_of
from reports.as_json import person_as_json
from reports.feedback import HandIn, points_of
from reports.numbers import half_up
from reports.personal import percent_text
from reports.terminal import one_line

if TYPE_CHECKING:  # the roster's file opens Git, which a sheet does not need; pandas takes 0.3 s
    import pandas

    from graders.course.roster import Group, Member

Cell = str | Decimal | None

NO_MARK: Final = "no_mark"
"""Status of a person whose group has not been graded."""


def marksheet(
    marks: Sequence[Mark],
    assignment: Assignment,
    groups: Sequence[Group],
    hand_ins: Mapping[str, HandIn],
    people: Mapping[str, PersonalMark] | None = None,
) -> pandas.DataFrame:
    """The sheet: one row a person; texts are `str`, numbers exact `Decimal`, a missing value is None.

    `people` are the persons' own marks by member, which replace their group's.
    """
    import pandas

    extra = _extra_headings(groups)
    headings = _columns(assignment)
    for heading in extra:
        while heading.casefold() in {name.casefold() for name in headings}:
            heading = f"roster_{heading}"
        headings.append(heading)
    rows = [
        [*row.values(), *(dict(member.more).get(heading, "") for heading in extra)]
        for row, member in zip(_rows(marks, assignment, groups, hand_ins, people or {}), _members(groups), strict=True)
    ]
    return pandas.DataFrame(rows, columns=headings, dtype=object)


def as_csv(table: pandas.DataFrame) -> str:
    """A table for spreadsheets. Text cells cannot become formulas; numeric columns hold numbers only."""
    cells = table.map(lambda cell: csv_text(cell) if isinstance(cell, str) else _plain(cell)).astype(object)
    return cells.to_csv(index=False, header=[csv_text(name) for name in table.columns], lineterminator="\r\n")


def marksheet_json(
    marks: Sequence[Mark],
    assignment: Assignment,
    groups: Sequence[Group],
    hand_ins: Mapping[str, HandIn],
    people: Mapping[str, PersonalMark] | None = None,
    version: int = 1,
) -> str:
    """The sheet for programs: texts as they are, escaped to ASCII by JSON itself; null where there is no mark."""
    entries = []
    rows = _rows(marks, assignment, groups, hand_ins, people or {})
    for row, member in zip(rows, _members(groups), strict=True):
        values: dict[str, Any] = {k: float(v) if isinstance(v, Decimal) else v for k, v in row.items()}
        values["criteria"] = {c.id: values.pop(_column(c.id)) for c in assignment.criteria}
        own = (people or {}).get(str(row["member"]))
        values["roster"] = dict(member.more)
        values["trace"] = person_as_json(own)["trace"] if own else []
        entries.append(values)
    sheet = {"assignment": assignment.id, "title": assignment.title, "version": version, "people": entries}
    return json.dumps(sheet, indent=1, allow_nan=False) + "\n"


def csv_text(text: str) -> str:
    """One text cell on one line, with an apostrophe before anything that a spreadsheet would run.

    Also after a separator, because a spreadsheet that uses this separator cuts the cell there.
    """
    return guarded(one_line(text))


def _members(groups: Sequence[Group]) -> list[Member]:
    return [member for group in groups for member in group.members]


def _extra_headings(groups: Sequence[Group]) -> list[str]:
    """Headings of the roster's columns that medmark does not read."""
    return list(dict.fromkeys(heading for member in _members(groups) for heading, _ in member.more))


def _columns(assignment: Assignment) -> list[str]:
    fixed = ["member", "name", "group", "status", "points", "out_of", "percent", "pass_mark", "group_percent"]
    return [*fixed, *(_column(c.id) for c in assignment.criteria), "commit", "adjustments", "notes"]


def _column(criterion: str) -> str:
    """A criterion may be called `name` or `points` too; its column may not."""
    return f"criterion_{criterion}"


def _rows(
    marks: Sequence[Mark],
    assignment: Assignment,
    groups: Sequence[Group],
    hand_ins: Mapping[str, HandIn],
    people: Mapping[str, PersonalMark],
) -> list[dict[str, Cell]]:
    by_group = {mark.group: mark for mark in marks}
    return [
        _row(member, group.name, by_group.get(group.name), assignment, hand_ins.get(group.name), people.get(member.id))
        for group in groups
        for member in group.members
    ]


def _row(
    member: Member,
    group: str,
    mark: Mark | None,
    assignment: Assignment,
    hand_in: HandIn | None,
    own: PersonalMark | None,
) -> dict[str, Cell]:
    if own is not None and own.status in BY_DECISION:
        mark = None  # none of the group's numbers belongs to this person
    whole = mark is not None and mark.status is Status.MARKED
    cells: list[Cell] = [
        member.id,
        member.name,
        group,
        str(own.status) if own else str(mark.status) if mark else NO_MARK,
        own.points if own else mark.points if mark and whole else None,
        Decimal(assignment.points),
        own.percent if own else rounded_percent(mark) if mark else None,
        Decimal(pass_mark_of(member, assignment)),
        rounded_percent(mark) if mark else None,
    ]
    for criterion in assignment.criteria:
        of_group = [f for f in mark.findings if f.criterion == criterion.id] if mark else []
        earned = points_of([f for f in of_group if f.kind not in ("notice", "public_test")])
        cells.append(None if earned is None else half_up(earned, 2))
    commit = (mark.commit or "") if mark else ""
    cells += [commit, _adjustments(own), _notes(own or mark, hand_in, _open_parts(mark), commit=bool(commit))]
    return dict(zip(_columns(assignment), cells, strict=True))


def _adjustments(own: PersonalMark | None) -> str:
    lines = own.trace if own else ()
    steps = [f"{line.kind}: {_moved(line)} ({line.why})" for line in lines]
    return " / ".join([*steps, *(f"disputed: {dispute}" for dispute in (own.disputes if own else ()))])


def _moved(line: Adjustment) -> str:
    """The mark before and after; for a line that moved no mark, its sentence."""
    return line.what if line.before == line.after else f"{percent_text(line.before)} to {percent_text(line.after)}"


def _notes(mark: Mark | PersonalMark | None, hand_in: HandIn | None, open_parts: str, *, commit: bool) -> str:
    notes = [_STATUS_NOTES[mark.status]] if mark and mark.status in _STATUS_NOTES else []
    if mark and mark.status is Status.INCOMPLETE and open_parts:
        notes = [f"not marked by a person yet: {open_parts}"]
    if mark and mark.status is Status.WITHHELD and hand_in and hand_in.why and not commit:
        notes = [f"no mark yet: {hand_in.why}"]  # a person or the next collection resolves it
    return " / ".join([*notes, *(hand_in.problems if hand_in else ())])


def _open_parts(mark: Mark | None) -> str:
    """The parts of which people have still to decide the points, and why they are open."""
    waits = [f for f in (mark.findings if mark else ()) if f.is_open]
    why = {f.criterion: f.waits_for for f in waits}
    return "; ".join(f"{criterion} ({reason})" if reason else criterion for criterion, reason in why.items())


_STATUS_NOTES: Final[Mapping[Status, str]] = {
    Status.INCOMPLETE: "a person has not marked their part yet",
    Status.WITHHELD: "not marked yet: a toolkit failure, not the group's",
    Status.NOT_SUBMITTED: "nothing was handed in: not the same as 0",
    **dict.fromkeys(BY_DECISION, "no mark by a decision: not the same as 0"),
}


def _plain(number: Decimal | float | None) -> str:
    """A number without exponent; nothing where there is none."""
    if number is None or number != number:
        return ""
    text = f"{Decimal(str(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
