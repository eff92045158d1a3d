"""Makes marks the ones that stand, everybody's or those returned to some: one event, with the decisions behind it."""

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
    """Make these marks the ones that stand, together with the decisions they follow from: both or neither.

    `moved` is whether any mark is another one: a decision that moves none corrects nothing. `members` are those whom
    these marks are returned to, if they are.

    Raises:
        UserError: somebody was told another mark and the change has no reason, another command holds the course, or
            something was recorded since these marks were made, which they would undo.
    """
    snapshot = [snapshot_event(results, at=now(), who=who, reason=reason, members=members)] if moved else []
    if any(event.kind == CORRECTION for event in snapshot) and not reason.strip():
        raise UserError(
            "these marks were returned, so a change is a correction, and students read why: "
            f'run the same command with --reason "...", or leave them: medmark show {results.assignment.id}'
        )
    with course_lock(course.folder / ".medmark", command):
        check_unchanged(results, ledger.events(results.assignment.id))
        ledger.add_events([*decided, *snapshot])


def check_unchanged(results: Results, events: Iterable[Event]) -> None:
    """Refuse results beside which something else is on record by now; events that are only proposed have no number.

    Raises:
        UserError: it says how to go on.
    """
    known = {event.number for event in results.events}
    if any(event.number and event.number not in known for event in events):
        raise UserError(
            f"{results.assignment.id}: something else was recorded since these marks were made, so nothing was "
            f"applied. See what, and run the same command again: medmark decide {results.assignment.id}"
        )


def snapshot_event(
    results: Results, *, at: str, who: str, reason: str, members: Collection[str] | None = None
) -> Event:
    """The event that makes these marks the ones that stand; members who are not in the results keep theirs.

    Args:
        members: Those whom these marks are returned to: the event is their return. None for the marks of everyone.
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
