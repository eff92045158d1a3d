"""Marks as they were applied or returned, and what would move. A snapshot is an event of the ledger; it makes no mark.

    marks        what `grade` or `decide` applied: the marks that stand
    returned     what `return` froze: what students were told
    correction   a change after that, with its reason: what students are told next

Marks themselves are functions of stages and events; a snapshot is there to be compared with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from graders.ledger import Event
from graders.mark import Mark, Status, earned, rounded
from graders.persons.personal import PersonalMark, Returned

if TYPE_CHECKING:  # results are made with what was returned
    from graders.persons.results import Results

APPLIED, RETURNED, CORRECTION = "marks", "returned", "correction"
SNAPSHOTS = (APPLIED, RETURNED, CORRECTION)


@dataclass(frozen=True)
class Told:
    """What one person's mark was."""

    group: str
    commit: str | None
    status: str
    percent: Decimal | None
    """Of the whole mark; of the part marked so far while it is incomplete, None otherwise."""
    pass_mark: int
    level: int
    before_penalties: str = field(default="", compare=False)
    """Per cent before lateness and caps, as an exact fraction; empty without a mark, and in older snapshots."""


Snapshot = Mapping[str, Told]
"""By member."""


@dataclass(frozen=True)
class Move:
    """One person's mark that changes."""

    member: str
    before: Told
    after: Told

    @property
    def change(self) -> Decimal | None:
        """Percentage points up or down; None where there is no mark on one side."""
        if self.before.percent is None or self.after.percent is None:
            return None
        return self.after.percent - self.before.percent


@dataclass(frozen=True)
class Differences:
    """What changes between a snapshot and what follows from the record now."""

    moves: tuple[Move, ...]
    new: tuple[str, ...]
    """Members whose mark is new: nothing of theirs was marked before, or another commit."""
    since: str
    """When the snapshot was taken; empty where there is none."""


def snapshot_of(results: Results) -> dict[str, Told]:
    """The marks of all persons of some results."""
    marks = {mark.group: mark for mark in results.marks}
    return {
        person.member: Told(
            person.group, marks[person.group].commit, str(person.status), _percent(person, marks[person.group]),
            person.pass_mark, person.level,
            before_penalties="" if person.before_penalties is None else str(person.before_penalties),
        )
        for person in results.people
    }  # fmt: skip


def compare(before: Snapshot, now: Snapshot, *, since: str = "", strict: bool = False) -> Differences:
    """What moves from `before` to `now`, for the members of `now`.

    Args:
        strict: Whether everything counts as a move: another commit and a first mark too. So it is once marks were
            returned, and for what a decision does.
    """
    moves, new = [], []
    for member, after in now.items():
        was = before.get(member)
        if was is not None and replace(was, group=after.group) == after:
            continue
        marked = was is not None and was.status in (Status.MARKED, Status.INCOMPLETE)
        if was is not None and (strict or (marked and was.commit == after.commit)):
            moves.append(Move(member, was, after))
        else:
            new.append(member)
    return Differences(tuple(moves), tuple(new), since)


def differences_of(results: Results) -> Differences:
    """What moves against the marks that were last applied."""
    last = last_of(results.events, SNAPSHOTS)
    if last is None:
        return Differences((), tuple(person.member for person in results.people), "")
    strict = last_of(results.events, (RETURNED,)) is not None
    return compare(read(last), snapshot_of(results), since=last.at, strict=strict)


def last_of(events: Sequence[Event], kinds: Iterable[str]) -> Event | None:
    """The last event of some kinds."""
    return next((event for event in reversed(events) if event.kind in kinds), None)


def version(events: Sequence[Event]) -> int:
    """Of the pages: 1, and one more with every correction."""
    return 1 + sum(event.kind == CORRECTION for event in events)


def returned_marks(events: Sequence[Event]) -> dict[str, Returned]:
    """By member: the whole mark that students were last told."""
    last = last_of(events, (RETURNED, CORRECTION))
    told = read(last) if last else {}
    return {
        member: Returned(mark.percent, Fraction(mark.before_penalties) if mark.before_penalties else None)
        for member, mark in told.items()
        if mark.percent is not None and mark.status == Status.MARKED
    }


def snapshot_event(results: Results, *, at: str, who: str, reason: str, kind: str | None = None) -> Event:
    """The event that makes these marks the ones that stand; members who are not in the results keep theirs."""
    last = last_of(results.events, SNAPSHOTS)
    whole = {**(read(last) if last else {}), **snapshot_of(results)}
    kind = kind or (CORRECTION if last_of(results.events, (RETURNED,)) else APPLIED)
    text = json.dumps({member: asdict(told) for member, told in whole.items()}, default=str, sort_keys=True)
    return Event(at, who, results.assignment.id, kind, text, reason)


def read(event: Event) -> dict[str, Told]:
    """The marks of a snapshot."""
    return {member: _told(told) for member, told in json.loads(event.value).items()}


def as_json(differences: Differences) -> dict[str, Any]:
    """The differences as plain data."""
    return {
        "since": differences.since or None,
        "moves": [
            {
                "member": move.member,
                "group": move.after.group,
                "from": _side(move.before),
                "to": _side(move.after),
                "change": _number(move.change),
            }
            for move in differences.moves
        ],
        "new": list(differences.new),
    }


def _side(told: Told) -> dict[str, Any]:
    return {"status": told.status, "percent": _number(told.percent), "pass_mark": told.pass_mark}


def _percent(person: PersonalMark, mark: Mark) -> Decimal | None:
    if person.status is Status.INCOMPLETE:
        return rounded(earned(mark.findings) * 100 / Fraction(mark.out_of), mark.round_to)
    return person.percent


def _told(values: dict[str, Any]) -> Told:
    percent = values["percent"]
    return Told(**{**values, "percent": None if percent is None else Decimal(percent)})


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
