"""Working days and how late something is in them: pure functions of a calendar. No penalty is decided here.

The rule
--------
The n-th working day after a due time ends at the same time of the clock on the n-th day that is neither a Saturday, a
Sunday, a bank holiday nor a closure day. Due on Friday at 17:00, what is seen on Monday at 17:00 is one working day
late, and a second later two. Clocks are those of the course's place, so a change to summer time moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Calendar:
    """Which days are worked at a place."""

    timezone: str
    off: frozenset[date] = frozenset()
    """Bank holidays and closure days."""

    def works_on(self, day: date) -> bool:
        """Whether a day is a working day."""
        return day.weekday() < 5 and day not in self.off

    def after(self, moment: datetime, days: int) -> datetime:
        """The same time of the clock on the `days`-th working day after `moment`, in UTC."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        day = local.date()
        for _ in range(days):
            day += timedelta(days=1)
            while not self.works_on(day):
                day += timedelta(days=1)
        # Where the clock shows a time twice, the later one: in favour of the person.
        return datetime.combine(day, local.time(), ZoneInfo(self.timezone)).replace(fold=1).astimezone(UTC)

    def days_late(self, due: datetime, seen: datetime, grace: timedelta = timedelta()) -> int:
        """Working days by which `seen` is late, each begun one counting whole; 0 up to `due` plus `grace`.

        What is later than the grace is late from the due time on.
        """
        if seen <= due + grace:
            return 0
        days = 1
        while seen > self.after(due, days):
            days += 1
        return days

    @classmethod
    def of(cls, timezone: str, *off: Iterable[date]) -> Calendar:
        """A calendar of several lists of days off."""
        return cls(timezone, frozenset(day for days in off for day in days))
