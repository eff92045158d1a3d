"""Numbers and times as people write them, on pages and in the terminal."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo


def half_up(value: Decimal | float, decimals: int) -> Decimal:
    """A number to so many decimals; a half goes away from zero."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def number(value: Decimal | float | int | None, decimals: int = 1) -> str:
    """A number as people write it: rounded half up, without trailing zeros; an em dash for None."""
    if value is None:
        return "—"
    text = f"{half_up(value, decimals):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−") if text != "-0" else "0"


def fixed(value: float, decimals: int) -> str:
    """A number of a column: always with so many decimals."""
    return f"{value:.{decimals}f}".replace("-", "−")


def local_time(time: datetime | None, timezone: str) -> str:
    """`20 November 2026, 16:58 GMT`: in a course's own time; empty for None."""
    here = time.astimezone(ZoneInfo(timezone)) if time else None
    return f"{here.day} {here:%B %Y, %H:%M %Z}" if here else ""


def local_day(time: datetime | None, timezone: str) -> str:
    """`3 Nov 2026`: the day in a course's own time; empty for None."""
    here = time.astimezone(ZoneInfo(timezone)) if time else None
    return f"{here.day} {here:%b %Y}" if here else ""


def duration(seconds: float) -> str:
    """`4.2 s`, `74 s`, `35 min`, `11.7 h`: two or three figures of a time that was measured."""
    if seconds < 10:
        return f"{number(seconds, 1)} s"
    if seconds < 120:
        return f"{number(seconds, 0)} s"
    if seconds < 7200:
        return f"{number(seconds / 60, 0)} min"
    return f"{number(seconds / 3600, 1)} h"
