"""Snapshots: people's marks as they were applied, returned or corrected. Each is one event of the ledger, read here.

    marks        the marks that `grade` or `decide` applied: they stand
    returned     the marks that `return` gave to people
    correction   a changed mark of somebody who had a returned one, with the reason

A snapshot makes no mark; marks are compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

from graders.record.ledger import Event, unreadable
from graders.record.read_documents import first_problem

APPLIED, RETURNED, CORRECTION = "marks", "returned", "correction"
SNAPSHOTS = (APPLIED, RETURNED, CORRECTION)


@dataclass(frozen=True)
class RecordedMark:
    """One person's mark at the time of a snapshot."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}

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
    """What a mark waits for that is withheld without a failure: `grading` or `a person`."""
    of_group: str = field(default="", compare=False)
    """Tells the group's own marks apart, which its page shows; empty in snapshots older than this field.

    A digest, so that no number of the group stands beside a member who has no mark by a decision.
    """


@dataclass(frozen=True)
class Snapshot:
    """The marks that one event recorded."""

    event: Event
    """Of one of the kinds in `SNAPSHOTS`."""
    marks: Mapping[str, RecordedMark]
    """By member."""


def snapshots(events: Iterable[Event]) -> list[Snapshot]:
    """The snapshots among some events, in their order.

    Raises:
        UserError: one cannot be read.
    """
    return [Snapshot(event, _marks(event)) for event in events if event.kind in SNAPSHOTS]


def value_of(marks: Mapping[str, RecordedMark]) -> str:
    """The value that records marks."""
    return json.dumps({member: asdict(mark) for member, mark in marks.items()}, default=str, sort_keys=True)


def _marks(event: Event) -> dict[str, RecordedMark]:
    from pydantic import ValidationError  # here, since commands that read no snapshot need not import it

    try:
        marks: dict[str, RecordedMark] = _validator().validate_json(event.value)
        for mark in marks.values():
            Fraction(mark.before_penalties or 0)
    except (ValueError, ZeroDivisionError) as error:
        what = first_problem(error) if isinstance(error, ValidationError) else f"before_penalties: {error}"
        raise unreadable(event, "marks", what) from error
    return marks


@cache
def _validator() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(dict[str, RecordedMark])
