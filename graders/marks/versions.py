"""Which marks stand, and what people were told: read from the snapshots of the record. No mark is made here.

A return holds for the people in its snapshot and may be retracted; the other snapshots stand. A person's first mark
is not a correction, whoever else has theirs already.
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
    """By member: the mark that stands."""
    return {member: told for member, (_, told) in marks_with_snapshots(events).items()}


def marks_with_snapshots(events: Iterable[Event]) -> dict[str, tuple[Event, RecordedMark]]:
    """By member: the mark that stands, and the snapshot that last held it."""
    stands: dict[str, tuple[Event, RecordedMark]] = {}
    for snapshot in snapshots(events):
        stands |= {member: (snapshot.event, mark) for member, mark in snapshot.marks.items()}
    return stands


def last_returned(events: Sequence[Event]) -> dict[str, RecordedMark]:
    """By member: what they were last told. Nobody else was told anything."""
    return {member: page.told for member, page in _of_people(_telling(events)).items()}


def returned_marks(events: Sequence[Event]) -> dict[str, ReturnedMark]:
    """By member: the last whole mark that they were told."""
    last = {member: page.last_whole(member) for member, page in _of_people(_telling(events)).items()}
    return {
        member: ReturnedMark(
            was.percent, was.group, was.commit, Fraction(was.before_penalties) if was.before_penalties else None
        )
        for member, was in last.items()
        if was is not None and was.percent is not None
    }


@dataclass(frozen=True)
class Page:
    """The versions of one page that was returned."""

    told: RecordedMark
    """What its reader was last told."""
    snapshots: tuple[Snapshot, ...]
    """What made each version: a return, then corrections."""
    again: bool = False
    """Whether an earlier return of it was retracted."""
    of_one: bool = False
    """Whether a group's page was corrected last for some of its members, whose reason the others do not read."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of these."""
        return tuple(snapshot.event for snapshot in self.snapshots)

    @property
    def version(self) -> int:
        """1, and one more with every correction of just this page."""
        return len(self.snapshots)

    def last_whole(self, member: str) -> RecordedMark | None:
        """The last whole mark that a person was told: of someone whose mark is held now, the one before."""
        made = (snapshot.marks[member] for snapshot in reversed(self.snapshots))
        return next((told for told in chain([self.told], made) if told.status == Status.MARKED), None)

    @property
    def name(self) -> str:
        """Of the version, for its file: no two versions that ever were returned share one."""
        return f"v{self.version}" + (f"-return-{self.events[0].number}" if self.again else "")

    @property
    def correction(self) -> str:
        """When and why it was corrected last; empty for the first version."""
        last = self.events[-1]
        reason = "" if self.of_one else f": {last.reason}"
        return f"Corrected on {last.at[:10]}{reason}" if self.version > 1 else ""


@dataclass(frozen=True)
class Versions:
    """The pages that were returned."""

    people: Mapping[str, Page] = field(default_factory=dict)
    """By member: of their own mark."""
    groups: Mapping[str, Page] = field(default_factory=dict)
    """By group: of the page that all of its members read. What moves one member alone is not a version of it."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> Versions:
        """Those that follow from the record."""
        telling = _telling(events)
        people = _of_people(telling)
        return cls(people, _of_groups(telling, people))

    @property
    def version(self) -> int:
        """Of the mark sheet: 1, and one more with every correction of anybody."""
        return 1 + len({event.number for page in self.people.values() for event in page.events[1:]})


@dataclass(frozen=True)
class _Telling:
    """A return or a correction."""

    snapshot: Snapshot
    gone: bool
    """Whether it is a return that was retracted."""


def _telling(events: Sequence[Event]) -> list[_Telling]:
    gone = retracted(events)
    return [
        _Telling(snapshot, snapshot.event.kind == RETURNED and snapshot.event.number in gone)
        for snapshot in snapshots(events)
        if snapshot.event.kind in (RETURNED, CORRECTION)
    ]


def _of_people(telling: Sequence[_Telling]) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    retracted_before: set[str] = set()
    for one in telling:
        for member, now in one.snapshot.marks.items():
            page = pages.get(member)
            if one.gone:
                retracted_before.add(member)
            elif page is None and one.snapshot.event.kind == RETURNED:
                pages[member] = Page(now, (one.snapshot,), member in retracted_before)
            elif page is not None:
                differs = replace(page.told, group=now.group) != now
                made = (*page.snapshots, one.snapshot) if differs else page.snapshots
                pages[member] = replace(page, told=now, snapshots=made)
    return pages


def _of_groups(telling: Sequence[_Telling], people: Mapping[str, Page]) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    started: set[str] = set()
    homes: dict[str, str] = {}
    for snapshot in (one.snapshot for one in telling):
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
                pages[now.group] = Page(now, (snapshot,), own.again)
                continue
            known = page.told.of_group and now.of_group
            differs = page.told.of_group != now.of_group if known else _moved_all(snapshot, now.group, people)
            # A group's first page is that of whoever was told first; another member's return adds none.
            if differs and snapshot.event.kind == CORRECTION and page.snapshots[-1] is not snapshot:
                coded = any(told.status in BY_DECISION for told in snapshot.marks.values() if told.group == now.group)
                of_one = coded and not _moved_all(snapshot, now.group, people)
                page = replace(page, snapshots=(*page.snapshots, snapshot), of_one=of_one)
            pages[now.group] = replace(page, told=now)
    return pages


def _moved_all(snapshot: Snapshot, group: str, people: Mapping[str, Page]) -> bool:
    """Whether a correction moved everyone of a group who was told a mark, as one of the group's own mark does.

    Older snapshots say no more. The reason of what moved one member alone is not for the others to read.
    """
    pages = [people[member] for member, told in snapshot.marks.items() if told.group == group and member in people]
    return all(any(made is snapshot for made in page.snapshots) for page in pages)
