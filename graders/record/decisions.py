"""People's decisions, as types: this module alone reads an event. `in_force` says which decisions hold.

extension        a later due time: minutes, 7d, 5wd (working days), or a date and time  all, a group, a person
late_commit      a later commit that is marked, under the late policy or as on time     a group
agreed_mark      criterion=points of a part that a person marks; or the whole, in %     a group, a person
line_mark        second report/method=7: a marker's points for a line of a rubric        a group
override         the mark in per cent, whatever the findings are                        a group, a person
peer_factor      1.13: the person's share of their group's mark                         a person
moderation       add 2, multiply 1.05, or map 0:0 40:45 100:100, in %                   all
cap              what the mark may not exceed, in % or as pass_mark; after lateness     all, a group, a person
void_test        a hidden test whose points everyone gets                               all
void_case        a hidden case that is left out of every score                          all
dispute          an objection of a group or a person to a mark; moves nothing           a group, a person
deferred, absent, excused, held     there is no mark, and this word stands in its place a group, a person
retract          the number of an event that no longer holds; a return can be one       as that event
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
"""Decisions that there is no mark. Of these too, the last one about a person or their group holds."""
ABOUT: Final = {
    "extension": ("all", "group", "person"),
    "late_commit": ("group",),
    "agreed_mark": ("group", "person"),
    "line_mark": ("group",),
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
DECISION_KINDS: Final = tuple(ABOUT)
Role = Literal["first", "second", "agreed"]
ROLES: Final[tuple[Role, ...]] = ("first", "second", "agreed")
"""Whose mark of a rubric's line it is: the first marker's, the second's, or the one that both agreed on."""
PASS_MARK: Final = "pass_mark"
"""As the value of a cap: each person's own pass mark."""
ON_TIME: Final = "on time"
"""Follows the commit of a `late_commit` that costs nothing: the group waited for a person's decision."""
EXTENSION: Final = "write minutes, days as 7d, working days as 5wd, or a date and time as 2027-01-22T12:00"

YEARS: Final = range(2000, 2100)
"""The years of plausible due times."""


@dataclass(frozen=True)
class RecordedDecision:
    """The event of a decision: who made it, when, about whom, and why."""

    event: Event

    @property
    def summary(self) -> str:
        """Who decided what and why, for the trace."""
        event = self.event
        number = f"event {event.number}" if event.number else "proposed"
        why = f": {event.reason}" if event.reason else ""
        return f"{number}, {event.kind} by {event.who} on {event.at[:10]}{why}"

    @property
    def number(self) -> int | None:
        """Its number in the ledger; None while it is proposed."""
        return self.event.number or None


@dataclass(frozen=True)
class Delay:
    """Time from the deadline on."""

    amount: int
    unit: Literal["minute", "calendar_day", "working_day"]


@dataclass(frozen=True)
class Extension(RecordedDecision):
    """A later due time."""

    until: Delay | datetime
    """A time without a zone is in the course's timezone."""


@dataclass(frozen=True)
class LateCommit(RecordedDecision):
    """The commit of a group that is marked, although another one would count."""

    commit: str
    """Its full id."""
    on_time: bool
    """Whether it costs nothing."""


@dataclass(frozen=True)
class AgreedMark(RecordedDecision):
    """Points of a criterion that a person marks."""

    criterion: str
    points: Decimal


@dataclass(frozen=True)
class AgreedWhole(RecordedDecision):
    """The mark as a whole, in per cent."""

    percent: Decimal


@dataclass(frozen=True)
class LineMark(RecordedDecision):
    """A marker's points for one line of a rubric; without a line, their comment on the whole part."""

    role: Role
    criterion: str
    line: str
    points: Decimal | None
    """None for a comment on the whole part."""

    @property
    def comment(self) -> str:
        """What the marker wrote, in Markdown; the group reads it if this mark stands."""
        return self.event.reason


@dataclass(frozen=True)
class Override(RecordedDecision):
    """The mark in per cent, whatever the findings are."""

    percent: Decimal


@dataclass(frozen=True)
class PeerFactor(RecordedDecision):
    """A person's share of their group's mark."""

    factor: Decimal


@dataclass(frozen=True)
class Moderation(RecordedDecision):
    """A map of all marks of the assignment."""

    scale: Scale


@dataclass(frozen=True)
class CapDecision(RecordedDecision):
    """What the mark may not exceed, in per cent."""

    percent: Decimal | None
    """None for each person's own pass mark."""


@dataclass(frozen=True)
class VoidTest(RecordedDecision):
    """A hidden test whose points everyone gets."""

    test: str


