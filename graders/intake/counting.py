"""Which commit counts: a pure function of what was observed and decided. It asks no host and reads no clock.

The rule
--------
A *look* is one observation of a branch. It *answered* when the host did (a tip, an empty repository, no such
branch) and *failed* when it did not. The *due* time is the deadline plus the group's extension; it *closes*
`grace_minutes` later. Commit dates play no part.

1. **Before the close** the last tip seen is provisional.
2. **The host was down at the due time** if looks failed between the last answer before the due time and the first
   answer after it, beginning by the close and for more than `observation_gap_minutes` until that answer. The group
   may not have been able to push, so the first tip seen afterwards waits for a person, changed or not. A shorter
   failure is a hiccup: rules 3 and 4 see to it.
3. **We looked between due and close**, so whatever was pushed by the due time has been seen: the last tip seen by
   the close counts. This is the ordinary case, as long as `grace_minutes` is longer than the time between two
   collections.
4. **Nobody looked between due and close**: our server was down, or collections are rarer than the grace (3 minutes
   before the due time and again after the close, say). The next answer settles it if it shows the tip that was
   there before: that tip counts, however long nobody looked. If it shows another tip, that may have been pushed in
   time or not: it waits for a person. Until there is an answer, nothing is settled.

So a failed look never costs anybody anything, a force-push after the close changes nothing, and what waits is
settled by an event: `late_commit` names the commit that a person accepts, an `extension` moves the due time. What a
late commit costs a person is not decided here (`graders.marks.personal`).
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
    """None while nothing was handed in, nothing is settled, or a person must decide."""
    state: State
    reason: str
    """A student may read it."""
    due: datetime
    seen_at: str | None
    """When the commit was first seen, by our clock."""
    later_tips: tuple[Observation, ...] = ()
    """Tips first seen after the counting one; while a person must decide, those to decide between."""
    evidence: str = ""
    """For staff."""
    late_since: datetime | None = None
    """When a commit accepted late was first seen; None for one that is on time, or was accepted as on time."""


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
    accepted = [made for made in about if made.event.kind == "late_commit"]
    if accepted:
        return _accepted(accepted[-1], seen, due)
    if doubt:
        reason = "an extension is recorded in a way that cannot be read: the course's staff put it right"
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), doubt)
    if now < close:
        return _by_the_close(seen, close, due, "provisional", "the last commit seen so far; later ones will count")
    return _after_the_close(course, seen, due, close)


def _due_of(
    course: Course, assignment_id: str, about: Sequence[DueTime], group: Group
) -> tuple[datetime, str | None]:
    """When a group's work is due, in UTC; with the reason why a person must say so first, if there is one.

    An extension of the group stands for all. Those of single members make the group's by `group_extension`: the
    latest (max), the earliest, the deadline being that of members without one (min), or none (manual). A member
    who works alone is a group. An extension never shortens, and the last one about somebody is the one that holds.
    """
    deadline = course.deadline(assignment_id)
    rule = course.assignment(assignment_id).group_extension
    whole: dict[str, datetime] = {}
    single: dict[str, datetime] = {}
    for made in about:
        event = made.event
        if event.kind != "extension":
            continue
        if not isinstance(made, Extension):
            return deadline, made.problem if isinstance(made, UnreadableDecision) else None
        until = until_of(made.until, course, assignment_id)
        persons = [person.id for person in group.members if is_about(event, group.name, person.id)]
        if event.member and not persons:
            if rule == "manual":  # nobody's extension moves nobody's due time
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


def due_of_person(
    course: Course, decisions: Decisions, group: Group, member: str
) -> datetime:
    """When one person's work is due, in UTC: with their group, or later by an extension of their own."""
    about = _concerning(decisions, course, group)
    due, _ = _due_of(course, decisions.assignment, about, group)
    own = [made for made in about if isinstance(made, Extension) and is_about(made.event, group.name, member)]
    return max(due, until_of(own[-1].until, course, decisions.assignment)) if own else due


def due_of_page(course: Course, decisions: Decisions, group: Group) -> datetime:
    """When a group's work is due, in UTC, as all its members may read it: without an extension of one of several."""
    about = _concerning(decisions, course, group)
    alone = len(group.members) == 1
    shared = [made for made in about if alone or not made.event.group or is_about(made.event, group.name)]
    return _due_of(course, decisions.assignment, shared, group)[0]


def due_for_all(course: Course, decisions: Decisions) -> datetime:
    """When the assignment is due, in UTC, without the extensions of groups and persons."""
    deadline = course.deadline(decisions.assignment)
    whole = decisions.about(Extension)[-1:]
    return max([deadline, *(until_of(made.until, course, decisions.assignment) for made in whole)])


