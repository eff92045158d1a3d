"""How marks differ between two states of the record, and which marks each event of the record moved."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from assignments.errors import UserError
from graders.marks.applying import snapshot_of
from graders.marks.mark import Status
from graders.marks.results import Results
from graders.marks.versions import last_returned, marks_in_force
from graders.record.in_force import retracted
from graders.record.ledger import Event
from graders.record.snapshots import RETURNED, SNAPSHOTS, RecordedMark, snapshots


@dataclass(frozen=True)
class Move:
    """One person's mark that changes."""

    member: str
    before: RecordedMark
    after: RecordedMark

    @property
    def change(self) -> Decimal | None:
        """Percentage points up or down; None where one side has no mark."""
        if self.before.percent is None or self.after.percent is None:
            return None
        return self.after.percent - self.before.percent


@dataclass(frozen=True)
class Differences:
    """How the marks that follow from the record now differ from a snapshot."""

    moves: tuple[Move, ...]
    new: tuple[str, ...]
    """Members whose mark is new: they had none before, or one of another commit."""
    since: str
    """When the snapshot was taken; empty where there is none."""


class NotApplied(UserError):
    """Marks moved since they were last applied, or decisions wait: nothing new is decided, returned or reported."""

    def __init__(self, assignment: str, differences: Differences, waiting: int = 0) -> None:
        text = (
            f"{assignment}: marks moved since they were last applied ({len(differences.moves)}). "
            f"Apply this first, or undo the cause: medmark grade {assignment}"
        )
        if waiting:
            text = (
                f"{assignment}: these marks rest on decisions that are only proposed ({waiting}). "
                f"Apply the decisions first, or start from the recorded marks: medmark show {assignment}"
            )
        super().__init__(text)
        self.assignment = assignment
        self.differences = differences


def compare(
    before: Mapping[str, RecordedMark],
    now: Mapping[str, RecordedMark],
    *,
    since: str = "",
    strict: bool = False,
    returned: Container[str] = (),
) -> Differences:
    """What moves from `before` to `now`, for the members of `now`.

    Args:
        strict: Whether another commit and a first mark count as moves too, as for the effect of a decision.
        returned: Members for whom these count in any case, since their mark was returned.
    """
    moves, new = [], []
    for member, after in now.items():
        was = before.get(member)
        if was is not None and replace(was, group=after.group) == after:
            continue
        marked = was is not None and was.status in (Status.MARKED, Status.INCOMPLETE)
        if was is not None and (strict or member in returned or (marked and was.commit == after.commit)):
            moves.append(Move(member, was, after))
        else:
            new.append(member)
    return Differences(tuple(moves), tuple(new), since)


def differences_of(results: Results) -> Differences:
    """How the marks of these results differ from those in force."""
    last = next((event for event in reversed(results.events) if event.kind in SNAPSHOTS), None)
    if last is None:
        return Differences((), tuple(person.member for person in results.people), "")
    now = snapshot_of(results)
    return compare(marks_in_force(results.events), now, since=last.at, returned=last_returned(results.events))


@dataclass(frozen=True)
class RecordEntry:
    """One event of the record, and what it did to the marks in force before it."""

    event: Event
    in_force: bool
    """False if it was retracted."""
    differences: Differences | None = None
    """For a snapshot: which marks it moved; None for a decision."""
    people: int = 0
    """For a snapshot: how many people are in it."""


def record_entries(events: Sequence[Event]) -> list[RecordEntry]:
    """Every event in its order: decisions, marks applied, returns, corrections."""
    gone = retracted(events)
    in_force: dict[str, RecordedMark] = {}
    returned: set[str] = set()
    entries = []
    marks = {id(snapshot.event): snapshot.marks for snapshot in snapshots(events)}
    for event in events:
        holds, now = event.number not in gone, marks.get(id(event))
        if now is None:
            entries.append(RecordEntry(event, holds))
            continue
        entries.append(RecordEntry(event, holds, compare(in_force, now, returned=returned), len(now)))
        in_force |= now
        if event.kind == RETURNED and holds:
            returned |= set(now)
    return entries
