"""What persons decided, as types: an event is read here and nowhere else. Which hold stands in `in_force`.

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
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from graders.record.ledger import Event
from graders.record.scales import Scale, decimal_of, scale_of

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
ON_TIME: Final = "on time"
"""What follows the commit of a `late_commit` that costs nothing: of a group that waited for a person."""
EXTENSION: Final = "write minutes, days as 7d, working days as 5wd, or a date and time as 2027-01-22T12:00"

YEARS: Final = range(2000, 2100)
"""Of a due time that is meant; far from where the count of days ends."""


@dataclass(frozen=True)
class Decided:
    """What every decision has: who made it, when, about whom, and why."""

    event: Event

    @property
    def said(self) -> str:
        """Who decided what and why, for the trace."""
        event = self.event
        number = f"event {event.number}" if event.number else "proposed"
        return f"{number}, {event.kind} by {event.who} on {event.at[:10]}: {event.reason}"

    @property
    def number(self) -> int | None:
        """Its place in the ledger; None while it is proposed."""
        return self.event.number or None


@dataclass(frozen=True)
class Delay:
    """Time from the deadline on."""

    amount: int
    unit: Literal["minute", "calendar_day", "working_day"]


@dataclass(frozen=True)
class Extension(Decided):
    """A later due time."""

    until: Delay | datetime
    """A time without a zone is of the course's clock."""


@dataclass(frozen=True)
class LateCommit(Decided):
    """The commit of a group that is marked, though another would count."""

    commit: str
    """Its whole id."""
    on_time: bool
    """Whether it costs nothing."""


@dataclass(frozen=True)
class AgreedMark(Decided):
    """Points of a criterion that a person marks."""

    criterion: str
    points: Decimal


@dataclass(frozen=True)
class AgreedWhole(Decided):
    """The mark as a whole, in per cent."""

    percent: Decimal


@dataclass(frozen=True)
class Override(Decided):
    """The mark in per cent, whatever else was found."""

    percent: Decimal


@dataclass(frozen=True)
class PeerFactor(Decided):
    """A person's share of their group's mark."""

    factor: Decimal


@dataclass(frozen=True)
class Moderation(Decided):
    """A map of all marks of the assignment."""

    scale: Scale


@dataclass(frozen=True)
class Cap(Decided):
    """What the mark may not exceed, in per cent."""

    percent: Decimal | None
    """None for each person's own pass mark."""


@dataclass(frozen=True)
class VoidTest(Decided):
    """A hidden test whose points are given to everyone."""

    test: str


@dataclass(frozen=True)
class VoidCase(Decided):
    """A hidden case that is left out of every score."""

    case: str


@dataclass(frozen=True)
class Dispute(Decided):
    """What is said against a mark."""

    text: str


@dataclass(frozen=True)
class Code(Decided):
    """That there is no mark, and the word in its place: one of `CODES`."""

    word: str


@dataclass(frozen=True)
class Retract(Decided):
    """That an event holds no longer."""

    of: int
    """The event's number."""


@dataclass(frozen=True)
class Unreadable(Decided):
    """An event that is not what its kind takes: written by hand, or by another medmark."""

    problem: str


Decision = (
    Extension | LateCommit | AgreedMark | AgreedWhole | Override | PeerFactor | Moderation | Cap
    | VoidTest | VoidCase | Dispute | Code | Retract | Unreadable
)  # fmt: skip


def decision_of(event: Event) -> Decision:
    """What an event decides. A snapshot of marks decides nothing: it is not to be given here."""
    read = _READ.get(event.kind)
    if read is None:
        return Unreadable(event, f'"{event.kind}" is not a decision that this medmark knows')
    try:
        return read(event)
    except ValueError as error:
        return Unreadable(event, str(error))


def delay_of(text: str) -> Delay | datetime:
    """What the value of an extension means.

    Raises:
        ValueError: it cannot be read.
    """
    text = text.strip()
    if found := re.fullmatch(r"\+?(\d{1,3}) ?(w?d)", text):
        return Delay(int(found[1]), "working_day" if found[2] == "wd" else "calendar_day")
    if re.fullmatch(r"\+?\d{1,7}", text):
        return Delay(int(text), "minute")
    time = None
    if re.search(r"\d[T ]\d", text):  # a date alone would mean its first minute
        with suppress(ValueError):
            time = datetime.fromisoformat(text)
    if time is None:
        raise ValueError(f'the extension "{text}" cannot be read: {EXTENSION}')
    if problem := year_problem(time):
        raise ValueError(problem)
    return time


def year_problem(time: datetime) -> str:
    """What is wrong with the year of a due time; nothing if a course may mean it."""
    return "" if time.year in YEARS else f"the year {time.year} is not one of {YEARS[0]} to {YEARS[-1]}"


def agreed_value(criterion: str, points: Decimal) -> str:
    """How points of a criterion are recorded."""
    return f"{criterion}={points}"


def late_commit_value(commit: str, *, on_time: bool) -> str:
    """How an accepted commit is recorded."""
    return f"{commit} {ON_TIME}" if on_time else commit


def _late_commit(event: Event) -> LateCommit:
    commit, _, rest = event.value.strip().lower().partition(" ")
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise ValueError(f'late_commit "{event.value}" is not a whole commit id')
    return LateCommit(event, commit, rest == ON_TIME)


def _agreed(event: Event) -> AgreedMark | AgreedWhole:
    criterion, is_one, points = event.value.partition("=")
    if is_one:
        return AgreedMark(event, criterion, _number(event, points, least=None))
    return AgreedWhole(event, _number(event, event.value))


def _cap(event: Event) -> Cap:
    return Cap(event, None if event.value == PASS_MARK else _number(event, event.value))


def _retract(event: Event) -> Retract:
    if not event.value.isdecimal():
        raise ValueError(f'retract "{event.value}" is not the number of an event')
    return Retract(event, int(event.value))


def _number(event: Event, text: str, least: int | None = 0) -> Decimal:
    number = decimal_of(text)
    if number is None or (least is not None and number < least):
        raise ValueError(f'{event.kind} "{event.value}" does not hold a number{" of 0 or more" if least == 0 else ""}')
    return number


_READ: Final[Mapping[str, Callable[[Event], Decision]]] = {
    "extension": lambda event: Extension(event, delay_of(event.value)),
    "late_commit": _late_commit,
    "agreed_mark": _agreed,
    "override": lambda event: Override(event, _number(event, event.value)),
    "peer_factor": lambda event: PeerFactor(event, _number(event, event.value)),
    "moderation": lambda event: Moderation(event, scale_of(event.value)),
    "cap": _cap,
    "void_test": lambda event: VoidTest(event, event.value),
    "void_case": lambda event: VoidCase(event, event.value),
    "dispute": lambda event: Dispute(event, event.value),
    **dict.fromkeys(CODES, lambda event: Code(event, event.kind)),
    "retract": _retract,
}
