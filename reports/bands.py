"""The classes of degree that a mark falls into, as pages name them. Moves no mark."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Band:
    """A range of marks that begins at `from_percent`."""

    name: str
    short: str
    from_percent: Decimal


def bands(level: int) -> tuple[Band, ...]:
    """The bands of a level of study in the United Kingdom, from the lowest: 4 to 6 undergraduate, 7 master's."""
    if level == 7:
        table = [("Fail", "Fail", 0), ("Pass", "Pass", 50), ("Merit", "Merit", 60), ("Distinction", "Dist.", 70)]
    else:
        table = [
            ("Fail", "Fail", 0),
            ("Third class", "Third", 40),
            ("Lower second class", "2:2", 50),
            ("Upper second class", "2:1", 60),
            ("First class", "First", 70),
        ]
    return tuple(Band(name, short, Decimal(start)) for name, short, start in table)


def band_of(percent: Decimal, level: int) -> Band:
    """The band of a mark in per cent."""
    return [band for band in bands(level) if percent >= band.from_percent][-1]
