"""One person's mark: a pure function of the group's mark, the course's policy, the clock and the events. Runs nothing.

    the group's mark, with the person's own points of criteria that a person marks
      -> the mark agreed as a whole        agreed_mark
      -> moderation                        of all marks of the assignment
      -> peer factor                       never above 100
      -> lateness                          the late policy, with the person's own due time and pass mark
      -> never lowered by a correction     where on_correction says so and marks were returned
      -> override                          whatever else was found

Every step that moves the mark is a line of the trace. Steps are in per cent and exact; the mark is rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from assignments.assignment import Assignment
from graders.course import Course
from graders.intake.counting import due_of_person
from graders.intake.roster import Group, Member
from graders.mark import Mark, Status, exact_percent, rounded, with_points
from graders.persons.decisions import Decisions, said
from graders.persons.moderation import scaling
from graders.persons.peer_factors import moderated
from graders.persons.working_days import Unit


@dataclass(frozen=True)
class Adjustment:
    """One line of the trace."""

    kind: str
    """`agreed_mark`, `moderation`, `peer_factor`, `late`, `never_lower` or `override`."""
    what: str
    """In words for the person."""
    before: Fraction | None
    """Per cent; None where there was no mark."""
    after: Fraction | None
    """Per cent; None while there is no mark."""
    why: str
    """The clause of the policy, or who decided it and why: for staff and the person."""
    event: int | None = None


@dataclass(frozen=True)
class PersonalMark:
    """What one person gets for an assignment."""

    assignment: str
    group: str
    member: str
    status: Status
    percent: Decimal | None
    """Rounded once; None unless marked."""
    points: Decimal | None
    """The same mark in points, rounded once from what is exact."""
    out_of: Decimal
    pass_mark: int
    level: int
    trace: tuple[Adjustment, ...]
    disputes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool | None:
        """Whether the rounded mark reaches the person's pass mark; None unless marked."""
        return None if self.percent is None else self.percent >= self.pass_mark


def pass_mark_of(member: Member, assignment: Assignment) -> int:
    """The person's own pass mark, else that of the assignment's level: 40, at level 7 50."""
    if member.pass_mark is not None:
        return member.pass_mark
    return 50 if assignment.level == 7 else 40


def personal_mark(
    mark: Mark,
    assignment: Assignment,
    course: Course,
    group: Group,
    member: Member,
    decisions: Decisions,
    *,
    late_since: datetime | None = None,
    returned: Decimal | None = None,
) -> PersonalMark:
    """The mark of one member of the group whose mark this is.

    Args:
        late_since: When the group's late commit was first seen; None for one that is on time.
        returned: The per cent that this person was told before, where marks were returned.
    """
    trace: list[Adjustment] = []
    pass_mark = pass_mark_of(member, assignment)
    now: Fraction | None

    def step(kind: str, what: str, to: Fraction | None, why: str, event: int | None = None) -> None:
        nonlocal now
        trace.append(Adjustment(kind, what, now, to, why, event))
        now = to

    now = exact_percent(mark)
    own = decisions.points(group.name, member.id)
    if own and mark.status is not Status.NOT_SUBMITTED:
        mark = with_points(mark, assignment, {criterion: points for criterion, (points, _) in own.items()})
        to = exact_percent(mark)
        told = ", ".join(f"{id} {points} of {assignment.criterion(id).points}" for id, (points, _) in own.items())
        event = max(event.number for _, event in own.values()) or None
        step("agreed_mark", f"Your own points: {told}.", to, "; ".join(said(e) for _, e in own.values()), event)
    whole = decisions.whole_mark(group.name, member.id)
    if whole is not None and mark.status is not Status.NOT_SUBMITTED:
        value, event_ = whole
        step("agreed_mark", f"The markers agreed on {value} %.", Fraction(value), said(event_), event_.number or None)
    for moderation in decisions.about("moderation")[-1:]:
        if now is not None:
            what = f"All marks of this assignment were moderated ({moderation.value})."
            step("moderation", what, scaling(moderation.value)(now), said(moderation), moderation.number or None)
    for factor in decisions.about("peer_factor", group.name, member.id)[-1:]:
        if now is not None:
            what, to = _peers(course, now, factor.value)
            step("peer_factor", what, to, said(factor), factor.number or None)
    if late_since is not None and now is not None:
        begun, due = _lateness(course, assignment, group, member, decisions, late_since)
        policy = course.late(assignment.id)
        if policy is not None and begun("hour"):
            to, band = policy.after(now, pass_mark, begun)
            what = _late(course, due, late_since, begun, policy.unit_of(band))
            step("late", what, to, f"{course.late_policy_of(assignment.id)}: {band.clause}")
        elif begun("hour"):
            what = _late(course, due, late_since, begun, "working_day")
            step("late", what, now, "the assignment has no late policy")
    if returned is not None and now is not None and course.on_correction == "never_lower" and rounded(now) < returned:
        step("never_lower", "A correction does not lower a mark that was returned.", Fraction(returned),
             "on_correction = never_lower")  # fmt: skip
    override = decisions.last("override", group.name, member.id)
    if override is not None:
        what = f"The mark was set to {override.value} % by a decision."
        step("override", what, Fraction(Decimal(override.value)), said(override), override.number or None)
    return PersonalMark(
        assignment=assignment.id,
        group=group.name,
        member=member.id,
        status=mark.status if now is None else Status.MARKED,
        percent=None if now is None else rounded(now),
        points=None if now is None else rounded(now * Fraction(mark.out_of) / 100),
        out_of=mark.out_of,
        pass_mark=pass_mark,
        level=assignment.level,
        trace=tuple(trace),
        disputes=tuple(
            f"{said(e)} ({e.value})"
            for e in (*decisions.about("dispute", group.name), *decisions.about("dispute", group.name, member.id))
        ),
    )