def _after_the_close(course: Course, seen: list[Observation], due: datetime, close: datetime) -> Counting:
    before = [look for look in seen if _answered(look) and _time(look.seen_at) < due]
    after = next((look for look in seen if _answered(look) and _time(look.seen_at) >= due), None)
    since = _time(before[-1].seen_at) if before else None
    if after is None:
        why = seen[-1].detail if seen and not _answered(seen[-1]) else "nobody has looked"
        reason = f"not seen since the due time ({why}): it is settled at the next collection that succeeds"
        return Counting(None, "not settled", reason, due, None, _tips(seen, since))
    if _was_down(course, seen, since, close, _time(after.seen_at)):
        reason = "the host did not answer at the due time: a person decides which commit counts; nothing is lost"
        return Counting(None, "waits for a person", reason, due, None, _tips(seen, since))
    if _time(after.seen_at) <= close:
        return _by_the_close(seen, close, due, "counts", "the last commit seen by the due time and its grace")
    last = _tip(before)
    if after.commit is None or (last is not None and after.commit == last.commit):
        return _by_the_close(seen, close, due, "counts", "the same commit was there before and after the due time")
    reason = (
        "nobody looked between the due time and the end of its grace, and the commit seen next is another one: "
        "a person decides which counts; nothing is lost"
    )
    return Counting(None, "waits for a person", reason, due, None, _tips(seen, since))


def _by_the_close(
    seen: list[Observation], close: datetime, due: datetime, state: State, reason: str
) -> Counting:
    by_close = [look for look in seen if _time(look.seen_at) <= close]
    tip = _tip(by_close)
    if tip is None:
        later = _tips(seen)
        if state == "provisional":
            reason = seen[-1].detail if seen else "not seen yet"
            return Counting(None, "provisional", f"no commit so far: {reason}", due, None, later)
        return Counting(None, "nothing handed in", "no commit was there by the due time", due, None, later)
    first = _first_of_run(by_close, tip)
    later = tuple(look for look in _tips(seen, _time(tip.seen_at)) if look.commit != tip.commit)
    return Counting(tip.commit, state, reason, due, first.seen_at, later)


def _accepted(made: DueTime, seen: list[Observation], due: datetime) -> Counting:
    if not isinstance(made, LateCommit):
        reason = "the commit accepted is recorded in a way that cannot be read: the course's staff put it right"
        evidence = made.problem if isinstance(made, UnreadableDecision) else ""
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), evidence)
    commit, event = made.commit, made.event
    first = next((look for look in seen if look.commit == commit), None)
    since = _time(first.seen_at) if first else None
    later = tuple(look for look in _tips(seen, since) if look.commit != commit)
    reason = f"accepted by the course's staff on {event.at[:10]}"
    evidence = f"late_commit by {event.who}: {event.reason}"
    late = None if made.on_time or first is None else _time(first.seen_at)
    return Counting(commit, "counts", reason, due, first.seen_at if first else None, later, evidence, late)


def _was_down(
    course: Course, seen: list[Observation], since: datetime | None, close: datetime, until: datetime
) -> bool:
    """Whether looks failed around the due time, from the first failure to the first answer, for too long."""
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
    """The first of the looks that saw this tip without another tip between."""
    first = tip
    for look in reversed(seen):
        if look.commit == tip.commit:
            first = look
        elif look.commit is not None:
            break
    return first


def _tips(seen: Sequence[Observation], since: datetime | None = None) -> tuple[Observation, ...]:
    """Each tip once, by the look that saw it first after `since`."""
    found: dict[str, Observation] = {}
    for look in seen:
        if look.commit is not None and (since is None or _time(look.seen_at) >= since):
            found.setdefault(look.commit, look)
    return tuple(found.values())


DueTime = Extension | LateCommit | UnreadableDecision
"""What has a say in when work is due and which commit counts; one that cannot be read makes a group wait."""


def _concerning(decisions: Decisions, course: Course, group: Group) -> list[DueTime]:
    """What was decided about when the work of a group is due, of its members or all."""
    return [made for made in decisions.of_due_times if _concerns(made.event, course, group)]


def _concerns(event: Event, course: Course, group: Group) -> bool:
    """Whether it is about all, this group, one of its members, or somebody who was in it and is in no group now."""
    if not event.group or is_about(event, group.name):
        return True
    if any(is_about(event, group.name, person.id) for person in group.members):
        return True
    if event.group != group.name:
        return False
    return all(person.id != event.member for other in course.groups for person in other.members)


def until_of(until: Delay | datetime, course: Course, assignment_id: str) -> datetime:
    """The time that an extension means."""
    if isinstance(until, datetime):
        return course.local(until)
    deadline = course.deadline(assignment_id)
    if until.unit == "minute":
        return deadline + timedelta(minutes=until.amount)
    return course.calendar(assignment_id).after(deadline, until.amount, until.unit)


def extension_problem(value: str, course: Course, assignment_id: str) -> str:
    """Why an extension cannot be recorded as it is written; nothing if it can."""
    try:
        until = delay_of(value)
    except ValueError as error:
        return str(error)
    if isinstance(until, datetime):
        return clock_problem(until, course.timezone)
    year = until_of(until, course, assignment_id).year
    if until.unit == "working_day" and year not in course.bank_holiday_years(assignment_id):
        return f"the bank holidays of {year} are not known: write the extension as a date and time"
    return ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
