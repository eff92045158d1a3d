"""Which decisions hold, and what they come to for a group or a person. Nobody's mark is made here.

A retracted event is as if it had never been; retracting the retraction brings it back. Of several decisions of one kind
about the same, the last one holds.

A decision about a person follows them: the group that they were in at the time does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from assignments.assignment import Assignment, Person
from graders.record.decisions import (
    AgreedMark,
    AgreedWhole,
    Cap,
    Code,
    Decided,
    Decision,
    Extension,
    LateCommit,
    Retract,
    Unreadable,
    VoidCase,
    VoidTest,
    decision_of,
)
from graders.record.ledger import Event
from graders.record.snapshots import SNAPSHOTS

D = TypeVar("D", bound=Decided)


def in_force(events: Iterable[Event]) -> list[Decision]:
    """The decisions that hold, in the order of the ledger: without those retracted, and without the retractions."""
    known = [decision_of(event) for event in events if event.kind not in SNAPSHOTS]
    gone = _retracted(known)
    return [made for made in known if not isinstance(made, Retract) and made.event.number not in gone]


def retracted(events: Iterable[Event]) -> set[int]:
    """The numbers of the events that hold no longer; a retraction can be retracted too."""
    return _retracted([decision_of(event) for event in events if event.kind == "retract"])


def _retracted(decisions: Sequence[Decision]) -> set[int]:
    gone: set[int] = set()
    for made in reversed(decisions):
        if isinstance(made, Retract) and made.event.number not in gone:
            gone.add(made.of)
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
    all: Sequence[Decision]

    @classmethod
    def of(cls, assignment: str, events: Iterable[Event]) -> Decisions:
        """Those of `events` that concern the assignment and are in force."""
        return cls(assignment, [made for made in in_force(events) if made.event.assignment == assignment])

    def about(self, kind: type[D], group: str = "", member: str = "") -> list[D]:
        """Decisions of a kind about exactly this: all, a group, or one member of it."""
        return [made for made in self.all if isinstance(made, kind) and is_about(made.event, group, member)]

    def concerning(self, kind: type[D], group: str, member: str) -> list[D]:
        """Decisions of a kind about a person or about their group."""
        of_kind = (made for made in self.all if isinstance(made, kind))
        return [made for made in of_kind if is_about(made.event, group) or is_about(made.event, group, member)]

    def last(self, kind: type[D], group: str, member: str) -> D | None:
        """The decision of a kind that holds for a person: the last about them or about their group."""
        return next(reversed(self.concerning(kind, group, member)), None)

    def code(self, group: str, member: str) -> Code | None:
        """The decision that a person has no mark, if there is one."""
        return self.last(Code, group, member)

    def cap(self, group: str, member: str, pass_mark: int) -> tuple[Fraction, Cap] | None:
        """The lowest cap on a person's mark in per cent: of the last about all, about their group, and about them."""
        held = [made for where in ((), (group,), (group, member)) for made in self.about(Cap, *where)[-1:]]
        caps = [(Fraction(pass_mark if made.percent is None else made.percent), made) for made in held]
        return min(caps, key=lambda pair: pair[0], default=None)

    def points(self, group: str, member: str = "") -> dict[str, AgreedMark]:
        """Points of criteria that a person marks, given to exactly this group or member; by criterion."""
        return {made.criterion: made for made in self.about(AgreedMark, group, member)}

    def whole_mark(self, group: str, member: str) -> AgreedWhole | None:
        """The mark in per cent that was agreed as a whole, if there is one."""
        return self.last(AgreedWhole, group, member)

    def unreadable(self, group: str, member: str) -> list[Unreadable]:
        """What was decided about a person, their group or all and cannot be read, so that no mark follows from it.

        An extension or a commit that cannot be read keeps the group waiting (`graders.intake.counting`).
        """
        found = [*self.about(Unreadable), *self.concerning(Unreadable, group, member)]
        return [made for made in found if made.event.kind not in ("extension", "late_commit", "retract")]

    @property
    def of_due_times(self) -> list[Extension | LateCommit | Unreadable]:
        """What has a say in when work is due and which commit counts."""
        return [
            made
            for made in self.all
            if isinstance(made, Extension | LateCommit)
            or (isinstance(made, Unreadable) and made.event.kind in ("extension", "late_commit"))
        ]

    @property
    def void_tests(self) -> dict[str, str]:
        """Who declared which hidden test void, and why."""
        return {made.test: made.said for made in self.about(VoidTest)}

    @property
    def void_cases(self) -> tuple[str, ...]:
        """The hidden cases that are left out."""
        return tuple(sorted({made.case for made in self.about(VoidCase)}))


def parts_of(assignment: Assignment) -> dict[str, int]:
    """The criteria that a person marks, with their points."""
    return {criterion.id: criterion.points for criterion in assignment.criteria if isinstance(criterion, Person)}


def within_parts(given: Mapping[str, AgreedMark], assignment: Assignment) -> dict[str, AgreedMark]:
    """The points whose criterion is still there and still holds so many; `graders.marks.unmatched` lists the others."""
    parts = parts_of(assignment)
    return {id: made for id, made in given.items() if Decimal(0) <= made.points <= parts.get(id, -1)}
