"""The grades as `nbgrader export` writes them: one row a person, with what lateness took where that can be known.

nbgrader joins cells without quotes and writes 0.0 for whoever handed in nothing. Here a cell with a comma is quoted,
and who has no mark has no row.

Evidence: nbgrader's source, nbgrader/plugins/export.py (0.9), and a file made with it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from assignments.tables import column_key
from graders.course.roster import Group, Member
from graders.marks.mark import Mark, rounded
from graders.marks.personal import PersonalMark
from reports.exports.export import (
    ExportRules,
    Filled,
    Marks,
    OnRoster,
    RowLine,
    RowOutcome,
    cell_text,
    check_rules,
    on_scale,
    scaled,
)
from reports.exports.rows import has_mark, state_of
from reports.marksheet import csv_text
from reports.numbers import number
from reports.terminal import quantity

HEADINGS: Final = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """One row for each person with a mark, in the order of the roster. No cell can become a formula.

    Raises:
        UserError: the rules name a column or participants, of which there are none.
    """
    check_rules(rules, "nbgrader's grades", "maximum")
    maximum = rules.maximum or Decimal(marks.assignment.points)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HEADINGS, lineterminator="\n")
    writer.writeheader()
    lines = []
    people = [OnRoster(member, group) for group in roster for member in group.members]
    for person in people:
        if not has_mark(marks, person.member):
            why = f"{state_of(marks, person.member)}: there is no row, where nbgrader would write 0.0"
            lines.append(RowLine(RowOutcome.NO_MARK, person.member.id, why=why))
            continue
        late = _late(marks.people[person.member.id], marks.groups.get(person.group.name), maximum)
        row = _row(person, marks, late, maximum)
        writer.writerow({heading: csv_text(text) for heading, text in row.items()})
        lines.append(RowLine(RowOutcome.WRITTEN, person.member.id, mark=row["score"], why=late.why))
    return Filled(out.getvalue().encode(), tuple(lines), tuple(_notes(marks, people, maximum)))


@dataclass(frozen=True)
class _Late:
    """A score before lateness, and what lateness took."""

    raw: Decimal | None
    penalty: Decimal | None
    why: str = ""
    """Why they cannot be known; empty where they are."""


def _late(own: PersonalMark, of_group: Mark | None, maximum: Decimal) -> _Late:
    """What lateness took of a mark, so that score and penalty add up to the score before it.

    A step after lateness, such as a cap, hides it: then nothing is said.
    """
    score = scaled(own, maximum)
    at = next((at for at, line in enumerate(own.trace) if line.kind == "late"), None)
    if at is None or own.trace[at].before == own.trace[at].after:
        return _Late(score, Decimal(0))
    later = [line.kind.replace("_", " ") for line in own.trace[at + 1 :] if line.before != line.after]
    before = own.trace[at].before
    if later or before is None or of_group is None:
        after = f" after {' and '.join(later)}" if later else ""
        return _Late(None, None, f"the mark is late, and what that took cannot be known{after}: these cells are empty")
    percent, points = (rounded(share, of_group.round_to) for share in (before, before * Fraction(own.out_of) / 100))
    raw = on_scale(percent, points, own.out_of, maximum)
    return _Late(raw, raw - score)


def _row(person: OnRoster, marks: Marks, late: _Late, maximum: Decimal) -> dict[str, str]:
    member, of_group = person.member, marks.groups.get(person.group.name)
    last, first = _names(member)
    cells = (
        marks.assignment.id,
        _time(marks.due.get(member.id)),
        _time(_seen(of_group)),
        member.id,
        last,
        first,
        member.email,
        *("" if points is None else cell_text(points) for points in (late.raw, late.penalty)),
        cell_text(scaled(marks.people[member.id], maximum)),
        cell_text(maximum),
    )
    return dict(zip(HEADINGS, cells, strict=True))


def _names(member: Member) -> tuple[str, str]:
    """Last and first name as columns of the roster have them; else the whole name, which nobody can take apart."""
    more = {column_key(heading).replace(" ", "_"): cell for heading, cell in member.more}
    names = more.get("last_name", ""), more.get("first_name", "")
    return names if any(names) else (member.name, "")


def _seen(mark: Mark | None) -> datetime | None:
    """When the commit was first seen."""
    seen = mark.provenance.get("seen_at") if mark else None
    return datetime.fromisoformat(seen) if isinstance(seen, str) and seen else None


def _time(time: datetime | None) -> str:
    """As nbgrader writes it: in UTC, without saying so."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if time else ""


def _notes(marks: Marks, people: Sequence[OnRoster], maximum: Decimal) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    points = marks.assignment.points
    if maximum != points:
        yield f"Marks are written out of {number(maximum, 2)} and scaled, to two decimals: the assignment has {points}."
    without = sum(not has_mark(marks, person.member) for person in people)
    if without:
        each = "person has" if without == 1 else "people have"
        yield f"{without} {each} no mark and no row. Who reads the file must not take a missing row for a 0."
    whole = sum(_names(person.member) == (person.member.name, "") for person in people)
    if whole:
        stands = "it stands" if whole == 1 else "they stand"
        yield (
            f"The roster does not part {quantity(whole, 'name')} into first_name and last_name: {stands} whole under "
            "last_name."
        )
    yield "Times are in UTC, as nbgrader writes them; the timestamp is when the marker first saw the commit."
