"""One person's mark: a pure function of the group's mark, the course's policy, the clock and the events. Runs nothing.

    the group's mark, with the person's own points of criteria that a person marks
      -> the mark agreed as a whole        agreed_mark
      -> moderation                        of all marks of the assignment
      -> peer factor                       never above 100
      -> never lowered by a correction     where on_correction says so and marks were returned
      -> lateness                          the late policy, with the person's own due time and pass mark
      -> cap                               the lowest about the person, their group or all
      -> override                          whatever else was found
      -> no mark at all                    deferred, absent, excused, held

A correction of ours lowers no returned mark of the same work where the course says so. Another commit, lateness, caps
and overrides are not corrections of ours: what is found or decided after the return counts.

Every decision about a mark, and every step that moves it, is a line of the trace. Steps are in per cent and exact; the
mark is rounded once. Of someone without a mark no number is left, in the trace neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from assignments.assignment import Assignment, pass_percent
from graders.course.course import Course
from graders.course.roster import Group, Member
from graders.marks.lateness import lateness_of
from graders.marks.mark import BY_DECISION, Mark, Status, exact_percent, rounded, with_points
from graders.marks.peer_factors import moderated
from graders.record.decisions import Dispute, Moderation, Override, PeerFactor
from graders.record.in_force import Decisions, within_parts


@dataclass(frozen=True)
class Adjustment:
    """One line of the trace."""

    kind: str
    """`extension`, `late`, `never_lower`, or the kind of a decision."""
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
    before_penalties: Fraction | None = None
    """Per cent as marked, exact: what a later correction of ours may not lower. None unless marked."""

    @property
    def passed(self) -> bool | None:
        """Whether the rounded mark reaches the person's pass mark; None unless marked."""
        return None if self.percent is None else self.percent >= self.pass_mark


@dataclass(frozen=True)
class ReturnedMark:
    """What a person was told their mark was."""

    percent: Decimal
    group: str
    commit: str | None
    before_penalties: Fraction | None
    """None where it was not kept: in a ledger of an earlier version."""


def pass_mark_of(member: Member, assignment: Assignment) -> int:
    """The person's own pass mark, else that of the assignment's level."""
    return pass_percent(assignment.level) if member.pass_mark is None else member.pass_mark


