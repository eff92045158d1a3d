"""Counts how late something is, in hours, calendar days or working days: pure functions of a calendar.

The rule
--------
The n-th working day after a due time ends at the same time of day on the n-th day that is neither a Saturday, a
Sunday, a bank holiday nor a closure day. If work is due on Friday at 17:00, a commit seen on Monday at 17:00 is one
working day late, and a second later it is two. A calendar day ends at the same time of day on the next day, whatever
day it is. Times are local times of the course, so a change to summer time moves neither. An hour is 60 minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from graders.record.decisions import year_problem

if TYPE_CHECKING:
    import numpy

Unit = Literal["hour", "calendar_day", "working_day"]
"""The unit of lateness."""


def in_utc(time: datetime, timezone: str) -> datetime:
    """A local time of a timezone, in UTC; a time with an offset keeps it.

    Where the clocks show a time twice or never, this is the later of its two possible moments, in the person's favour.
    """
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    return max(time.replace(tzinfo=ZoneInfo(timezone), fold=fold).astimezone(UTC) for fold in (0, 1))


def clock_problem(time: datetime, timezone: str) -> str:
    """Why a time that a person writes cannot be used; empty if it can.

    Its year may be outside all courses, and the clocks may show it twice or never.
    """
    if problem := year_problem(time):
        return problem
    if time.tzinfo is not None:
        return ""
    early, late = (time.replace(tzinfo=ZoneInfo(timezone), fold=fold).utcoffset() for fold in (0, 1))
    if early is None or late is None or early == late:
        return ""
    times = "twice" if early > late else "never"
    return f"the clocks of {timezone} show {time} {times}: choose another time, such as {time + timedelta(hours=2)}"


@dataclass(frozen=True)
class Calendar:
    """The working days of a course."""

    timezone: str
    off: frozenset[date] = frozenset()
    """Bank holidays and closure days."""

    def after(self, moment: datetime, units: int, unit: Unit = "working_day") -> datetime:
        """The end of so many hours, calendar days or working days after `moment`, in UTC; for 0, `moment` itself.

        Raises:
            ValueError: `units` is negative.
        """
        if units < 0:
            raise ValueError(f"{units} {unit}s after a moment lie before it")
        if unit == "hour":
            return moment.astimezone(UTC) + timedelta(hours=units)
        if not units:
            return moment.astimezone(UTC)
        local = moment.astimezone(ZoneInfo(self.timezone))
        day = local.date() + timedelta(days=units) if unit == "calendar_day" else self._working_day(local.date(), units)
        return in_utc(datetime.combine(day, local.time()), self.timezone)

    def late(self, due: datetime, seen: datetime, unit: Unit = "working_day", grace: timedelta = timedelta()) -> int:
        """How many units late `seen` is, where a unit counts once it has begun; 0 until `due` plus `grace`.

        After the grace, lateness counts from the due time.
        """
        if seen <= due + grace:
            return 0
        if unit == "hour":
            return -((due - seen) // timedelta(hours=1))
        # All days between have ended, except perhaps the last where the clocks change.
        sure = max(self._days_between(due, seen, unit) - 1, 0)
        return next(units for units in count(sure) if seen <= self.after(due, units, unit))

    def _working_day(self, day: date, units: int) -> date:
        """The n-th working day after a day, which need not be a working day itself."""
        import numpy

        return date.fromisoformat(str(numpy.busday_offset(day, units, roll="backward", busdaycal=self._busdays)))

    def _days_between(self, due: datetime, seen: datetime, unit: Unit) -> int:
        """Calendar or working days after the day of `due` and before that of `seen`, in local time."""
        first, last = (time.astimezone(ZoneInfo(self.timezone)).date() for time in (due, seen))
        first += timedelta(days=1)
        if unit == "calendar_day":
            return (last - first).days
        import numpy

        return int(numpy.busday_count(first, last, busdaycal=self._busdays))

    @cached_property
    def _busdays(self) -> numpy.busdaycalendar:
        """NumPy's calendar of Monday to Friday without the days off."""
        import numpy  # here: most commands read a course and count no day

        return numpy.busdaycalendar(holidays=sorted(self.off))

    @classmethod
    def of(cls, timezone: str, *off: Iterable[date]) -> Calendar:
        """A calendar with the days off of several lists."""
        return cls(timezone, frozenset(day for days in off for day in days))
