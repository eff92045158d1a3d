"""Decides which commit counts: a pure function of observations and decisions, without host or clock.

The rule
--------
A *look* is one observation of a branch. It *answered* when the host did (a tip, an empty repository, no such
branch) and *failed* when it did not. The *due* time is the deadline plus the group's extension; it *closes*
`grace_minutes` later. Commit dates play no part.

1. **Before the close** the last tip seen is provisional.
2. **The host was down at the due time** if looks failed between the last answer before the due time and the first
   answer after it, beginning by the close and for more than `observation_gap_minutes` until that answer. The group
   may not have been able to push, so the first tip seen afterwards waits for a person, changed or not. A shorter
   failure does not matter: rules 3 and 4 apply.
3. **A look took place between due and close**, so every push by the due time has been seen: the last tip seen by the
   close counts. This is the ordinary case, as long as `grace_minutes` is longer than the time between two
   collections.
4. **No look took place between due and close**: the server was down, or collections are rarer than the grace (for
   example 3 minutes before the due time and again after the close). If the next answer shows the tip that was there
   before, that tip counts, however long the gap. If it shows another tip, which may or may not have been pushed in
   time, the group waits for a person. Until there is an answer, nothing is settled.

So a failed look costs nobody anything, and a force-push after the close changes nothing. An event settles what waits:
`late_commit` names the commit that a person accepts, an `extension` moves the due time. `graders.marks.personal`
decides what a late commit costs a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from graders.course.course import Course, Group
from graders.course.working_days import clock_problem
from graders.record.decisions import Delay, Extension, LateCommit, UnreadableDecision, delay_of
from graders.record.in_force import Decisions, is_about
from graders.record.ledger import Event, Observation

State = Literal["provisional", "counts", "nothing handed in", "not settled", "waits for a person", "set aside"]


@dataclass(frozen=True)
class Counting:
    """Which commit of a group counts, and why."""

    commit: str | None
    """None if there is no commit, nothing is settled yet, or a person must decide."""
    state: State
    reason: str
    """A student may read it."""
    due: datetime
    seen_at: str | None
    """When the commit was first seen, by medmark's clock."""
    later_tips: tuple[Observation, ...] = ()
    """Tips first seen after the one that counts; while a person must decide, the tips to choose from."""
    evidence: str = ""
    """For staff."""
    late_since: datetime | None = None
    """When a late commit that staff accepted was first seen; None for one that is on time, or accepted as on time."""


def counting(
    course: Course,
    observations: Iterable[Observation],
    decisions: Decisions,
    group: Group,
    now: datetime,
) -> Counting:
    """The commit that counts for a group at `now`, by the rule above.

    Args:
        observations: The group's own (`graders.intake.owners`).
    """
    assignment_id = decisions.assignment
    seen = [look for look in observations if look.assignment == assignment_id]
    seen.sort(key=lambda look: _time(look.seen_at))
    about = _concerning(decisions, course, group)
    due, doubt = _due_of(course, assignment_id, about, group)
    close = due + timedelta(minutes=course.assignment(assignment_id).grace_minutes)
    seen = [look for look in seen if _time(look.seen_at) <= now]
    accepted = [decision for decision in about if decision.event.kind == "late_commit"]
    if accepted:
        return _accepted(accepted[-1], seen, due)
    if doubt:
        reason = "medmark cannot read an extension on record: the course's staff must correct it"
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), doubt)
    if now < close:
        reason = "the last commit seen so far; a later one will count instead"
        return _by_the_close(seen, close, due, "provisional", reason)
    return _after_the_close(course, seen, due, close)