def personal_mark(
    mark: Mark,
    assignment: Assignment,
    course: Course,
    group: Group,
    member: Member,
    decisions: Decisions,
    *,
    late_since: datetime | None = None,
    seen_at: datetime | None = None,
    returned: ReturnedMark | None = None,
) -> PersonalMark:
    """The mark of one member of the group whose mark this is.

    Args:
        late_since: When the group's late commit was first seen; None for one that is on time.
        seen_at: When the commit was first seen, late or not.
        returned: What this person was told before, where marks were returned.
    """
    trace: list[Adjustment] = []
    pass_mark = pass_mark_of(member, assignment)
    # Another commit of their group is another work; a move to another group is put right by the course.
    same_work = returned is not None and (returned.group != group.name or returned.commit == mark.commit)
    shielded = returned if course.on_correction == "never_lower" and same_work else None
    now: Fraction | None

    def step(kind: str, what: str, to: Fraction | None, why: str, event: int | None = None) -> None:
        nonlocal now
        trace.append(Adjustment(kind, what, now, to, why, event))
        now = to

    def never_lower(floor: Fraction) -> None:
        what = "A correction does not lower a mark that was returned."
        step("never_lower", what, floor, "on_correction = never_lower")

    now = exact_percent(mark)
    own = within_parts(decisions.points(group.name, member.id), assignment)
    if own and mark.status is not Status.NOT_SUBMITTED:
        mark = with_points(mark, assignment, {criterion: given.points for criterion, given in own.items()})
        to = exact_percent(mark)
        told = ", ".join(f"{id} {given.points} of {assignment.criterion(id).points}" for id, given in own.items())
        event = max(given.event.number for given in own.values()) or None
        step("agreed_mark", f"Your own points: {told}.", to, "; ".join(given.said for given in own.values()), event)
    whole = decisions.whole_mark(group.name, member.id)
    if whole is not None and mark.status is not Status.NOT_SUBMITTED:
        what = f"The markers agreed on {whole.percent} %."
        step("agreed_mark", what, Fraction(whole.percent), whole.said, whole.number)
    for moderation in decisions.about(Moderation)[-1:]:
        if now is not None:
            what = f"All marks of this assignment were moderated ({moderation.event.value})."
            step("moderation", what, moderation.scale(now), moderation.said, moderation.number)
    for peers in decisions.about(PeerFactor, group.name, member.id)[-1:]:
        if now is not None:
            what, to = _peers(course, now, Fraction(peers.factor))
            step("peer_factor", what, to, peers.said, peers.number)
    if shielded and shielded.before_penalties is not None and now is not None and now < shielded.before_penalties:
        never_lower(shielded.before_penalties)
    before_penalties = now
    seen = late_since or seen_at
    if seen is not None and now is not None:
        lateness = lateness_of(course, assignment.id, group, member, decisions, seen)
        if lateness.extended and (late_since is not None or not lateness.begun("hour")):
            what = lateness.told_of_extension(now, pass_mark, accepted=late_since is not None)
            number = lateness.extension.number if lateness.extension else None
            step("extension", what, now, lateness.why_extended, number)
        if late_since is not None and lateness.begun("hour"):
            step("late", lateness.told(), lateness.after(now, pass_mark), lateness.clause)
    # What an earlier version returned is held against the mark after lateness, as it was then.
    earlier = shielded if shielded and shielded.before_penalties is None else None
    if earlier and now is not None and rounded(now, course.round) < earlier.percent:
        never_lower(Fraction(earlier.percent))
    cap = decisions.cap(group.name, member.id, pass_mark)
    if cap is not None and now is not None:
        most, capped = cap
        what = f"The mark is capped at {float(most):g} %."
        step("cap", what, min(now, most), capped.said, capped.number)
    override = decisions.last(Override, group.name, member.id)
    if override is not None:
        what = f"The mark was set to {override.percent} % by a decision."
        step("override", what, Fraction(override.percent), override.said, override.number)
        before_penalties = now
    status = mark.status if now is None else Status.MARKED
    code = decisions.code(group.name, member.id)
    if code is not None:
        status, now, before_penalties = Status(code.word), None, None
        trace = [Adjustment(code.word, _NO_MARK[status], None, None, code.said, code.number)]
    for broken in decisions.unreadable(group.name, member.id)[:1]:
        status, now, before_penalties = Status.WITHHELD, None, None
        what = "A decision about this mark cannot be read: the course's staff put it right, and nothing is lost."
        trace = [Adjustment(broken.event.kind, what, None, None, broken.said, broken.number)]
    return PersonalMark(
        assignment=assignment.id,
        group=group.name,
        member=member.id,
        status=status,
        percent=None if now is None else rounded(now, course.round),
        points=None if now is None else rounded(now * Fraction(mark.out_of) / 100, course.round),
        out_of=mark.out_of,
        pass_mark=pass_mark,
        level=assignment.level,
        trace=tuple(trace),
        disputes=tuple(
            f"{made.said} ({made.text})"
            for made in (*decisions.about(Dispute, group.name), *decisions.about(Dispute, group.name, member.id))
        ),
        before_penalties=before_penalties if status is Status.MARKED else None,
    )


_NO_MARK: Final[Mapping[Status, str]] = {
    Status.DEFERRED: "The assessment is deferred: there is no mark.",
    Status.ABSENT: "Recorded as absent: there is no mark.",
    Status.EXCUSED: "Excused from this assessment: there is no mark.",
    Status.HELD: "The mark is held: there is none for now.",
}
"""What a person reads of each decision that there is no mark."""


def without_mark(mark: Mark, people: Sequence[PersonalMark]) -> Mark:
    """The group's mark, of which nothing is left where none of its members has a mark by a decision."""
    if not people or any(person.status not in BY_DECISION for person in people):
        return mark
    return replace(mark, status=people[0].status, points=None, findings=())


def _peers(course: Course, now: Fraction, factor: Fraction) -> tuple[str, Fraction]:
    """What a factor makes of a mark, within the bounds that the course sets, and what the person reads of it."""
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
