"""Positions in a figure, in per cent of its width and height; the templates draw.

With per cent, a figure fills any width while its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from assignments.assignment import Accuracy, Unanchored, anchor_shares
from graders.marks.findings import share_of_points
from reports.numbers import fixed

ANCHOR_NAMES: Final = ("trivial", "pass", "merit", "distinction", "reference", "ceiling")


@dataclass(frozen=True)
class Axis:
    """A straight scale from `worse` on the left to `better` on the right; a distance falls along it."""

    worse: float
    better: float

    def at(self, value: float) -> float:
        """Per cent from the left, limited to the figure."""
        share = (value - self.worse) / (self.better - self.worse)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def beyond(self, value: float) -> bool:
        """Whether a value is so bad that it lies outside the figure, to the left."""
        return (value - self.worse) * (self.better - self.worse) < 0


@dataclass(frozen=True)
class Whisker:
    """A score as a dot with its interval as a line."""

    dot: float
    left: float
    right: float
    beyond: bool = False
    """Whether the score lies outside the figure, to the left: an arrow is drawn then."""


@dataclass(frozen=True)
class Step:
    """One anchor: its value, its points and its position; `row` separates labels that are close."""

    name: str
    value: str
    points: float
    x: float
    y: float
    row: int


@dataclass(frozen=True)
class Curve:
    """How a score becomes points: the line through the anchors, and the submission on it."""

    steps: tuple[Step, ...]
    whisker: Whisker | None
    y: float | None
    """Height of the points earned."""
    y_uncapped: float | None
    """Height before a cap, if a cap applied."""


def axis_of(values: Sequence[float], rising: bool, before: float = 0.06, after: float = 0.06) -> Axis:
    """A scale that holds all finite values, with margins `before` and `after` as shares of their span."""
    finite = [value for value in values if isfinite(value)]
    low, high = min(finite), max(finite)
    span = high - low or abs(high) or 1.0
    if rising:
        return Axis(low - before * span, high + after * span)
    return Axis(high + before * span, low - after * span)


def within_sight(criterion: Accuracy, values: Sequence[float]) -> list[float]:
    """The values, none farther below the trivial anchor than the ceiling lies above it.

    Otherwise one extreme score, such as the diagonal of an image, would press all others into a dot.
    """
    anchors = criterion.anchors
    if isinstance(anchors, Unanchored):
        return list(values)
    farthest = 2 * anchors.trivial - anchors.ceiling
    return [max(value, farthest) if anchors.rising else min(value, farthest) for value in values]


def whisker(axis: Axis, score: float, interval: tuple[float, float] | None) -> Whisker:
    """The dot and the ends of its line; without an interval the line has no length."""
    ends = [axis.at(end) for end in interval or (score, score)]
    return Whisker(axis.at(score), min(ends), max(ends), axis.beyond(score))


def decimals_of(criterion: Accuracy) -> int:
    """Decimals of a score of this criterion: two figures of its range."""
    if isinstance(criterion.anchors, Unanchored):
        return 3
    values = criterion.anchors.values()
    span = abs(values[-1] - values[0])
    return 3 if span < 2 else 2 if span < 20 else 1


def curve(
    criterion: Accuracy,
    level: int,
    score: float | None,
    interval: tuple[float, float] | None,
    points: float | None,
) -> Curve | None:
    """The figure of one accuracy criterion at a level of study; None where it has no anchors."""
    if isinstance(criterion.anchors, Unanchored):
        return None
    values, shares = criterion.anchors.values(), [float(part) for part in anchor_shares(level)]
    seen = within_sight(criterion, [*values, *([score] if score is not None else []), *(interval or ())])
    axis = axis_of(seen, criterion.anchors.rising, before=0.19)  # room for the name of the lowest anchor
    xs = [axis.at(value) for value in values]
    steps = tuple(
        Step(name, fixed(value, 3).rstrip("0").rstrip("."), part * criterion.points, x, _height(part), row)
        for name, value, part, x, row in zip(ANCHOR_NAMES, values, shares, xs, label_rows(xs), strict=True)
    )
    if score is None:
        return Curve(steps, None, None, None)
    earned = _height(points / criterion.points) if points is not None else None
    free = _height(float(share_of_points(criterion.anchors, level, score)))
    capped = earned is not None and earned - free > 0.5
    return Curve(steps, whisker(axis, score, interval), earned, free if capped else None)


def _height(part: float) -> float:
    """Per cent from the top: 6 is full points, 94 is none."""
    return round(94 - 88 * part, 2)


def label_rows(xs: Sequence[float], gap: float = 10.0) -> list[int]:
    """For each label the first of three rows where it does not touch its neighbour on a phone."""
    ends: list[float] = [-gap] * 3
    rows = []
    for x in xs:
        free = [row for row in range(3) if x - ends[row] >= gap]
        row = free[0] if free else 2
        ends[row] = x
        rows.append(row)
    return rows
