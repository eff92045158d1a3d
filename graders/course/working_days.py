"""Times of the clock, and how late something is in hours, days and working days: pure functions of a calendar.

The rule
--------
The n-th working day after a due time ends at the same time of the clock on the n-th day that is neither a Saturday, a
Sunday, a bank holiday nor a closure day. Due on Friday at 17:00, what is seen on Monday at 17:00 is one working day
late, and a second later two. A calendar day ends at the same time of the clock on the next day, whatever day it is.
Clocks are those of the course's place, so a change to summer time moves neither. An hour is 60 minutes.
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
"""What lateness is counted in."""


def in_utc(time: datetime, timezone: str) -> datetime:
    """A time of a place's clock in UTC; one with an offset keeps its own.

    Where the clock shows a time twice or never, the later moment of the two that it may mean: in favour of the person.
    """
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    return max(time.replace(tzinfo=ZoneInfo(timezone), fold=fold).astimezone(UTC) for fold in (0, 1))


def clock_problem(time: datetime, timezone: str) -> str:
    """What is wrong with a time that a person writes; nothing if it is one moment.

    Its year may be that of no course, and the clocks of a place may show it twice or never.
    """
    if problem := year_problem(time):
        return problem
    if time.tzinfo is not None:
        return ""
    early, late = (time.replace(tzinfo=ZoneInfo(timezone), fold=fold).utcoffset() for fold in (0, 1))
    if early is None or late is None or early == late:
        return ""
    times = "twice" if early > late else "never"
    return f"the clocks of {timezone} show {time} {times}: choose another time, as {time + timedelta(hours=2)}"


@dataclass(frozen=True)
class Calendar:
    """Which days are worked at a place."""

    timezone: str
    off: frozenset[date] = frozenset()
    """Bank holidays and closure days."""

    def after(self, moment: datetime, units: int, unit: Unit = "working_day") -> datetime:
        """The end of that many hours, calendar days or working days after `moment`, in UTC; of 0, `moment` itself.

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

    def late(
        self, due: datetime, seen: datetime, unit: Unit = "working_day", grace: timedelta = timedelta()
    ) -> int:
        """Units by which `seen` is late, each begun one counting whole; 0 up to `due` plus `grace`.

        What is later than the grace is late from the due time on.
        """
        if seen <= due + grace:
            return 0
        if unit == "hour":
            return -((due - seen) // timedelta(hours=1))
        # The days that lie between have ended, perhaps but for the last, where the clock changes.
        sure = max(self._days_between(due, seen, unit) - 1, 0)
        return next(units for units in count(sure) if seen <= self.after(due, units, unit))

    def _working_day(self, day: date, units: int) -> date:
        """The working day that many after a day, which need not be one."""
        import numpy

        return date.fromisoformat(str(numpy.busday_offset(day, units, roll="backward", busdaycal=self._busdays)))

    def _days_between(self, due: datetime, seen: datetime, unit: Unit) -> int:
        """Calendar or working days after the day of `due` and before that of `seen`, by the clock of the place."""
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
        """A calendar of several lists of days off."""
        return cls(timezone, frozenset(day for days in off for day in days))