def _due_of(course: Course, assignment_id: str, about: Sequence[DueTime], group: Group) -> tuple[datetime, str | None]:
    """When a group's work is due, in UTC; and why a person must decide first, if so.

    An extension of the group holds for all its members. Extensions of single members count by `group_extension`: the
    latest (max); the earliest, where a member without one has the deadline (min); or none (manual). A member who
    works alone is a group. An extension never shortens the time, and the last one about a person or group holds.
    """
    deadline = course.deadline(assignment_id)
    rule = course.assignment(assignment_id).group_extension
    whole: dict[str, datetime] = {}
    single: dict[str, datetime] = {}
    for decision in about:
        event = decision.event
        if event.kind != "extension":
            continue
        if not isinstance(decision, Extension):
            return deadline, decision.problem if isinstance(decision, UnreadableDecision) else None
        until = until_of(decision.until, course, assignment_id)
        persons = [person.id for person in group.members if is_about(event, group.name, person.id)]
        if event.member and not persons:
            if rule == "manual":  # extensions of single members do not count
                continue
            return deadline, f'an extension names "{event.member}", who is not in group {group.name}'
        if persons and len(group.members) > 1:
            single[persons[0]] = max(until, deadline)
        else:
            whole[persons[0] if persons else event.group] = max(until, deadline)
    if whole or not single:
        return max(whole.values(), default=deadline), None
    if rule == "max":
        return max(single.values()), None
    if rule == "min":
        return min(single.get(member.id, deadline) for member in group.members), None
    return deadline, None


def due_of_person(course: Course, decisions: Decisions, group: Group, member: str) -> datetime:
    """When one person's work is due, in UTC: as for their group, or later by an extension of their own."""
    about = _concerning(decisions, course, group)
    due, _ = _due_of(course, decisions.assignment, about, group)
    own = [extension for extension in about if isinstance(extension, Extension)]
    own = [extension for extension in own if is_about(extension.event, group.name, member)]
    return max(due, until_of(own[-1].until, course, decisions.assignment)) if own else due


def due_of_page(course: Course, decisions: Decisions, group: Group) -> datetime:
    """When a group's work is due, in UTC, for a page that all members read: without extensions of single members."""
    about = _concerning(decisions, course, group)
    alone = len(group.members) == 1
    shared = [
        decision for decision in about if alone or not decision.event.group or is_about(decision.event, group.name)
    ]
    return _due_of(course, decisions.assignment, shared, group)[0]


def due_for_all(course: Course, decisions: Decisions) -> datetime:
    """When the assignment is due, in UTC, without the extensions of groups and persons."""
    deadline = course.deadline(decisions.assignment)
    whole = decisions.about(Extension)[-1:]
    return max([deadline, *(until_of(extension.until, course, decisions.assignment) for extension in whole)])


def _after_the_close(course: Course, seen: list[Observation], due: datetime, close: datetime) -> Counting:
    before = [look for look in seen if _answered(look) and _time(look.seen_at) < due]
    after = next((look for look in seen if _answered(look) and _time(look.seen_at) >= due), None)
    since = _time(before[-1].seen_at) if before else None
    if after is None:
        why = seen[-1].detail if seen and not _answered(seen[-1]) else "no collection has looked"
        reason = f"not read since the due time ({why}): the next collection that succeeds will settle it"
        return Counting(None, "not settled", reason, due, None, _tips(seen, since))
    if _was_down(course, seen, since, close, _time(after.seen_at)):
        reason = "the host did not answer at the due time: a person decides which commit counts; nothing is lost"
        return Counting(None, "waits for a person", reason, due, None, _tips(seen, since))
    if _time(after.seen_at) <= close:
        return _by_the_close(seen, close, due, "counts", "the last commit seen by the end of the grace time")
    last = _tip(before)
    if after.commit is None or (last is not None and after.commit == last.commit):
        return _by_the_close(seen, close, due, "counts", "the same commit was there before and after the due time")
    reason = (
        "no collection looked between the due time and the end of the grace time, and the next one saw another commit: "
        "a person decides which counts; nothing is lost"
    )
    return Counting(None, "waits for a person", reason, due, None, _tips(seen, since))


def _by_the_close(seen: list[Observation], close: datetime, due: datetime, state: State, reason: str) -> Counting:
    by_close = [look for look in seen if _time(look.seen_at) <= close]
    tip = _tip(by_close)
    if tip is None:
        later = _tips(seen)
        if state == "provisional":
            reason = seen[-1].detail if seen else "no collection has looked yet"
            return Counting(None, "provisional", f"no commit so far: {reason}", due, None, later)
        return Counting(None, "nothing handed in", "there was no commit by the due time", due, None, later)
    first = _first_of_run(by_close, tip)
    later = tuple(look for look in _tips(seen, _time(tip.seen_at)) if look.commit != tip.commit)
    return Counting(tip.commit, state, reason, due, first.seen_at, later)