@dataclass(frozen=True)
class VoidCase(RecordedDecision):
    """A hidden case that is left out of every score."""

    case: str


@dataclass(frozen=True)
class Dispute(RecordedDecision):
    """An objection to a mark."""

    text: str


@dataclass(frozen=True)
class Code(RecordedDecision):
    """No mark, and the word in its place: one of `CODES`."""

    word: str


@dataclass(frozen=True)
class Retract(RecordedDecision):
    """An event no longer holds."""

    of: int
    """The event's number."""


@dataclass(frozen=True)
class UnreadableDecision(RecordedDecision):
    """An event whose value does not suit its kind: written by hand, or by another version of medmark."""

    problem: str


Decision = (
    Extension | LateCommit | AgreedMark | AgreedWhole | LineMark | Override | PeerFactor | Moderation | CapDecision
    | VoidTest | VoidCase | Dispute | Code | Retract | UnreadableDecision
)  # fmt: skip


def decision_of(event: Event) -> Decision:
    """The decision of an event, which must not be a snapshot of marks: a snapshot decides nothing."""
    read = _READ.get(event.kind)
    if read is None:
        return UnreadableDecision(event, f'"{event.kind}" is not a decision that this medmark knows')
    try:
        return read(event)
    except ValueError as error:
        return UnreadableDecision(event, str(error))


def delay_of(text: str) -> Delay | datetime:
    """Read the value of an extension.

    Raises:
        ValueError: it cannot be read.
    """
    text = text.strip()
    if match := re.fullmatch(r"\+?(\d{1,3}) ?(w?d)", text):
        return Delay(int(match[1]), "working_day" if match[2] == "wd" else "calendar_day")
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
    """The problem with the year of a due time; empty if the year is plausible."""
    return "" if time.year in YEARS else f"the year {time.year} is not one of {YEARS[0]} to {YEARS[-1]}"


def agreed_value(criterion: str, points: Decimal) -> str:
    """The value that records points of a criterion."""
    return f"{criterion}={points}"


def line_value(role: Role, criterion: str, line: str = "", points: Decimal | None = None) -> str:
    """The value that records a marker's points for a line, or their comment on the whole part."""
    return f"{role} {criterion}" + (f"/{line}={points}" if line else "")


def line_of(text: str) -> tuple[Role, str, str, str]:
    """Role, criterion, line and points as written: `second report/method=7`. Without a role it is the first marker's.

    Raises:
        ValueError: it cannot be read.
    """
    match = re.fullmatch(r"\s*(?:(\w+)\s+)?(\w+)(?:\s*/\s*(\w+)\s*=\s*(\S+))?\s*", text)
    role = next((role for role in ROLES if match and role == (match[1] or "first")), None)
    if match is None or role is None:
        raise ValueError(f'"{text}" is not a mark of a line: write it as report/method=7, or second report/method=7')
    return role, match[2], match[3] or "", match[4] or ""


def late_commit_value(commit: str, *, on_time: bool) -> str:
    """The value that records an accepted commit."""
    return f"{commit} {ON_TIME}" if on_time else commit


def _late_commit(event: Event) -> LateCommit:
    commit, _, rest = event.value.strip().lower().partition(" ")
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise ValueError(f'late_commit "{event.value}" is not a full commit id')
    return LateCommit(event, commit, rest == ON_TIME)


def _agreed(event: Event) -> AgreedMark | AgreedWhole:
    criterion, has_criterion, points = event.value.partition("=")
    if has_criterion:
        return AgreedMark(event, criterion, _number(event, points, least=None))
    return AgreedWhole(event, _number(event, event.value))


def _line_mark(event: Event) -> LineMark:
    role, criterion, line, points = line_of(event.value)
    return LineMark(event, role, criterion, line, _number(event, points) if line else None)


def _cap(event: Event) -> CapDecision:
    return CapDecision(event, None if event.value == PASS_MARK else _number(event, event.value))


def _retract(event: Event) -> Retract:
    if not event.value.isdecimal():
        raise ValueError(f'retract "{event.value}" is not the number of an event')
    return Retract(event, int(event.value))


def _number(event: Event, text: str, least: int | None = 0) -> Decimal:
    number = decimal_of(text)
    if number is None or (least is not None and number < least):
        raise ValueError(f'{event.kind} "{event.value}" is not a number{" of 0 or more" if least == 0 else ""}')
    return number


_READ: Final[Mapping[str, Callable[[Event], Decision]]] = {
    "extension": lambda event: Extension(event, delay_of(event.value)),
    "late_commit": _late_commit,
    "agreed_mark": _agreed,
    "line_mark": _line_mark,
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
