"""Reads from the record's snapshots which marks are in force, and which marks were returned and corrected.

A return concerns the people in its snapshot and may be retracted; other snapshots stay in force. A person's first mark
is not a correction, even if others have theirs already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain

from graders.marks.mark import BY_DECISION, Status
from graders.marks.personal import ReturnedMark
from graders.record.in_force import retracted
from graders.record.ledger import Event
from graders.record.snapshots import CORRECTION, RETURNED, RecordedMark, Snapshot, snapshots


def marks_in_force(events: Iterable[Event]) -> dict[str, RecordedMark]:
    """By member: the mark in force."""
    return {member: mark for member, (_, mark) in marks_with_snapshots(events).items()}


def marks_with_snapshots(events: Iterable[Event]) -> dict[str, tuple[Event, RecordedMark]]:
    """By member: the mark in force, and the snapshot that last held it."""
    marks: dict[str, tuple[Event, RecordedMark]] = {}
    for snapshot in snapshots(events):
        marks |= {member: (snapshot.event, mark) for member, mark in snapshot.marks.items()}
    return marks


def last_returned(events: Sequence[Event]) -> dict[str, RecordedMark]:
    """By member: the mark as it was last returned or corrected. Nothing was returned to anyone else."""
    return {member: page.mark for member, page in _of_people(_returns(events)).items()}


def returned_marks(events: Sequence[Event]) -> dict[str, ReturnedMark]:
    """By member: the last whole mark that was returned to them."""
    last = {member: page.last_whole(member) for member, page in _of_people(_returns(events)).items()}
    return {
        member: ReturnedMark(
            was.percent, was.group, was.commit, Fraction(was.before_penalties) if was.before_penalties else None
        )
        for member, was in last.items()
        if was is not None and was.percent is not None
    }


@dataclass(frozen=True)
class ReturnedPage:
    """The versions of one page that was returned."""

    mark: RecordedMark
    """The mark that its reader last saw."""
    snapshots: tuple[Snapshot, ...]
    """The return and the corrections, one a version."""
    again: bool = False
    """Whether an earlier return of it was retracted."""
    of_one: bool = False
    """Whether the last correction of a group's page concerned some members, whose reason the others may not read."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the snapshots."""
        return tuple(snapshot.event for snapshot in self.snapshots)

    @property
    def version(self) -> int:
        """1, and one more with every correction of this page."""
        return len(self.snapshots)

    def last_whole(self, member: str) -> RecordedMark | None:
        """The last whole mark that was returned to a person; if their mark is held now, the mark before."""
        earlier = (snapshot.marks[member] for snapshot in reversed(self.snapshots))
        return next((mark for mark in chain([self.mark], earlier) if mark.status == Status.MARKED), None)

    @property
    def name(self) -> str:
        """The version's name in its file name: no two versions that were ever returned share one."""
        return f"v{self.version}" + (f"-return-{self.events[0].number}" if self.again else "")

    @property
    def correction(self) -> str:
        """When and why it was last corrected; empty for the first version."""
        last = self.events[-1]
        reason = "" if self.of_one else f": {last.reason}"
        return f"Corrected on {last.at[:10]}{reason}" if self.version > 1 else ""


@dataclass(frozen=True)
class Versions:
    """The pages that were returned."""

    people: Mapping[str, ReturnedPage] = field(default_factory=dict)
    """By member: the page of their own mark."""
    groups: Mapping[str, ReturnedPage] = field(default_factory=dict)
    """By group: the page that all its members read. A correction of one member alone is not a version of it."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> Versions:
        """The pages that follow from the record."""
        returns = _returns(events)
        people = _of_people(returns)
        return cls(people, _of_groups(returns, people))

    @property
    def version(self) -> int:
        """The mark sheet's version: 1, and one more with every correction of anyone."""
        return 1 + len({event.number for page in self.people.values() for event in page.events[1:]})


@dataclass(frozen=True)
class _Return:
    """A return or a correction."""

    snapshot: Snapshot
    gone: bool
    """Whether it is a return that was retracted."""


def _returns(events: Sequence[Event]) -> list[_Return]:
    gone = retracted(events)
    return [
        _Return(snapshot, snapshot.event.kind == RETURNED and snapshot.event.number in gone)
        for snapshot in snapshots(events)
        if snapshot.event.kind in (RETURNED, CORRECTION)
    ]


def _of_people(returns: Sequence[_Return]) -> dict[str, ReturnedPage]:
    pages: dict[str, ReturnedPage] = {}
    retracted_before: set[str] = set()
    for each in returns:
        for member, now in each.snapshot.marks.items():
            page = pages.get(member)
            if each.gone:
                retracted_before.add(member)
            elif page is None and each.snapshot.event.kind == RETURNED:
                pages[member] = ReturnedPage(now, (each.snapshot,), member in retracted_before)
            elif page is not None:
                differs = replace(page.mark, group=now.group) != now
                versions = (*page.snapshots, each.snapshot) if differs else page.snapshots
                pages[member] = replace(page, mark=now, snapshots=versions)
    return pages


def _of_groups(returns: Sequence[_Return], people: Mapping[str, ReturnedPage]) -> dict[str, ReturnedPage]:
    pages: dict[str, ReturnedPage] = {}
    started: set[str] = set()
    homes: dict[str, str] = {}
    for snapshot in (each.snapshot for each in returns):
        here = {now.group for now in snapshot.marks.values()}
        for member, now in snapshot.marks.items():
            own, page = people.get(member), pages.get(now.group)
            if own is not None and own.snapshots[0] is snapshot:
                started.add(member)
            if own is None or member not in started:
                continue
            was, homes[member] = homes.get(member, now.group), now.group
            if page is None and was not in here:  # the group has another name now
                page = pages.pop(was, None)
            if page is None:
                pages[now.group] = ReturnedPage(now, (snapshot,), own.again)
                continue
            comparable = page.mark.of_group and now.of_group
            differs = page.mark.of_group != now.of_group if comparable else _moved_all(snapshot, now.group, people)
            # A group's first page dates from the first return to a member; another member's return adds no version.
            if differs and snapshot.event.kind == CORRECTION and page.snapshots[-1] is not snapshot:
                coded = any(mark.status in BY_DECISION for mark in snapshot.marks.values() if mark.group == now.group)
                of_one = coded and not _moved_all(snapshot, now.group, people)
                page = replace(page, snapshots=(*page.snapshots, snapshot), of_one=of_one)
            pages[now.group] = replace(page, mark=now)
    return pages


def _moved_all(snapshot: Snapshot, group: str, people: Mapping[str, ReturnedPage]) -> bool:
    """Whether a correction moved everyone of a group with a returned mark, as a correction of the group's mark does.

    Older snapshots hold no more than this. The reason for moving one member alone is not for the others to read.
    """
    pages = [people[member] for member, mark in snapshot.marks.items() if mark.group == group and member in people]
    return all(any(version is snapshot for version in page.snapshots) for page in pages)
