"""Puts marks in force, for everybody or for those whom they are returned to: one event, with its decisions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from assignments.errors import UserError
from graders.course.course import Course
from graders.course.lock import course_lock
from graders.marks.mark import Mark, Status, earned, is_ungraded, rounded
from graders.marks.personal import PersonalMark
from graders.marks.results import Results
from graders.marks.versions import last_returned, marks_in_force
from graders.record.ledger import Event, Ledger, now
from graders.record.snapshots import APPLIED, CORRECTION, RETURNED, RecordedMark, value_of


def record_marks(
    course: Course,
    ledger: Ledger,
    results: Results,
    *,
    who: str,
    reason: str,
    command: str,
    decided: Sequence[Event] = (),
    moved: bool = True,
    members: Collection[str] | None = None,
) -> None:
    """Put these marks in force together with the decisions that they follow from: both or neither.

    `moved` says whether any mark changes: a decision that changes none corrects nothing. `members` are those whom these
    marks are returned to, if they are.

    Raises:
        UserError: a returned mark changes without a reason, another command holds the course, or something was recorded
            since these marks were computed, which they would undo.
    """
    snapshot = [snapshot_event(results, at=now(), who=who, reason=reason, members=members)] if moved else []
    if any(event.kind == CORRECTION for event in snapshot) and not reason.strip():
        raise UserError(
            "these marks were returned, so this change is a correction, and students read its reason: "
            f'run the same command with --reason "...", or leave the marks: medmark show {results.assignment.id}'
        )
    with course_lock(course.folder / ".medmark", command):
        check_unchanged(results, ledger.events(results.assignment.id))
        ledger.add_events([*decided, *snapshot])


def check_unchanged(results: Results, events: Iterable[Event]) -> None:
    """Refuse results that lack an event which is on record by now; proposed events have no number.

    Raises:
        UserError: says how to go on.
    """
    numbers = {event.number for event in results.events}
    if any(event.number and event.number not in numbers for event in events):
        raise UserError(
            f"{results.assignment.id}: the record has changed since these marks were computed, so nothing was applied. "
            f"See the change with: medmark decide {results.assignment.id}; then run the same command again"
        )


def snapshot_event(
    results: Results, *, at: str, who: str, reason: str, members: Collection[str] | None = None
) -> Event:
    """The event that puts these marks in force; members who are not in the results keep theirs.

    Args:
        members: Those whom these marks are returned to, so that the event is their return. None for everyone's marks.
    """
    now = snapshot_of(results)
    if members is not None:
        kind, whole = RETURNED, {member: now[member] for member in members}
    else:
        whole = {**marks_in_force(results.events), **now}
        changed = any(whole[member] != was for member, was in last_returned(results.events).items())
        kind = CORRECTION if changed else APPLIED
    return Event(at, who, results.assignment.id, kind, value_of(whole), reason)


def snapshot_of(results: Results) -> dict[str, RecordedMark]:
    """The marks of all persons of some results."""
    marks = {mark.group: mark for mark in results.marks}
    return {
        person.member: RecordedMark(
            person.group, marks[person.group].commit, str(person.status), _percent(person, marks[person.group]),
            person.pass_mark, person.level,
            before_penalties="" if person.before_penalties is None else str(person.before_penalties),
            open=_open(marks[person.group]), of_group=_of_group(marks[person.group]),
        )
        for person in results.people
    }  # fmt: skip


def _percent(person: PersonalMark, mark: Mark) -> Decimal | None:
    if person.status is Status.INCOMPLETE:
        return rounded(earned(mark.findings) * 100 / Fraction(mark.out_of), mark.round_to)
    return person.percent


def _open(mark: Mark) -> str:
    if is_ungraded(mark):
        return "grading"
    return "a person" if mark.status is Status.WITHHELD and mark.commit is None else ""


def _of_group(mark: Mark) -> str:
    words = f"{mark.status} {rounded(earned(mark.findings), mark.round_to)} {mark.commit or ''}"
    return hashlib.sha256(words.encode()).hexdigest()[:12]
