"""One person's mark: a pure function of the group's mark, the course's policy, the clock and the events.

The group's mark goes through these steps (`_STEPS`):

    own points                 points of this person alone, for criteria that a person marks
    the mark as a whole        agreed_mark
    moderation                 of all marks of the assignment
    peer factor                never above 100
    never lower                where on_correction says so and marks were returned
    lateness                   the late policy, with the person's own due time and pass mark
    cap                        the lowest about the person, their group or all
    override                   replaces every step before it
    no mark                    deferred, absent, excused, held, or a decision that cannot be read

Where the course says so, a correction lowers no returned mark of the same work. Another commit, lateness, caps and
overrides are not such corrections: they count even if they come after the return.

Every decision about a mark, and every step that moves it, is a line of the trace. Steps are exact and in per cent; the
mark is rounded once. Whoever has no mark by a decision has no number in the trace either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from assignments.assignment import Assignment, pass_percent
from graders.course.course import Course
from graders.course.roster import Group, Member
from graders.marks.findings import with_points
from graders.marks.lateness import lateness_of
from graders.marks.mark import BY_DECISION, Mark, Status, exact_percent, rounded
from graders.marks.peer_factors import moderated
from graders.record.decisions import Dispute, Moderation, Override, PeerFactor
from graders.record.in_force import Decisions, within_parts


@dataclass(frozen=True)
class Adjustment:
    """One line of the trace."""

    kind: str
    """`extension`, `late`, `never_lower`, or the kind of a decision."""
    what: str
    """The sentence that the person reads."""
    before: Fraction | None
    """Per cent; None where there was no mark."""
    after: Fraction | None
    """Per cent; None while there is no mark."""
    why: str
    """The clause of the policy, or who decided and why; staff and the person read it."""
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
    """The same mark in points, rounded once from the exact mark."""
    out_of: Decimal
    pass_mark: int
    level: int
    trace: tuple[Adjustment, ...]
    disputes: tuple[str, ...] = ()
    before_penalties: Fraction | None = None
    """Exact per cent before lateness and caps, which a later correction may not lower. None unless marked."""
    exact: Fraction | None = None
    """Per cent before the rounding, for what is computed from several marks. None unless marked."""

    @property
    def passed(self) -> bool | None:
        """Whether the rounded mark reaches the person's pass mark; None unless marked."""
        return None if self.percent is None else self.percent >= self.pass_mark


@dataclass(frozen=True)
class ReturnedMark:
    """The last whole mark that was returned to a person."""

    percent: Decimal
    group: str
    commit: str | None
    before_penalties: Fraction | None
    """None in a ledger of an earlier version, which did not record it."""


def pass_mark_of(member: Member, assignment: Assignment) -> int:
    """The person's own pass mark, else that of the assignment's level."""
    return pass_percent(assignment.level) if member.pass_mark is None else member.pass_mark


@dataclass(frozen=True)
class _Inputs:
    """What one person's mark follows from, beside the mark of the group."""

    assignment: Assignment
    course: Course
    group: Group
    member: Member
    decisions: Decisions
    late_since: datetime | None
    seen_at: datetime | None
    protected: ReturnedMark | None
    """The returned mark that a correction may not lower; None where a correction may."""

    @property
    def pass_mark(self) -> int:
        return pass_mark_of(self.member, self.assignment)


