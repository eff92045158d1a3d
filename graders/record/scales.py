"""Scales: one declared map of all marks of an assignment. People decide which marks need it.

add 2                       two percentage points more
multiply 1.05
map 0:0 40:45 100:100       straight lines between these points, from 0 to 100
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise

FORMS = "write add 2, multiply 1.05, or map 0:0 40:45 100:100"


@dataclass(frozen=True)
class Add:
    """Adds percentage points; a negative number takes them off."""

    points: Fraction

    def __call__(self, mark: Fraction) -> Fraction:
        return _clipped(mark + self.points)


@dataclass(frozen=True)
class Multiply:
    """Multiplies the mark."""

    by: Fraction

    def __call__(self, mark: Fraction) -> Fraction:
        return _clipped(mark * self.by)


@dataclass(frozen=True)
class Map:
    """Straight lines between points (before, after) from 0 to 100; never falling, so the order of marks stays."""

    points: tuple[tuple[Fraction, Fraction], ...]

    def __call__(self, mark: Fraction) -> Fraction:
        left, right = next((a, b) for a, b in pairwise(self.points) if mark <= b[0])
        return _clipped(left[1] + (right[1] - left[1]) * (mark - left[0]) / (right[0] - left[0]))


Scale = Add | Multiply | Map
"""From a mark in per cent to another, cut off at 0 and 100."""


def scale_of(text: str) -> Scale:
    """The scale that a text declares.

    Raises:
        ValueError: it has none of the forms.
    """
    word, _, rest = text.strip().partition(" ")
    number = decimal_of(rest)
    if word == "add" and number is not None:
        return Add(Fraction(number))
    if word == "multiply" and number is not None and number > 0:
        return Multiply(Fraction(number))
    pairs = rest.split() if word == "map" else []
    points = tuple(point for pair in pairs if (point := _point(pair)) is not None)
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(points))
    whole = len(points) == len(pairs) >= 2 and points[0][0] == 0 and points[-1][0] == 100
    if not (rising and whole):
        raise ValueError(f'"{text}" is not a moderation: {FORMS}')
    return Map(points)


def decimal_of(text: str) -> Decimal | None:
    """A plain number as a person writes it, without exponent or infinity; None if the text is not one."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or set(text) & set("eE_"):
        return None
    return number or abs(number)  # -0 is 0


def _point(pair: str) -> tuple[Fraction, Fraction] | None:
    before, _, after = (decimal_of(part) for part in pair.partition(":")) if ":" in pair else (None, None, None)
    return None if before is None or after is None else (Fraction(before), Fraction(after))


def _clipped(mark: Fraction) -> Fraction:
    return min(Fraction(100), max(Fraction(0), mark))
