"""Selects the decisions that are in force, for an assignment, a group or a person. It makes no mark.

A retracted event counts as if it had never happened; retracting the retraction restores it. Of several decisions of one
kind about the same group or person, the last one holds.

A decision about a person follows the person: the group that they were in at the time does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from assignments.assignment import Assignment, Person
from graders.record.decisions import (
    AgreedMark,
    AgreedWhole,
    CapDecision,
    Code,
    Decision,
    Extension,
    LateCommit,
    LineMark,
    RecordedDecision,
    Retract,
    UnreadableDecision,
    VoidCase,
    VoidTest,
    decision_of,
)
from graders.record.exports import EXPORTED
from graders.record.ledger import Event
from graders.record.snapshots import SNAPSHOTS

D = TypeVar("D", bound=RecordedDecision)


def in_force(events: Iterable[Event]) -> list[Decision]:
    """The decisions that hold, in the order of the ledger: without those retracted, and without the retractions."""
    decisions = [decision_of(event) for event in events if event.kind not in (*SNAPSHOTS, EXPORTED)]
    retracted_numbers = _retracted(decisions)
    left = [item for item in decisions if item.event.number not in retracted_numbers]
    return [item for item in left if not isinstance(item, Retract)]


def retracted(events: Iterable[Event]) -> set[int]:
    """The numbers of the events that no longer hold; a retraction can be retracted too."""
    return _retracted([decision_of(event) for event in events if event.kind == "retract"])


def _retracted(decisions: Sequence[Decision]) -> set[int]:
    numbers: set[int] = set()
    for decision in reversed(decisions):
        if isinstance(decision, Retract) and decision.event.number not in numbers:
            numbers.add(decision.of)
    return numbers


def is_about(event: Event, group: str, member: str = "") -> bool:
    """Whether an event is about exactly this group; or about this person, who is in it now.

    A person who worked alone in a group of their own name and then joined another keeps the decisions about the first.
    """
    if not member:
        return event.group == group and not event.member
    return event.member == member or (event.group == member != group and not event.member)


@dataclass(frozen=True)
class Decisions:
    """The decisions in force about one assignment."""

    assignment: str
    all: Sequence[Decision]
    """Without the marks of lines: there are many of them."""
    lines: Mapping[str, Sequence[LineMark]] = field(default_factory=dict)
    """By group: what its markers gave for the lines of rubrics, oldest first."""

    @classmethod
    def of(cls, assignment: str, events: Iterable[Event]) -> Decisions:
        """The decisions among `events` that are about the assignment and in force."""
        own = [item for item in in_force(events) if item.event.assignment == assignment]
        lines: dict[str, list[LineMark]] = {}
        for item in own:
            if isinstance(item, LineMark):
                lines.setdefault(item.event.group, []).append(item)
        return cls(assignment, [item for item in own if not isinstance(item, LineMark)], lines)

    def about(self, kind: type[D], group: str = "", member: str = "") -> list[D]:
        """Decisions of a kind about exactly this: all, a group, or one member of it."""
        return [item for item in self.all if isinstance(item, kind) and is_about(item.event, group, member)]

    def concerning(self, kind: type[D], group: str, member: str) -> list[D]:
        """Decisions of a kind about a person or about their group."""
        of_kind = (item for item in self.all if isinstance(item, kind))
        return [item for item in of_kind if is_about(item.event, group) or is_about(item.event, group, member)]

    def last(self, kind: type[D], group: str, member: str) -> D | None:
        """The decision of a kind that holds for a person: the last about them or about their group."""
        return next(reversed(self.concerning(kind, group, member)), None)

    def code(self, group: str, member: str) -> Code | None:
        """The decision that a person has no mark, if there is one."""
        return self.last(Code, group, member)

    def cap(self, group: str, member: str, pass_mark: int) -> tuple[Fraction, CapDecision] | None:
        """The lowest cap on a person's mark in per cent: of the last about all, about their group, and about them."""
        last = [caps[-1] for who in ((), (group,), (group, member)) if (caps := self.about(CapDecision, *who))]
        per_cent = [(Fraction(pass_mark if cap.percent is None else cap.percent), cap) for cap in last]
        return min(per_cent, key=lambda pair: pair[0], default=None)

    def points(self, group: str, member: str = "") -> dict[str, AgreedMark]:
        """By criterion that a person marks: the points for exactly this group or member."""
        return {decision.criterion: decision for decision in self.about(AgreedMark, group, member)}

    def whole_mark(self, group: str, member: str) -> AgreedWhole | None:
        """The mark in per cent that was agreed as a whole, if there is one."""
        return self.last(AgreedWhole, group, member)

    def unreadable(self, group: str, member: str) -> list[UnreadableDecision]:
        """Decisions about a person, their group or all that cannot be read, so that there can be no mark.

        An extension or a commit that cannot be read keeps the group waiting (`graders.intake.counting`).
        """
        decisions = [*self.about(UnreadableDecision), *self.concerning(UnreadableDecision, group, member)]
        return [item for item in decisions if item.event.kind not in ("extension", "late_commit", "retract")]

    @property
    def of_due_times(self) -> list[Extension | LateCommit | UnreadableDecision]:
        """The decisions on when work is due and which commit counts."""
        return [
            decision
            for decision in self.all
            if isinstance(decision, Extension | LateCommit)
            or (isinstance(decision, UnreadableDecision) and decision.event.kind in ("extension", "late_commit"))
        ]

    @property
    def void_tests(self) -> dict[str, str]:
        """By hidden test that is void: who declared it so, and why."""
        return {decision.test: decision.summary for decision in self.about(VoidTest)}

    @property
    def void_cases(self) -> tuple[str, ...]:
        """The hidden cases that are left out."""
        return tuple(sorted({decision.case for decision in self.about(VoidCase)}))


def parts_of(assignment: Assignment) -> dict[str, int]:
    """The criteria that a person marks, with their points."""
    return {criterion.id: criterion.points for criterion in assignment.criteria if isinstance(criterion, Person)}


def within_parts(points: Mapping[str, AgreedMark], assignment: Assignment) -> dict[str, AgreedMark]:
    """The points whose criterion still exists and has so many; `graders.marks.unmatched` lists the others."""
    parts = parts_of(assignment)
    return {id: decision for id, decision in points.items() if Decimal(0) <= decision.points <= parts.get(id, -1)}
