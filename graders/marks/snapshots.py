"""Marks as they were applied or returned, read from the record. A snapshot is an event of the ledger; it makes no mark.

    marks        what `grade` or `decide` applied: the marks that stand
    returned     what `return` froze: what the people in it were told
    correction   a change of what somebody was told, with its reason: what they are told next

A return holds for the people in its snapshot and may be retracted; the other snapshots stand. A person's first mark is
no correction, whoever else has theirs already.

Marks themselves are functions of stages and events; a snapshot is there to be compared with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any

from graders.marks.mark import BY_DECISION, Status
from graders.marks.personal import Returned
from graders.record.decisions import retracted
from graders.record.ledger import Event

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
    open: str = field(default="", compare=False)
    """What a mark that is withheld without a fault waits for: `grading` or `a person`."""
    of_group: str = field(default="", compare=False)
    """Tells the group's own marks apart, which its page shows; empty in snapshots older than this field.

    A digest, so that no number of the group stands beside a member who has no mark by a decision.
    """


Snapshot = Mapping[str, Told]
"""By member."""


def last_of(events: Sequence[Event], kinds: Iterable[str]) -> Event | None:
    """The last event of some kinds."""
    return next((event for event in reversed(events) if event.kind in kinds), None)


def applied(events: Iterable[Event]) -> dict[str, Told]:
    """By member: the mark that stands."""
    return {member: told for member, (_, told) in applied_by(events).items()}


def applied_by(events: Iterable[Event]) -> dict[str, tuple[Event, Told]]:
    """By member: the mark that stands, and the snapshot that last held it."""
    stands: dict[str, tuple[Event, Told]] = {}
    for event in events:
        if event.kind in SNAPSHOTS:
            stands |= {member: (event, told) for member, told in read(event).items()}
    return stands


def told(events: Sequence[Event]) -> dict[str, Told]:
    """By member: what they were last told. Nobody else was told anything."""
    return {member: page.told for member, page in _of_people(events).items()}


def returned_marks(events: Sequence[Event]) -> dict[str, Returned]:
    """By member: the last whole mark that they were told."""
    last = {member: page.last_whole(member) for member, page in _of_people(events).items()}
    return {
        member: Returned(
            was.percent, was.group, was.commit, Fraction(was.before_penalties) if was.before_penalties else None
        )
        for member, was in last.items()
        if was is not None and was.percent is not None
    }


@dataclass(frozen=True)
class Page:
    """The versions of one page that was returned."""

    told: Told
    """What its reader was last told."""
    events: tuple[Event, ...]
    """What made each version: a return, then corrections."""
    again: bool = False
    """Whether an earlier return of it was retracted."""
    of_one: bool = False
    """Whether a group's page was corrected last for some of its members, whose reason the others do not read."""

    @property
    def version(self) -> int:
        """1, and one more with every correction of just this page."""
        return len(self.events)

    def last_whole(self, member: str) -> Told | None:
        """The last whole mark that a person was told: of someone whose mark is held now, the one before."""
        made = (read(event)[member] for event in reversed(self.events))
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
    """By group: of the page that all of its members read. What moves one member alone is no version of it."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> Versions:
        """Those that follow from the record."""
        people = _of_people(events)
        return cls(people, _of_groups(events, people))

    @property
    def version(self) -> int:
        """Of the mark sheet: 1, and one more with every correction of anybody."""
        return 1 + len({event.number for page in self.people.values() for event in page.events[1:]})


def _of_people(events: Sequence[Event]) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    retracted_before: set[str] = set()
    gone = retracted(events)
    for event in _telling(events):
        for member, now in read(event).items():
            page = pages.get(member)
            if event.number in gone and event.kind == RETURNED:
                retracted_before.add(member)
            elif page is None and event.kind == RETURNED:
                pages[member] = Page(now, (event,), member in retracted_before)
            elif page is not None:
                differs = replace(page.told, group=now.group) != now
                pages[member] = replace(page, told=now, events=(*page.events, event) if differs else page.events)
    return pages


def _of_groups(events: Sequence[Event], people: Mapping[str, Page]) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    started: set[str] = set()
    homes: dict[str, str] = {}
    for event in _telling(events):
        snapshot = read(event)
        here = {now.group for now in snapshot.values()}
        for member, now in snapshot.items():
            own, page = people.get(member), pages.get(now.group)
            if own is not None and own.events[0] is event:
                started.add(member)
            if own is None or member not in started:
                continue
            was, homes[member] = homes.get(member, now.group), now.group
            if page is None and was not in here:  # the group has another name now
                page = pages.pop(was, None)
            if page is None:
                pages[now.group] = Page(now, (event,), own.again)
                continue
            known = page.told.of_group and now.of_group
            differs = page.told.of_group != now.of_group if known else _moved_all(event, now.group, people)
            # A group's first page is that of whoever was told first; another member's return is no version of it.
            if differs and event.kind == CORRECTION and page.events[-1] is not event:
                coded = any(told.status in BY_DECISION for told in snapshot.values() if told.group == now.group)
                of_one = coded and not _moved_all(event, now.group, people)
                page = replace(page, events=(*page.events, event), of_one=of_one)
            pages[now.group] = replace(page, told=now)
    return pages


def _moved_all(event: Event, group: str, people: Mapping[str, Page]) -> bool:
    """Whether a correction moved everyone of a group who was told a mark, as one of the group's own mark does.

    Older snapshots say no more. The reason of what moved one member alone is not for the others to read.
    """
    pages = [people[member] for member, told in read(event).items() if told.group == group and member in people]
    return all(any(made is event for made in page.events) for page in pages)


def _telling(events: Iterable[Event]) -> Iterator[Event]:
    return (event for event in events if event.kind in (RETURNED, CORRECTION))


def read(event: Event) -> dict[str, Told]:
    """The marks of a snapshot."""
    return {member: _told(told) for member, told in json.loads(event.value).items()}


def _told(values: dict[str, Any]) -> Told:
    percent = values["percent"]
    return Told(**{**values, "percent": None if percent is None else Decimal(percent)})
