"""The mark sheet: one row a person, as CSV for spreadsheets and as JSON for programs. A pure function of Marks.

What is no mark yet is an empty cell and a status, never a zero.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from assignments.assignment import Assignment
from graders.mark import Mark, Status, percent
from reports.feedback import HandIn, points_of
from reports.terminal import terminal_text

if TYPE_CHECKING:  # the roster's file opens Git, which a sheet does not need
    from graders.intake.roster import Group

Cell = str | Decimal | None

NO_MARK: Final = "no_mark"
"""Status of a person whose group has not been graded at all."""


def marksheet_csv(
    marks: Sequence[Mark], assignment: Assignment, groups: Sequence[Group], hand_ins: Mapping[str, HandIn]
) -> str:
    """The sheet for spreadsheets. Text cells cannot become formulas; numeric columns hold numbers only."""
    out = io.StringIO()
    rows = _rows(marks, assignment, groups, hand_ins)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([csv_text(name) for name in _columns(assignment)])
    for row in rows:
        writer.writerow([csv_text(cell) if isinstance(cell, str) else _plain(cell) for cell in row.values()])
    return out.getvalue()


def marksheet_json(
    marks: Sequence[Mark], assignment: Assignment, groups: Sequence[Group], hand_ins: Mapping[str, HandIn]
) -> str:
    """The sheet for programs: texts as they are, escaped to ASCII by JSON itself; null where there is no mark."""
    people = []
    for row in _rows(marks, assignment, groups, hand_ins):
        values: dict[str, Any] = {k: float(v) if isinstance(v, Decimal) else v for k, v in row.items()}
        values["criteria"] = {c.id: values.pop(_column(c.id)) for c in assignment.criteria}
        people.append(values)
    sheet = {"assignment": assignment.id, "title": assignment.title, "people": people}
    return json.dumps(sheet, indent=1, allow_nan=False) + "\n"


def csv_text(text: str) -> str:
    """One text cell on one line: an apostrophe stands before whatever a spreadsheet would run.

    Also behind a separator, because a sheet opened with another one is cut there.
    """
    return _TRIGGER.sub(r"\1'\2", terminal_text(text))


_TRIGGER: Final = re.compile(r"(^\s*|[,;|]\s*)([=+\-@\uff1d\uff0b\uff0d\uff20\u2212])")
"""A formula's first character, its full-width variants and the minus sign; tab and CR are gone by then."""


def _columns(assignment: Assignment) -> list[str]:
    fixed = ["member", "name", "group", "status", "points", "out_of", "percent"]
    return [*fixed, *(_column(c.id) for c in assignment.criteria), "commit", "notes"]


def _column(criterion: str) -> str:
    """A criterion may be called `name` or `points` too; its column may not."""
    return f"criterion_{criterion}"


def _rows(
    marks: Sequence[Mark], assignment: Assignment, groups: Sequence[Group], hand_ins: Mapping[str, HandIn]
) -> list[dict[str, Cell]]:
    by_group = {mark.group: mark for mark in marks}
    return [
        _row(member.id, member.name, group.name, by_group.get(group.name), assignment, hand_ins.get(group.name))
        for group in groups
        for member in group.members
    ]


def _row(
    member: str, name: str, group: str, mark: Mark | None, assignment: Assignment, hand_in: HandIn | None
) -> dict[str, Cell]:
    whole = mark is not None and mark.status is Status.MARKED
    cells: list[Cell] = [
        member,
        name,
        group,
        str(mark.status) if mark else NO_MARK,
        mark.points if mark and whole else None,
        Decimal(assignment.points),
        percent(mark) if mark else None,
    ]
    for criterion in assignment.criteria:
        own = [f for f in mark.findings if f.criterion == criterion.id] if mark else []
        earned = points_of([f for f in own if f.kind not in ("notice", "public_test")])
        cells.append(None if earned is None else round(earned, 2))
    cells += [(mark.commit or "") if mark else "", _notes(mark, hand_in)]
    return dict(zip(_columns(assignment), cells, strict=True))


def _notes(mark: Mark | None, hand_in: HandIn | None) -> str:
    notes = [_WHY[mark.status]] if mark and mark.status in _WHY else []
    return " / ".join([*notes, *(hand_in.problems if hand_in else ())])


_WHY: Final[Mapping[Status, str]] = {
    Status.INCOMPLETE: "a person's part is not marked yet",
    Status.WITHHELD: "not marked yet: a fault of the toolkit, not of the group",
    Status.NOT_SUBMITTED: "nothing was handed in: not the same as 0",
}


def _plain(number: Decimal | None) -> str:
    """A number without exponent; nothing where there is none."""
    if number is None:
        return ""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
