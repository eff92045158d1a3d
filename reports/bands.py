"""The classes of degree that a mark falls into, as pages name them. Moves no mark."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from assignments.assignment import MASTERS, pass_percent


@dataclass(frozen=True)
class Band:
    """A range of marks that begins at `from_percent`."""

    name: str
    short: str
    from_percent: Decimal


def bands(level: int) -> tuple[Band, ...]:
    """The bands of a level of study in the United Kingdom, from the lowest: 4 to 6 undergraduate, 7 master's."""
    passing = pass_percent(level)
    if level == MASTERS:
        table = [("Fail", "Fail", 0), ("Pass", "Pass", passing), ("Merit", "Merit", 60), ("Distinction", "Dist.", 70)]
    else:
        table = [
            ("Fail", "Fail", 0),
            ("Third class", "Third", passing),
            ("Lower second class", "2:2", 50),
            ("Upper second class", "2:1", 60),
            ("First class", "First", 70),
        ]
    return tuple(Band(name, short, Decimal(start)) for name, short, start in table)


def band_of(percent: Decimal, level: int, pass_mark: int | None = None) -> Band:
    """The band of a mark in per cent, for someone whose pass mark may differ from the level's.

    Whoever needs the pass mark of a master's course is classed as its students are; below the own pass mark every mark
    fails.
    """
    if pass_mark is not None:
        level = MASTERS if pass_mark >= pass_percent(MASTERS) else min(level, MASTERS - 1)
    table = bands(level)
    fail, *passes = table
    reached = [band for band in passes if percent >= band.from_percent]
    own = passes[0].from_percent if pass_mark is None else Decimal(pass_mark)
    if percent < own:
        return fail
    # A pass mark below the first band's start widens that band.
    return reached[-1] if reached else passes[0]
