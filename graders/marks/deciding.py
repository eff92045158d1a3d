"""From what a person wants to decide to events that can be recorded: everything is looked up and checked first.

Nothing is recorded here. All that is wrong is told at once. How a file of decisions is read stands in `wanted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from assignments.assignment import Assignment
from assignments.errors import UserError, nearest
from graders.course.course import Course, Group, read_secret
from graders.intake.collect import clock
from graders.intake.counting import counting, due_for_all, due_of_person
from graders.intake.owners import Record
from graders.marks import values
from graders.marks.named_people import group_and_member
from graders.marks.requests import DecisionRequest, from_file
from graders.marks.results import Results
from graders.record.decisions import (
    ABOUT,
    KINDS,
    AgreedMark,
    AgreedWhole,
    decision_of,
    late_commit_value,
)
from graders.record.in_force import Decisions, in_force, retracted
from graders.record.ledger import Event, Ledger
from graders.record.manifest import case_ids
from graders.record.snapshots import RETURNED

STAFF_DECIDED: Final = "decided by the course's staff"


@dataclass(frozen=True)
class Proposal:
    """Decisions that can be recorded, and what a person should know before they are."""

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()

    def reason(self, moved: Iterable[str] = (), of_all: str = "") -> str:
        """Why marks move, for everyone whose mark does.

        Of several reasons each is for its own person to read, and so is that of one person where others are `moved`:
        their group's due time may follow from it. `of_all` is what was said of all decisions of a file.
        """
        reasons = {event.reason for event in self.events}
        about = {event.member for event in self.events if event.member}
        if about and set(moved) - about:
            return STAFF_DECIDED
        return reasons.pop() if len(reasons) == 1 else of_all or STAFF_DECIDED


@dataclass(frozen=True)
class DecisionChecks:
    """What decisions are checked against."""

    course: Course
    assignment: Assignment
    ledger: Ledger
    events: Sequence[Event]
    now: datetime
    cases: Callable[[], Sequence[str]]
    """Ids of the hidden cases; drawn only where they are asked for."""

    def propose(self, kind: str, wanted: Sequence[DecisionRequest], by: str) -> list[Event]:
        """The events to record.

        Raises:
            UserError: with all that is wrong.
        """
        if kind not in KINDS:
            raise UserError(f'KIND "{kind}": {nearest(kind, KINDS)}')
        problems: list[str] = []
        made: dict[tuple[str, str, str], Event] = {}
        stand_already = 0
        for one in wanted:
            try:
                event = self._event(kind, one, by)
                if self._stands_already(event):
                    stand_already += 1
                    continue
                several = kind in ("void_test", "void_case", "retract", "dispute")
                decision = decision_of(event)
                criterion = decision.criterion if isinstance(decision, AgreedMark) else ""
                key = (event.group, event.member, event.value if several else criterion)
                if key in made:
                    raise ValueError(f"{one.about or one.value} is decided twice; keep one")
                made[key] = event
            except (ValueError, UserError) as error:
                problems.append(f"{one.where}: {error}" if one.where else str(error))
        if problems:
            raise UserError("\n".join(problems))
        if not made:
            why = "all of it stands already" if stand_already else "no row holds a value"
            raise UserError(f"there is nothing to decide: {why}")
        return list(made.values())

    def _event(self, kind: str, wanted: DecisionRequest, by: str) -> Event:
        if wanted.problem:
            raise ValueError(wanted.problem)
        if not wanted.reason.strip():
            raise ValueError('a decision needs its reason: --reason "..."')
        text = wanted.value.strip()
        at = self.now.isoformat(timespec="milliseconds")
        reason, reference = (" ".join(written.split()) for written in (wanted.reason, wanted.reference))
        if kind == "retract":
            ended = self._retracted(text)
            group, member, value = ended.group, ended.member, self._number(ended)
        else:
            of, member = self._about(kind, wanted)
            group, value = of.name if of else "", self._value(kind, text, of)
        return Event(at, by, self.assignment.id, kind, value, reason, group, member, reference=reference)

    def _value(self, kind: str, text: str, group: Group | None) -> str:
        """What is recorded of what a person wrote.

        Raises:
            ValueError: why it cannot be.
        """
        match kind:
            case "extension":
                return values.extension(text, self.course, self.assignment.id)
            case "late_commit":
                assert group is not None  # it is about nobody else
                return self._late_commit(text, group)
            case "agreed_mark":
                return values.agreed_mark(text, self.assignment)
            case "override":
                return values.percent(text)
            case "peer_factor":
                return values.factor(text)
            case "moderation":
                return values.moderation(text)
            case "cap":
                return values.cap(text)
            case "void_test":
                return values.void_test(text, self.assignment)
            case "void_case":
                return values.void_case(text, self.cases())
            case "dispute":
                return values.dispute(text)
            case _:
                return values.code(text)

    def _stands_already(self, event: Event) -> bool:
        """Whether the same person gave just this mark before.

        Raises:
            ValueError: they gave another one. Where a course names its staff, two marks are of two people.
        """
        mark = decision_of(event)
        if not isinstance(mark, AgreedMark | AgreedWhole) or not self.course.staff:
            return False
        given = [
            made
            for made in in_force(self.events)
            if isinstance(made, AgreedMark | AgreedWhole) and self._part(made) == self._part(mark)
        ]
        own = next((made for made in given if made.event.who == event.who), None)
        if own is None:
            return False
        if own is given[-1] and _amount(own) == _amount(mark):
            return True
        raise ValueError(
            f"{event.who} gave {own.event.value} already (number {own.number}), and a second mark is another "
            f"person's: say --by, or retract the first: medmark decide {self.assignment.id} retract {own.number}"
        )

    def _part(self, mark: AgreedMark | AgreedWhole) -> tuple[str, str]:
        """The part of whose work a mark is of. Who works alone is their group."""
        alone = {group.name: group.members[0].id for group in self.course.groups if len(group.members) == 1}
        about = mark.event.member or alone.get(mark.event.group) or mark.event.group
        return about, mark.criterion if isinstance(mark, AgreedMark) else ""

    def _about(self, kind: str, wanted: DecisionRequest) -> tuple[Group | None, str]:
        allowed = ABOUT[kind]
        if not wanted.about:
            if "all" not in allowed:
                raise ValueError(f"{kind} is about {' or '.join(f'a {w}' for w in allowed)}: say --for WHO")
            return None, ""
        group, member = group_and_member(self.course, wanted.about)
        if not member and "group" not in allowed and "person" in allowed and len(group.members) == 1:
            member = group.members[0].id
        if ("person" if member else "group") not in allowed:
            raise ValueError(f"{kind} is about {' or '.join(allowed)}, not a {'person' if member else 'group'}")
        return group, member

    def _retracted(self, value: str) -> Event:
        number = value.removeprefix("#")
        found = next((e for e in self.events if str(e.number) == number and e.kind in (*KINDS, RETURNED)), None)
        if found is None:
            raise ValueError(f'there is no decision number "{value}"; medmark decide {self.assignment.id} lists them')
        return found

    def _number(self, ended: Event) -> str:
        if ended.number in retracted(self.events):
            raise ValueError(f"event {ended.number} is retracted already")
        return str(ended.number)

    def _late_commit(self, text: str, group: Group) -> str:
        record = Record.of(self.course.groups, self.ledger.observations(self.assignment.id))
        looks = record.looks.get(group.name, ())
        seen = sorted({look.commit for look in looks if look.commit})
        fits = [commit for commit in seen if commit.startswith(text.lower())]
        if len(text) < 7 or len(fits) != 1:
            listed = ", ".join(commit[:10] for commit in seen) or "none"
            raise ValueError(f'"{text}" is not the commit of one tip that was seen of {group.name}; seen: {listed}')
        without = [event for event in self.events if event.kind != "late_commit"]
        decisions = Decisions.of(self.assignment.id, without)
        # Who could not push, or was not looked at, is not late.
        waits = counting(self.course, looks, decisions, group, self.now).state == "waits for a person"
        return late_commit_value(fits[0], on_time=waits)


def _amount(mark: AgreedMark | AgreedWhole) -> Decimal:
    return mark.points if isinstance(mark, AgreedMark) else mark.percent


def propose(
    course: Course,
    results: Results,
    kind: str,
    wanted: DecisionRequest,
    *,
    by: str,
    file: Path | None = None,
    method: str | None = None,
    with_self: bool | None = None,
) -> Proposal:
    """The events of a decision, checked and not recorded yet: of the one `wanted`, or of every row of `file`.

    Raises:
        UserError: anything about it that cannot be, with what to do.
    """
    asked = results.assignment
    if file is not None and (wanted.value or wanted.about):
        raise UserError("--from FILE holds what is decided and for whom: leave VALUE and --for out")
    if method is not None and file is None:
        raise UserError(f"--method {method} makes factors of a file of ratings: name it with --from FILE")
    if with_self is not None and method is None:
        raise UserError("--with-self and --without-self go with --method and a file of ratings")
    notes: list[str] = []
    if file is None:
        rows = [wanted]
    else:
        rows, notes = from_file(file, kind, asked, course, wanted.reason, method, with_self)
    rows = [replace(row, reference=row.reference or wanted.reference) for row in rows]
    with Ledger.open_to_read(course.ledger) as ledger:
        checks = DecisionChecks(
            course, asked, ledger, results.events, clock(), lambda: case_ids(asked, read_secret(course))
        )
        events = checks.propose(kind, rows, by)
    after = Decisions.of(asked.id, [*results.events, *events])
    return Proposal(tuple(events), (*notes, *_due_times(course, after, events)))


def _due_times(course: Course, decisions: Decisions, proposed: Sequence[Event]) -> Iterator[str]:
    """What each extension makes of a due time, in the course's own time."""
    for event in proposed:
        if event.kind != "extension":
            continue
        if event.group:
            due = due_of_person(course, decisions, course.group(event.group), event.member)
        else:
            due = due_for_all(course, decisions)
        yield f"{event.member or event.group or 'all'}: due {due.astimezone(course.zone):%d %b %Y, %H:%M %Z}"
