"""Times of the clock, and how late something is in hours, days and working days: pure functions of a calendar.

The rule
--------
The n-th working day after a due time ends at the same time of the clock on the n-th day that is neither a Saturday, a
Sunday, a bank holiday nor a closure day. Due on Friday at 17:00, what is seen on Monday at 17:00 is one working day
late, and a second later two. A calendar day ends at the same time of the clock on the next day, whatever day it is.
Clocks are those of the course's place, so a change to summer time moves neither. An hour is 60 minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

Unit = Literal["hour", "calendar_day", "working_day"]
"""What lateness is counted in."""
YEARS: Final = range(2000, 2100)
"""Of a due time that is meant; far from where the count of days ends."""


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
    if time.year not in YEARS:
        return f"the year {time.year} is not one of {YEARS[0]} to {YEARS[-1]}"
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

    def works_on(self, day: date) -> bool:
        """Whether a day is a working day."""
        return day.weekday() < 5 and day not in self.off

    def after(self, moment: datetime, count: int, unit: Unit = "working_day") -> datetime:
        """The end of the `count`-th hour, calendar day or working day after `moment`, in UTC."""
        if unit == "hour":
            return moment.astimezone(UTC) + timedelta(hours=count)
        return next(islice(self._ends(moment, unit), count, None))

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
        return next(count for count, end in enumerate(self._ends(due, unit)) if seen <= end)

    def _ends(self, moment: datetime, unit: Unit) -> Iterator[datetime]:
        """A moment, and the ends of the first, second, ... day after it, in UTC."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        yield moment.astimezone(UTC)
        day = local.date()
        while True:
            day += timedelta(days=1)
            if unit == "calendar_day" or self.works_on(day):
                yield in_utc(datetime.combine(day, local.time()), self.timezone)

    @classmethod
    def of(cls, timezone: str, *off: Iterable[date]) -> Calendar:
        """A calendar of several lists of days off."""
        return cls(timezone, frozenset(day for days in off for day in days))
