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

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from graders.course.course import Course, Group
from graders.course.working_days import Unit, clock_problem
from graders.intake.clone import is_commit
from graders.record.decisions import in_force, is_about
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


ON_TIME = "on time"
"""What follows the commit of a `late_commit` that costs nothing: of a group that waited for a person."""


def counting(
    course: Course,
    assignment_id: str,
    observations: Iterable[Observation],
    events: Iterable[Event],
    group: Group,
    now: datetime,
) -> Counting:
    """The commit that counts for a group at `now`, by the rule above.

    Args:
        observations: The group's own (`graders.intake.owners`).
    """
    seen = [look for look in observations if look.assignment == assignment_id]
    seen.sort(key=lambda look: _time(look.seen_at))
    about = _concerning(events, course, assignment_id, group)
    due, doubt = due_of(course, assignment_id, about, group)
    close = due + timedelta(minutes=course.assignment(assignment_id).grace_minutes)
    seen = [look for look in seen if _time(look.seen_at) <= now]
    accepted = [event for event in about if event.kind == "late_commit"]
    if accepted:
        return _accepted(accepted[-1], seen, due)
    if doubt:
        reason = "an extension is recorded in a way that cannot be read: the course's staff put it right"
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), doubt)
    if now < close:
        return _by_the_close(seen, close, due, "provisional", "the last commit seen so far; later ones will count")
    return _after_the_close(course, seen, due, close)


def due_of(
    course: Course, assignment_id: str, events: Sequence[Event], group: Group
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
    for event in events:
        if event.kind != "extension":
            continue
        until = until_of(event.value, course, assignment_id)
        if until is None:
            return deadline, f'the extension "{event.value}" cannot be read: {EXTENSION}'
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
    course: Course, assignment_id: str, events: Iterable[Event], group: Group, member: str
) -> datetime:
    """When one person's work is due, in UTC: with their group, or later by an extension of their own."""
    about = _concerning(events, course, assignment_id, group)
    due, _ = due_of(course, assignment_id, about, group)
    own = [event for event in about if event.kind == "extension" and is_about(event, group.name, member)]
    until = until_of(own[-1].value, course, assignment_id) if own else None
    return due if until is None else max(due, until)


def due_of_page(course: Course, assignment_id: str, events: Iterable[Event], group: Group) -> datetime:
    """When a group's work is due, in UTC, as all its members may read it: without an extension of one of several."""
    about = _concerning(events, course, assignment_id, group)
    alone = len(group.members) == 1
    shared = [event for event in about if alone or not event.group or is_about(event, group.name)]
    return due_of(course, assignment_id, shared, group)[0]


def due_for_all(course: Course, assignment_id: str, events: Iterable[Event]) -> datetime:
    """When the assignment is due, in UTC, without the extensions of groups and persons."""
    deadline = course.deadline(assignment_id)
    whole = [e for e in in_force(events) if e.kind == "extension" and e.assignment == assignment_id and not e.group]
    until = until_of(whole[-1].value, course, assignment_id) if whole else None
    return deadline if until is None else max(deadline, until)


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


def _accepted(event: Event, seen: list[Observation], due: datetime) -> Counting:
    commit, _, on_time = event.value.strip().lower().partition(" ")
    if not is_commit(commit):
        reason = "the commit accepted is recorded in a way that cannot be read: the course's staff put it right"
        evidence = f'late_commit "{event.value}" is no whole commit id'
        return Counting(None, "waits for a person", reason, due, None, _tips(seen), evidence)
    first = next((look for look in seen if look.commit == commit), None)
    since = _time(first.seen_at) if first else None
    later = tuple(look for look in _tips(seen, since) if look.commit != commit)
    reason = f"accepted by the course's staff on {event.at[:10]}"
    evidence = f"late_commit by {event.who}: {event.reason}"
    late = None if on_time == ON_TIME or first is None else _time(first.seen_at)
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


def _concerning(events: Iterable[Event], course: Course, assignment_id: str, group: Group) -> list[Event]:
    """What is in force of what was decided about a group, its members or all."""
    return [event for event in in_force(events) if _concerns(event, course, assignment_id, group)]


def _concerns(event: Event, course: Course, assignment_id: str, group: Group) -> bool:
    """Whether an event has a say in what counts here.

    It is about all, this group, one of its members, or somebody who was in it and is in no group now.
    """
    if event.kind not in ("extension", "late_commit") or event.assignment != assignment_id:
        return False
    if not event.group or is_about(event, group.name):
        return True
    if any(is_about(event, group.name, person.id) for person in group.members):
        return True
    if event.group != group.name:
        return False
    return all(person.id != event.member for other in course.groups for person in other.members)


EXTENSION = "write minutes, days as 7d, working days as 5wd, or a date and time as 2027-01-22T12:00"
_DAYS: Final[Mapping[str, Unit]] = {"d": "calendar_day", "wd": "working_day"}


def until_of(value: str, course: Course, assignment_id: str) -> datetime | None:
    """The time that an extension's value means; None where it cannot be read."""
    deadline = course.deadline(assignment_id)
    if found := re.fullmatch(r"\+?(\d{1,3}) ?(w?d)", value.strip()):
        return course.calendar(assignment_id).after(deadline, int(found[1]), _DAYS[found[2]])
    if re.fullmatch(r"\+?\d{1,7}", value.strip()):
        return deadline + timedelta(minutes=int(value))
    until = _written(value)
    return None if until is None else course.local(until)


def extension_problem(value: str, course: Course, assignment_id: str) -> str:
    """Why an extension cannot be recorded as it is written; nothing if it can."""
    written = _written(value)
    if written and (problem := clock_problem(written, course.timezone)):
        return problem
    until = until_of(value, course, assignment_id)
    if until is None:
        return f'the extension "{value}" cannot be read: {EXTENSION}'
    if value.strip().endswith("wd") and (year := until.year) not in course.bank_holiday_years(assignment_id):
        return f"the bank holidays of {year} are not known: write the extension as a date and time"
    return ""


def _written(value: str) -> datetime | None:
    """The date and time that a person wrote; None for other forms. A date alone would mean its first minute."""
    try:
        return datetime.fromisoformat(value.strip()) if re.search(r"\d[T ]\d", value) else None
    except ValueError:
        return None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
