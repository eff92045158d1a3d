"""What moves from one look at the marks to another, and what each event of the record moved. It changes no mark."""

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


class NotApplied(UserError):
    """Marks moved since they were last applied, or decisions wait: nothing is decided, returned or reported on top."""

    def __init__(self, assignment: str, differences: Differences, waiting: int = 0) -> None:
        text = (
            f"{assignment}: marks moved since they were last applied ({len(differences.moves)}). "
            f"Apply that first, or put back what changed: medmark grade {assignment}"
        )
        if waiting:
            text = (
                f"{assignment}: these marks rest on decisions that are proposed and not recorded ({waiting}). "
                f"Apply them first, or begin with what is recorded: medmark show {assignment}"
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
        strict: Whether everything counts as a move: another commit and a first mark too. So it is for what a decision
            does.
        returned: Members for whom everything counts in any case: they were told their mark.
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
    """What moves against the marks that were last applied."""
    last = next((event for event in reversed(results.events) if event.kind in SNAPSHOTS), None)
    if last is None:
        return Differences((), tuple(person.member for person in results.people), "")
    now = snapshot_of(results)
    return compare(marks_in_force(results.events), now, since=last.at, returned=last_returned(results.events))


@dataclass(frozen=True)
class Entry:
    """One event of the record, and what it did to the marks that stood before it."""

    event: Event
    held: bool
    """False for what was retracted."""
    differences: Differences | None = None
    """Of a snapshot: what it moved; None for a decision."""
    people: int = 0
    """Of a snapshot: how many people are in it."""


def record_of(events: Sequence[Event]) -> list[Entry]:
    """Every event in its order: decisions, marks applied, returns, corrections."""
    gone = retracted(events)
    stands: dict[str, RecordedMark] = {}
    returned: set[str] = set()
    entries = []
    marks = {id(snapshot.event): snapshot.marks for snapshot in snapshots(events)}
    for event in events:
        held, now = event.number not in gone, marks.get(id(event))
        if now is None:
            entries.append(Entry(event, held))
            continue
        entries.append(Entry(event, held, compare(stands, now, returned=returned), len(now)))
        stands |= now
        if event.kind == RETURNED and held:
            returned |= set(now)
    return entries
