"""Checks decisions that a person requests, and makes the events to record of them. All problems are reported at once.

Nothing is recorded here. `graders.marks.requests` reads a file of decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Final

from assignments.assignment import Assignment
from assignments.errors import UserError, nearest
from graders.course.course import Course, Group
from graders.course.secret import read_secret
from graders.intake.collect import clock
from graders.intake.counting import counting, due_for_all, due_of_person
from graders.intake.owners import Record
from graders.marks import values
from graders.marks.named_people import group_and_member
from graders.marks.requests import DecisionRequest, from_file
from graders.marks.results import Results
from graders.record.decisions import (
    ABOUT,
    DECISION_KINDS,
    AgreedMark,
    AgreedWhole,
    LineMark,
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
    """Decisions that can be recorded, and notes for the person who confirms them."""

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()

    def reason(self, moved: Iterable[str] = (), of_all: str = "") -> str:
        """The reason for everyone whose mark moves.

        With several reasons, each is private to its own person. So is one person's reason where others are `moved` too,
        whose group's due time may follow from it. `of_all` is the one reason for all decisions of a file.
        """
        if any(event.kind == "line_mark" for event in self.events):
            return of_all  # a marker's comment is about the work, and says nothing of why marks move
        reasons = {event.reason for event in self.events}
        about = {event.member for event in self.events if event.member}
        if about and set(moved) - about:
            return STAFF_DECIDED
        return reasons.pop() if len(reasons) == 1 else of_all or STAFF_DECIDED


@dataclass(frozen=True)
class DecisionChecks:
    """Checks requested decisions against a course, an assignment and its record."""

    course: Course
    assignment: Assignment
    ledger: Ledger
    events: Sequence[Event]
    now: datetime
    cases: Callable[[], Sequence[str]]
    """Ids of the hidden cases; drawn only when they are needed."""

    def propose(self, kind: str, requests: Sequence[DecisionRequest], by: str) -> list[Event]:
        """The events to record.

        Raises:
            UserError: with every problem.
        """
        if kind not in DECISION_KINDS:
            raise UserError(f'KIND "{kind}": {nearest(kind, DECISION_KINDS)}')
        problems: list[str] = []
        events: dict[tuple[str, str, str], Event] = {}
        recorded_before = 0
        for request in requests:
            try:
                event = self._event(kind, request, by)
                if self._is_recorded(event):
                    recorded_before += 1
                    continue
                several = kind in ("void_test", "void_case", "retract", "dispute")
                key = (event.group, event.member, event.value if several else self._subject(event))
                if key in events:
                    raise ValueError(f"{request.about or request.value} is decided twice; keep one of the two")
                events[key] = event
            except (ValueError, UserError) as error:
                problems.append(f"{request.where}: {error}" if request.where else str(error))
        if problems:
            raise UserError("\n".join(problems))
        if not events:
            why = "all of it is on record already" if recorded_before else "no row holds a value"
            raise UserError(f"there is nothing to decide: {why}")
        return list(events.values())

    def _event(self, kind: str, request: DecisionRequest, by: str) -> Event:
        if request.problem:
            raise ValueError(request.problem)
        text = request.value.strip()
        at = self.now.isoformat(timespec="milliseconds")
        reason, reference = (" ".join(words.split()) for words in (request.reason, request.reference))
        if kind == "line_mark":
            reason = request.reason.strip()  # a comment in Markdown, in which line ends count
        elif not reason:
            raise ValueError('a decision needs a reason: --reason "..."')
        if kind == "retract":
            ended = self._retracted(text)
            group, member, value = ended.group, ended.member, self._number(ended)
        else:
            about_group, member = self._about(kind, request)
            group = about_group.name if about_group else ""
            value = self._value(kind, text, about_group)
        return Event(at, request.by or by, self.assignment.id, kind, value, reason, group, member, reference=reference)

    def _value(self, kind: str, text: str, group: Group | None) -> str:
        """The value to record for the one that a person wrote.

        Raises:
            ValueError: the value is not one of the kind.
        """
        match kind:
            case "extension":
                return values.extension(text, self.course, self.assignment.id)
            case "late_commit":
                assert group is not None  # the kind is about groups alone
                return self._late_commit(text, group)
            case "agreed_mark":
                return values.agreed_mark(text, self.assignment)
            case "line_mark":
                return values.line_mark(text, self.assignment)
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

    def _is_recorded(self, event: Event) -> bool:
        """Whether the same person already gave exactly this mark.

        Raises:
            ValueError: they gave another mark. Where a course names its staff, two marks come from two people.
        """
        mark = decision_of(event)
        if isinstance(mark, LineMark):
            return self._is_recorded_line(mark)
        if not isinstance(mark, AgreedMark | AgreedWhole) or not self.course.staff:
            return False
        earlier = [
            decision
            for decision in in_force(self.events)
            if isinstance(decision, AgreedMark | AgreedWhole) and self._part(decision) == self._part(mark)
        ]
        own = next((decision for decision in earlier if decision.event.who == event.who), None)
        if own is None:
            return False
        if own is earlier[-1] and _amount(own) == _amount(mark):
            return True
        raise ValueError(
            f"{event.who} already gave {own.event.value} (number {own.number}), and a second mark must come from "
            "another person: name them with --by, or retract the first: "
            f"medmark decide {self.assignment.id} retract {own.number}"
        )

    def _is_recorded_line(self, mark: LineMark) -> bool:
        """Whether the last mark of this line and role is the same.

        Raises:
            ValueError: the second marker is the first one, or an agreed mark or a comment has no text.
        """
        marks = [
            each
            for each in self._line_marks.get(mark.event.group, ())
            if (each.criterion, each.line) == (mark.criterion, mark.line)
        ]
        last = next((each for each in reversed(marks) if each.role == mark.role), None)
        if last is not None and (last.points, last.comment, last.event.who) == (
            mark.points, mark.comment, mark.event.who,
        ):  # fmt: skip
            return True
        if not mark.comment and (mark.role == "agreed" or not mark.line):
            what = "an agreed mark needs a reason" if mark.line else "a comment on the whole part needs a text"
            raise ValueError(f"{what}, which the group reads: --reason, or the line's comment in a form")
        others = {"first": "second", "second": "first"}
        other = [each for each in marks if each.role == others.get(mark.role) and each.event.who == mark.event.who]
        if other:
            raise ValueError(
                f"{mark.event.who} gave the {other[-1].role} mark (number {other[-1].number}), and a second mark must "
                "come from another person: name them with --by"
            )
        return False

    @cached_property
    def _line_marks(self) -> Mapping[str, Sequence[LineMark]]:
        return Decisions.of(self.assignment.id, self.events).lines

    def _subject(self, event: Event) -> str:
        """What of the same group and person a decision of the kind can be about."""
        decision = decision_of(event)
        if isinstance(decision, LineMark):
            return f"{decision.role} {decision.criterion}/{decision.line}"
        return decision.criterion if isinstance(decision, AgreedMark) else ""

    def _part(self, mark: AgreedMark | AgreedWhole) -> tuple[str, str]:
        """Whose work a mark is for, and which criterion. Someone who works alone is their group."""
        alone = {group.name: group.members[0].id for group in self.course.groups if len(group.members) == 1}
        about = mark.event.member or alone.get(mark.event.group) or mark.event.group
        return about, mark.criterion if isinstance(mark, AgreedMark) else ""

    def _about(self, kind: str, request: DecisionRequest) -> tuple[Group | None, str]:
        allowed = ABOUT[kind]
        if not request.about:
            if "all" not in allowed:
                raise ValueError(f"{kind} is about {' or '.join(f'a {w}' for w in allowed)}: say --for WHO")
            return None, ""
        group, member = group_and_member(self.course, request.about)
        if not member and "group" not in allowed and "person" in allowed and len(group.members) == 1:
            member = group.members[0].id
        if ("person" if member else "group") not in allowed:
            raise ValueError(f"{kind} is about {' or '.join(allowed)}, not a {'person' if member else 'group'}")
        return group, member

    def _retracted(self, value: str) -> Event:
        number = value.removeprefix("#")
        kinds = (*DECISION_KINDS, RETURNED)
        event = next((e for e in self.events if str(e.number) == number and e.kind in kinds), None)
        if event is None:
            raise ValueError(f'there is no decision number "{value}"; medmark decide {self.assignment.id} lists them')
        return event

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
            raise ValueError(f'"{text}" is not one commit that was seen of group {group.name}; seen: {listed}')
        without = [event for event in self.events if event.kind != "late_commit"]
        decisions = Decisions.of(self.assignment.id, without)
        # A group that could not push, or was not looked at, is not late.
        waits = counting(self.course, looks, decisions, group, self.now).state == "waits for a person"
        return late_commit_value(fits[0], on_time=waits)


def _amount(mark: AgreedMark | AgreedWhole) -> Decimal:
    return mark.points if isinstance(mark, AgreedMark) else mark.percent


def propose(
    course: Course,
    results: Results,
    kind: str,
    request: DecisionRequest,
    *,
    by: str,
    file: Path | None = None,
    method: str | None = None,
    with_self: bool | None = None,
) -> Proposal:
    """The events of a decision, checked and not recorded yet: of the `request`, or of every row of `file`.

    Raises:
        UserError: every problem, with what to do.
    """
    assignment = results.assignment
    if file is not None and (request.value or request.about):
        raise UserError("--from FILE holds the values and whom they are for: leave out VALUE and --for")
    if method is not None and file is None:
        raise UserError(f"--method {method} makes factors from a file of ratings: name the file with --from FILE")
    if with_self is not None and method is None:
        raise UserError("--with-self and --without-self need --method and a file of ratings")
    notes: list[str] = []
    if file is None:
        requests = [request]
    else:
        requests, notes = from_file(file, kind, assignment, course, request.reason, method, with_self)
    requests = [replace(each, reference=each.reference or request.reference) for each in requests]
    return proposal_of(course, results, kind, requests, by=by, notes=notes)


def proposal_of(
    course: Course,
    results: Results,
    kind: str,
    requests: Sequence[DecisionRequest],
    *,
    by: str,
    notes: Sequence[str] = (),
) -> Proposal:
    """The events of several requests of one kind, checked and not recorded yet.

    Raises:
        UserError: every problem, with what to do.
    """
    assignment = results.assignment
    with Ledger.open_to_read(course.ledger) as ledger:
        checks = DecisionChecks(
            course, assignment, ledger, results.events, clock(), lambda: case_ids(assignment, read_secret(course))
        )
        events = checks.propose(kind, requests, by)
    after = Decisions.of(assignment.id, [*results.events, *events])
    return Proposal(tuple(events), (*notes, *_due_times(course, after, events)))


def _due_times(course: Course, decisions: Decisions, proposed: Sequence[Event]) -> Iterator[str]:
    """The due time after each extension, in the course's own time."""
    for event in proposed:
        if event.kind != "extension":
            continue
        if event.group:
            due = due_of_person(course, decisions, course.group(event.group), event.member)
        else:
            due = due_for_all(course, decisions)
        yield f"{event.member or event.group or 'all'}: due {due.astimezone(course.zone):%d %b %Y, %H:%M %Z}"