@dataclass(frozen=True)
class _State:
    """The person's mark after some of the steps."""

    mark: Mark
    """The group's mark, with the person's own points."""
    percent: Fraction | None
    trace: tuple[Adjustment, ...] = ()
    before_penalties: Fraction | None = None
    no_mark: Status | None = None
    """Why a decision leaves no mark; None where none does."""

    def moved(self, kind: str, what: str, to: Fraction | None, why: str, event: int | None = None) -> _State:
        """The mark after one more line of the trace."""
        line = Adjustment(kind, what, self.percent, to, why, event)
        return replace(self, percent=to, trace=(*self.trace, line))

    def without_number(self, status: Status, kind: str, what: str, why: str, event: int | None) -> _State:
        """No mark, and a trace of this one line."""
        line = Adjustment(kind, what, None, None, why, event)
        return replace(self, percent=None, trace=(line,), before_penalties=None, no_mark=status)


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
        returned: The last whole mark that was returned to this person, if any was.
    """
    # Another commit of their group is another work; a move to another group is put right by the course.
    same_work = returned is not None and (returned.group != group.name or returned.commit == mark.commit)
    protected = returned if course.on_correction == "never_lower" and same_work else None
    inputs = _Inputs(assignment, course, group, member, decisions, late_since, seen_at, protected)
    state = _State(mark, exact_percent(mark))
    for step in _STEPS:
        state = step(state, inputs)
    exact = state.percent
    status = state.no_mark or (state.mark.status if exact is None else Status.MARKED)
    disputes = (*decisions.about(Dispute, group.name), *decisions.about(Dispute, group.name, member.id))
    return PersonalMark(
        assignment=assignment.id,
        group=group.name,
        member=member.id,
        status=status,
        percent=None if exact is None else rounded(exact, course.round),
        points=None if exact is None else rounded(exact * Fraction(state.mark.out_of) / 100, course.round),
        out_of=state.mark.out_of,
        pass_mark=inputs.pass_mark,
        level=assignment.level,
        trace=state.trace,
        disputes=tuple(f"{each.summary} ({each.text})" if each.text else each.summary for each in disputes),
        before_penalties=state.before_penalties if status is Status.MARKED else None,
        exact=exact,
    )


def _own_points(state: _State, inputs: _Inputs) -> _State:
    assignment = inputs.assignment
    own = within_parts(inputs.decisions.points(inputs.group.name, inputs.member.id), assignment)
    if not own or state.mark.status is Status.NOT_SUBMITTED:
        return state
    mark = with_points(state.mark, assignment, {criterion: agreed.points for criterion, agreed in own.items()})
    points = ", ".join(f"{id} {agreed.points} of {assignment.criterion(id).points}" for id, agreed in own.items())
    why = "; ".join(agreed.summary for agreed in own.values())
    event = max(agreed.event.number for agreed in own.values()) or None
    return replace(state, mark=mark).moved(
        "agreed_mark", f"Your own points: {points}.", exact_percent(mark), why, event
    )


def _whole_mark(state: _State, inputs: _Inputs) -> _State:
    whole = inputs.decisions.whole_mark(inputs.group.name, inputs.member.id)
    if whole is None or state.mark.status is Status.NOT_SUBMITTED:
        return state
    what = f"The markers agreed on {whole.percent} %."
    return state.moved("agreed_mark", what, Fraction(whole.percent), whole.summary, whole.number)


def _moderation(state: _State, inputs: _Inputs) -> _State:
    moderations = inputs.decisions.about(Moderation)
    if not moderations or state.percent is None:
        return state
    last = moderations[-1]
    what = f"All marks of this assignment were moderated ({last.event.value})."
    return state.moved("moderation", what, last.scale(state.percent), last.summary, last.number)


def _peer_factor(state: _State, inputs: _Inputs) -> _State:
    factors = inputs.decisions.about(PeerFactor, inputs.group.name, inputs.member.id)
    if not factors or state.percent is None:
        return state
    last, policy = factors[-1], inputs.course.peer
    factor = Fraction(last.factor)
    bounded = max(factor, Fraction(policy.at_least))
    if policy.at_most is not None:
        bounded = min(bounded, Fraction(policy.at_most))
    weight = Fraction(policy.weight)
    what = f"Your peers' factor is {float(factor):.3f}"
    if bounded != factor:
        what += f", which counts as {float(bounded):.3f}"
    if weight != 1:
        what += f"; it decides {float(100 * weight):g} % of the mark"
    return state.moved("peer_factor", f"{what}.", moderated(state.percent, bounded, weight), last.summary, last.number)


def _never_lower(state: _State, inputs: _Inputs) -> _State:
    """Not below the returned mark before penalties; what the mark is now is then what later corrections must keep."""
    protected = inputs.protected.before_penalties if inputs.protected else None
    if protected is not None and state.percent is not None and state.percent < protected:
        state = _lifted(state, protected)
    return replace(state, before_penalties=state.percent)


def _lateness(state: _State, inputs: _Inputs) -> _State:
    late_since, percent = inputs.late_since, state.percent
    seen = late_since or inputs.seen_at
    if seen is None or percent is None:
        return state
    lateness = lateness_of(inputs.course, inputs.assignment.id, inputs.group, inputs.member, inputs.decisions, seen)
    if lateness.extended and (late_since is not None or not lateness.begun("hour")):
        what = lateness.extension_feedback(percent, inputs.pass_mark, accepted=late_since is not None)
        number = lateness.extension.number if lateness.extension else None
        state = state.moved("extension", what, percent, lateness.why_extended, number)
    if late_since is not None and lateness.begun("hour"):
        state = state.moved("late", lateness.feedback(), lateness.after(percent, inputs.pass_mark), lateness.clause)
    return state


def _never_lower_after_lateness(state: _State, inputs: _Inputs) -> _State:
    """The same for a mark that an earlier version returned: it holds only the mark after lateness."""
    protected = inputs.protected
    if protected is None or protected.before_penalties is not None or state.percent is None:
        return state
    if rounded(state.percent, inputs.course.round) < protected.percent:
        return _lifted(state, Fraction(protected.percent))
    return state


def _lifted(state: _State, floor: Fraction) -> _State:
    what = "A correction does not lower a mark that was returned."
    return state.moved("never_lower", what, floor, "on_correction = never_lower")


def _cap(state: _State, inputs: _Inputs) -> _State:
    cap = inputs.decisions.cap(inputs.group.name, inputs.member.id, inputs.pass_mark)
    if cap is None or state.percent is None:
        return state
    most, decision = cap
    what = f"The mark is capped at {float(most):g} %."
    return state.moved("cap", what, min(state.percent, most), decision.summary, decision.number)


def _override(state: _State, inputs: _Inputs) -> _State:
    override = inputs.decisions.last(Override, inputs.group.name, inputs.member.id)
    if override is None:
        return state
    what, percent = f"The mark was set to {override.percent} % by a decision.", Fraction(override.percent)
    state = state.moved("override", what, percent, override.summary, override.number)
    return replace(state, before_penalties=percent)


def _no_mark(state: _State, inputs: _Inputs) -> _State:
    code = inputs.decisions.code(inputs.group.name, inputs.member.id)
    if code is None:
        return state
    status = Status(code.word)
    return state.without_number(status, code.word, _NO_MARK[status], code.summary, code.number)


def _unreadable(state: _State, inputs: _Inputs) -> _State:
    broken = inputs.decisions.unreadable(inputs.group.name, inputs.member.id)
    if not broken:
        return state
    first = broken[0]
    what = "A decision about this mark cannot be read: the course's staff put it right, and nothing is lost."
    return state.without_number(Status.WITHHELD, first.event.kind, what, first.summary, first.number)


_STEPS: Final[Sequence[Callable[[_State, _Inputs], _State]]] = (
    _own_points,
    _whole_mark,
    _moderation,
    _peer_factor,
    _never_lower,
    _lateness,
    _never_lower_after_lateness,
    _cap,
    _override,
    _no_mark,
    _unreadable,
)


_NO_MARK: Final[Mapping[Status, str]] = {
    Status.DEFERRED: "The assessment is deferred: there is no mark.",
    Status.ABSENT: "Recorded as absent: there is no mark.",
    Status.EXCUSED: "Excused from this assessment: there is no mark.",
    Status.HELD: "The mark is held: there is none for now.",
}
"""The sentence that a person reads of each decision that there is no mark."""


def without_mark(mark: Mark, people: Sequence[PersonalMark]) -> Mark:
    """The group's mark; without points and findings where decisions left none of its members a mark."""
    if not people or any(person.status not in BY_DECISION for person in people):
        return mark
    return replace(mark, status=people[0].status, points=None, findings=())
