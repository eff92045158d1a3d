"""Positions in the figures of a cohort, in per cent of their width and height; the template draws.

dot_plot     one value a group with its interval, sorted, with guides such as anchors or the edges of classes
mark_bars    how many people have which mark
week_bars    in how many groups a new commit was seen, week by week
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from graders.intake.term import GroupTerm
from reports.bands import Band
from reports.cohort import counts_by_mark
from reports.figures import Axis, Whisker, label_rows, whisker
from reports.terminal import people, quantity

ROWS: Final = 30
"""Up to so many groups each have a row with their name; more stand side by side, without."""
LABEL_GAP: Final = 5.5
"""Per cent of a figure's height that a label takes."""
ROW_GAP: Final = 30
"""Per cent of a figure's width that a label takes on a phone."""
BIN: Final = 5
"""Per cent of a mark in one bar."""
WEEKS: Final = 16
"""Weeks before the due time that are drawn."""


@dataclass(frozen=True)
class Value:
    """One group's value before it is placed."""

    group: str
    value: float
    interval: tuple[float, float] | None
    text: str
    """The value as people read it."""
    interval_text: str = ""


@dataclass(frozen=True)
class Dot:
    """One group in a figure."""

    value: Value
    whisker: Whisker
    across: float
    """Its place in the order."""


@dataclass(frozen=True)
class Guide:
    """A line through a figure, with its name beside it."""

    name: str
    text: str
    at: float
    label: float
    """Where its name stands beside a figure, away from its neighbours' names."""
    row: int
    """In which of three rows it stands below a figure."""


@dataclass(frozen=True)
class DotPlot:
    """Groups from the best to the worst."""

    dots: tuple[Dot, ...]
    guides: tuple[Guide, ...]
    as_rows: bool
    """Whether each group has a row; else groups stand side by side, and the better is above."""
    wide: bool
    """Whether dots have room for an outline."""


def dot_plot(values: Sequence[Value], axis: Axis, guides: Iterable[tuple[str, str, float]]) -> DotPlot:
    """The figure of these values; `guides` have a name, a text and a value each, the worst first."""
    rising = axis.better > axis.worse
    ordered = sorted(values, key=lambda each: (-each.value if rising else each.value, each.group.casefold()))
    step = 100 / max(len(ordered), 1)
    dots = tuple(
        Dot(each, whisker(axis, each.value, each.interval), round((number + 0.5) * step, 2))
        for number, each in enumerate(ordered)
    )
    inside = [(name, text, axis.at(value)) for name, text, value in guides if not axis.beyond(value)]
    labels = apart([at for _, _, at in inside], LABEL_GAP)
    below = label_rows([at for _, _, at in inside], ROW_GAP)
    lines = tuple(Guide(*each, label, row) for each, label, row in zip(inside, labels, below, strict=True))
    return DotPlot(dots, lines, len(ordered) <= ROWS, len(ordered) <= 4 * ROWS)


def apart(positions: Sequence[float], gap: float) -> list[float]:
    """Positions for labels: each as near to its own as it can be while no two are closer than `gap`; in their order.

    None leaves the figure, unless there are too many for it.
    """
    order = sorted(range(len(positions)), key=positions.__getitem__)
    placed = [positions[i] for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    most = 100.0
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], most)
        most = placed[i] - gap
    labels = [0.0] * len(placed)
    for i, at in zip(order, placed, strict=True):
        labels[i] = round(at, 2)
    return labels


@dataclass(frozen=True)
class CountBar:
    """One bar; `words` say it for who does not see it."""

    left: float
    width: float
    height: float
    words: str
    count: int


@dataclass(frozen=True)
class BandRange:
    """Where a class lies on the scale of marks."""

    name: str
    short: str
    left: float
    width: float


@dataclass(frozen=True)
class MarkBars:
    """The marks of all people."""

    bars: tuple[CountBar, ...]
    bands: tuple[BandRange, ...]
    most: int
    """People in the tallest bar."""


def mark_bars(percents: Sequence[Decimal], bands: Sequence[Band]) -> MarkBars:
    """People by their mark, in bars of 5 %; the last one holds 100 % too. An edge of a class is an edge of a bar."""
    counts = counts_by_mark(percents, BIN)
    most = max(counts, default=0)
    bars = tuple(
        CountBar(
            left=float(BIN * i),
            width=float(BIN),
            height=round(100 * count / most, 2) if most else 0.0,
            words=f"{people(count)} from {BIN * i} to {BIN * (i + 1)} %",
            count=count,
        )
        for i, count in enumerate(counts)
    )
    starts = [float(band.from_percent) for band in bands]
    ends = [*starts[1:], 100.0]
    ranges = (
        BandRange(band.name, band.short, start, end - start)
        for band, start, end in zip(bands, starts, ends, strict=True)
    )
    return MarkBars(bars, tuple(ranges), most)


def week_bars(terms: Mapping[str, GroupTerm], due: datetime) -> tuple[CountBar, ...]:
    """In how many groups a new commit was seen in each week that ends with the due time; from the first one on."""
    seen: dict[int, set[str]] = {}
    for group, term in terms.items():
        for commit in term.commits:
            if commit <= due:
                seen.setdefault((due - commit) // timedelta(weeks=1), set()).add(group)
    if not seen:
        return ()
    weeks = min(max(seen), WEEKS - 1) + 1
    width = 100 / weeks
    return tuple(
        CountBar(
            left=round(width * number, 2),
            width=round(width, 2),
            height=round(100 * len(seen.get(week, ())) / max(len(terms), 1), 2),
            words=f"{quantity(len(seen.get(week, ())), 'group')} in the "
            + ("last week" if week == 0 else f"week that ended {quantity(week, 'week')} before the due time"),
            count=len(seen.get(week, ())),
        )
        for number, week in enumerate(reversed(range(weeks)))
    )