def _accepted(decision: DueTime, seen: list[Observation], due: datetime) -> Counting:
    if not isinstance(decision, LateCommit):
        reason = "medmark cannot read which commit was accepted: the course's staff must correct it"
        evidence = decision.problem if isinstance(decision, UnreadableDecision) else ""
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), evidence)
    commit, event = decision.commit, decision.event
    first = next((look for look in seen if look.commit == commit), None)
    since = _time(first.seen_at) if first else None
    later = tuple(look for look in _tips(seen, since) if look.commit != commit)
    reason = f"accepted by the course's staff on {event.at[:10]}"
    evidence = f"late_commit by {event.who}: {event.reason}"
    late = None if decision.on_time or first is None else _time(first.seen_at)
    return Counting(commit, "counts", reason, due, first.seen_at if first else None, later, evidence, late)


def _was_down(
    course: Course, seen: list[Observation], since: datetime | None, close: datetime, until: datetime
) -> bool:
    """Whether the time from the first failed look around the due time to the first answer is too long."""
    failed = [_time(look.seen_at) for look in seen if not _answered(look)]
    failed = [at for at in failed if (since is None or at > since) and at < until]
    if not failed or failed[0] > close:
        return False
    return until - failed[0] > timedelta(minutes=course.observation_gap_minutes)


def _answered(look: Observation) -> bool:
    return look.how != "unreachable"


def _tip(seen: Sequence[Observation]) -> Observation | None:
    return next((look for look in reversed(seen) if look.commit is not None), None)


def _first_of_run(seen: Sequence[Observation], tip: Observation) -> Observation:
    """The first of the latest looks in a row that saw this tip."""
    first = tip
    for look in reversed(seen):
        if look.commit == tip.commit:
            first = look
        elif look.commit is not None:
            break
    return first


def _tips(seen: Sequence[Observation], since: datetime | None = None) -> tuple[Observation, ...]:
    """Each tip once: the first look that saw it after `since`."""
    first: dict[str, Observation] = {}
    for look in seen:
        if look.commit is not None and (since is None or _time(look.seen_at) >= since):
            first.setdefault(look.commit, look)
    return tuple(first.values())


DueTime = Extension | LateCommit | UnreadableDecision
"""Decisions on when work is due and which commit counts; one that cannot be read makes a group wait."""


def _concerning(decisions: Decisions, course: Course, group: Group) -> list[DueTime]:
    """The decisions on due times that are about a group, one of its members, or everybody."""
    return [decision for decision in decisions.of_due_times if _concerns(decision.event, course, group)]


def _concerns(event: Event, course: Course, group: Group) -> bool:
    """Whether it is about everybody, this group, a member, or a former member who is in no group now."""
    if not event.group or is_about(event, group.name):
        return True
    if any(is_about(event, group.name, person.id) for person in group.members):
        return True
    if event.group != group.name:
        return False
    return all(person.id != event.member for other in course.groups for person in other.members)


def until_of(until: Delay | datetime, course: Course, assignment_id: str) -> datetime:
    """The time until which an extension runs."""
    if isinstance(until, datetime):
        return course.local(until)
    deadline = course.deadline(assignment_id)
    if until.unit == "minute":
        return deadline + timedelta(minutes=until.amount)
    return course.calendar(assignment_id).after(deadline, until.amount, until.unit)


def extension_problem(value: str, course: Course, assignment_id: str) -> str:
    """Why an extension cannot be recorded as written; empty if it can."""
    try:
        until = delay_of(value)
    except ValueError as error:
        return str(error)
    if isinstance(until, datetime):
        return clock_problem(until, course.timezone)
    year = until_of(until, course, assignment_id).year
    if until.unit == "working_day" and year not in course.bank_holiday_years(assignment_id):
        return f"medmark does not know the bank holidays of {year}: write the extension as a date and time"
    return ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