def as_json(mark: PersonalMark) -> dict[str, Any]:
    """The mark and its trace as plain data."""
    return {
        "member": mark.member,
        "group": mark.group,
        "status": str(mark.status),
        "percent": None if mark.percent is None else float(mark.percent),
        "points": None if mark.points is None else float(mark.points),
        "out_of": float(mark.out_of),
        "pass_mark": mark.pass_mark,
        "passed": mark.passed,
        "trace": [
            {
                "kind": line.kind,
                "what": line.what,
                "from": None if line.before is None else round(float(line.before), 6),
                "to": None if line.after is None else round(float(line.after), 6),
                "why": line.why,
                "event": line.event,
            }
            for line in mark.trace
        ],
        "disputes": list(mark.disputes),
    }


def _peers(course: Course, now: Fraction, value: str) -> tuple[str, Fraction]:
    """What a factor makes of a mark, within the bounds that the course sets, and what the person reads of it."""
    factor = Fraction(value)
    held = max(factor, Fraction(course.peer.at_least))
    if course.peer.at_most is not None:
        held = min(held, Fraction(course.peer.at_most))
    weight = Fraction(course.peer.weight)
    what = f"Your peers' factor is {float(factor):.3f}"
    if held != factor:
        what += f", which counts as {float(held):.3f}"
    if weight != 1:
        what += f"; it decides {float(100 * weight):g} % of the mark"
    return f"{what}.", moderated(now, held, weight)


def _lateness(
    course: Course, assignment: Assignment, group: Group, member: Member, decisions: Decisions, seen: datetime
) -> tuple[Callable[[Unit], int], datetime]:
    """By how many units the work is late, each begun one counting whole, and when it was due for this person."""
    due = due_of_person(course, assignment.id, decisions.events, group, member.id)
    grace = timedelta(minutes=course.assignment(assignment.id).grace_minutes)
    calendar = course.calendar(assignment.id)
    return (lambda unit: calendar.late(due, seen, unit, grace)), due


def _late(course: Course, due: datetime, seen: datetime, begun: Callable[[Unit], int], unit: Unit) -> str:
    """What the person reads of lateness."""
    due, seen = due.astimezone(course.zone), seen.astimezone(course.zone)
    late = f"{begun(unit)} {unit.replace('_', ' ')}{'' if begun(unit) == 1 else 's'} late"
    return f"Due {due:%d %b %Y, %H:%M %Z}, first seen {seen:%d %b %Y, %H:%M:%S %Z}: {late}."
