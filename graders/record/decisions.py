"""What persons decided, as the events that are in force; a pure reading of them. Nobody's mark is made here.

    extension        a later due time: minutes, 7d, 5wd (working days), or a date and time  all, a group, a person
    late_commit      a later commit that is marked, with what the late policy makes of it   a group
    agreed_mark      criterion=points of a part that a person marks; or the whole, in %     a group, a person
    override         the mark in per cent, whatever else was found                          a group, a person
    peer_factor      1.13: the person's share of their group's mark                         a person
    moderation       add 2, multiply 1.05, or map 0:0 40:45 100:100, in %                   all
    cap              what the mark may not exceed, in % or as pass_mark; after lateness     all, a group, a person
    void_test        a hidden test whose points are given to everyone                       all
    void_case        a hidden case that is left out of every score                          all
    dispute          what a group or a person says against a mark; moves nothing            a group, a person
    deferred, absent, excused, held     there is no mark, and this word stands in its place a group, a person
    retract          the number of an event that holds no longer; of a return too           as that event

A retracted event is as if it had never been; retracting the retraction brings it back. Of several events of one kind
about the same, the last one holds.

A decision about a person follows them: the group that they were in at the time does not matter.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from assignments.assignment import Assignment, Person
from graders.record.ledger import Event

CODES: Final = ("deferred", "absent", "excused", "held")
"""Decisions that there is no mark: of these, too, the last about a person or their group holds."""
ABOUT: Final = {
    "extension": ("all", "group", "person"),
    "late_commit": ("group",),
    "agreed_mark": ("group", "person"),
    "override": ("group", "person"),
    "peer_factor": ("person",),
    "moderation": ("all",),
    "cap": ("all", "group", "person"),
    "void_test": ("all",),
    "void_case": ("all",),
    "dispute": ("group", "person"),
    **dict.fromkeys(CODES, ("group", "person")),
    "retract": (),
}
"""Whom an event of each kind may be about."""
KINDS: Final = tuple(ABOUT)
PASS_MARK: Final = "pass_mark"
"""As the value of a cap: each person's own pass mark."""


def in_force(events: Iterable[Event]) -> list[Event]:
    """The decisions that hold, in the order of the ledger: without those retracted, and without the retractions."""
    known = list(events)
    gone = retracted(known)
    return [e for e in known if e.kind in KINDS and e.kind != "retract" and e.number not in gone]


def retracted(events: Iterable[Event]) -> set[int]:
    """The numbers of the events that hold no longer; a retraction can be retracted too."""
    gone: set[int] = set()
    for event in reversed(list(events)):
        if event.kind == "retract" and event.number not in gone and event.value.isdecimal():
            gone.add(int(event.value))
    return gone


def is_about(event: Event, group: str, member: str = "") -> bool:
    """Whether an event is about exactly this group; or about this person, who is in it now.

    Who worked alone in a group of their own name and then joined another is meant by what was decided about that group.
    """
    if not member:
        return event.group == group and not event.member
    return event.member == member or (event.group == member != group and not event.member)


@dataclass(frozen=True)
class Decisions:
    """The decisions in force about one assignment."""

    assignment: str
    events: Sequence[Event]

    @classmethod
    def of(cls, assignment: str, events: Iterable[Event]) -> Decisions:
        """Those of `events` that concern the assignment and are in force."""
        return cls(assignment, [e for e in in_force(events) if e.assignment == assignment])

    def about(self, kind: str, group: str = "", member: str = "") -> list[Event]:
        """Events of a kind about exactly this: all, a group, or one member of it."""
        return [event for event in self.events if event.kind == kind and is_about(event, group, member)]

    def last(self, kind: str, group: str, member: str) -> Event | None:
        """The event of a kind that holds for a person: the last about them or about their group."""
        return next(reversed(self._concerning((kind,), group, member)), None)

    def code(self, group: str, member: str) -> Event | None:
        """The decision that a person has no mark, if there is one."""
        return next(reversed(self._concerning(CODES, group, member)), None)

    def cap(self, group: str, member: str, pass_mark: int) -> tuple[Fraction, Event] | None:
        """The lowest cap on a person's mark in per cent: of the last about all, about their group, and about them."""
        held = [event for where in ((), (group,), (group, member)) for event in self.about("cap", *where)[-1:]]
        caps = [(Fraction(pass_mark if event.value == PASS_MARK else event.value), event) for event in held]
        return min(caps, key=lambda pair: pair[0], default=None)

    def points(self, group: str, member: str = "") -> dict[str, tuple[Decimal, Event]]:
        """Points of criteria that a person marks, given to exactly this group or member."""
        given = {}
        for event in self.about("agreed_mark", group, member):
            criterion, is_one, value = event.value.partition("=")
            if is_one:
                given[criterion] = (Decimal(value), event)
        return given

    def whole_mark(self, group: str, member: str) -> tuple[Decimal, Event] | None:
        """The mark in per cent that was agreed as a whole, if there is one."""
        whole = [event for event in self._concerning(("agreed_mark",), group, member) if "=" not in event.value]
        return (Decimal(whole[-1].value), whole[-1]) if whole else None

    def _concerning(self, kinds: Container[str], group: str, member: str) -> list[Event]:
        """Events of these kinds about a person or about their group."""
        of_kind = (event for event in self.events if event.kind in kinds)
        return [event for event in of_kind if is_about(event, group) or is_about(event, group, member)]

    @property
    def void_tests(self) -> dict[str, str]:
        """Who declared which hidden test void, and why."""
        return {event.value: said(event) for event in self.about("void_test")}

    @property
    def void_cases(self) -> tuple[str, ...]:
        """The hidden cases that are left out."""
        return tuple(sorted({event.value for event in self.about("void_case")}))


def parts_of(assignment: Assignment) -> dict[str, int]:
    """The criteria that a person marks, with their points."""
    return {criterion.id: criterion.points for criterion in assignment.criteria if isinstance(criterion, Person)}


def within_parts(
    given: Mapping[str, tuple[Decimal, Event]], assignment: Assignment
) -> dict[str, tuple[Decimal, Event]]:
    """The points whose criterion is still there and still holds so many; `graders.marks.nobodys` lists the others."""
    parts = parts_of(assignment)
    return {id: (points, event) for id, (points, event) in given.items() if 0 <= points <= parts.get(id, -1)}


def said(event: Event) -> str:
    """Who decided what and why, for the trace."""
    number = f"event {event.number}" if event.number else "proposed"
    return f"{number}, {event.kind} by {event.who} on {event.at[:10]}: {event.reason}"


def decimal_of(text: str) -> Decimal | None:
    """A plain number as a person writes it, or None: no exponent, no infinity."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and not set(text) & set("eE_") else None
