"""Moderation: one declared map of all marks of an assignment. Which marks need it is for people to say.

    add 2                       two percentage points more
    multiply 1.05
    map 0:0 40:45 100:100       straight lines between these points, from 0 to 100
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from graders.record.decisions import decimal_of

FORMS = "write add 2, multiply 1.05, or map 0:0 40:45 100:100"


def scaling(text: str) -> Callable[[Fraction], Fraction]:
    """The map of marks in per cent that a text declares; what leaves 0 to 100 is held there.

    A map may not fall: the order of the marks stays.

    Raises:
        ValueError: it is none of the forms.
    """
    word, _, rest = text.strip().partition(" ")
    if word in ("add", "multiply"):
        number = decimal_of(rest)
        if number is None or (word == "multiply" and number <= 0):
            raise ValueError(f'"{text}" is no moderation: {FORMS}')
        by = Fraction(number)
        return lambda mark: _held(mark + by if word == "add" else mark * by)
    points = [_point(pair) for pair in rest.split()] if word == "map" else []
    known = [point for point in points if point is not None]
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(known))
    if len(known) < 2 or len(known) < len(points) or not rising or known[0][0] != 0 or known[-1][0] != 100:
        raise ValueError(f'"{text}" is no moderation: {FORMS}')

    def mapped(mark: Fraction) -> Fraction:
        left, right = next((a, b) for a, b in pairwise(known) if mark <= b[0])
        return _held(left[1] + (right[1] - left[1]) * (mark - left[0]) / (right[0] - left[0]))

    return mapped


def _point(pair: str) -> tuple[Fraction, Fraction] | None:
    one, _, other = (decimal_of(part) for part in pair.partition(":")) if ":" in pair else (None, None, None)
    return None if one is None or other is None else (Fraction(one), Fraction(other))


def _held(mark: Fraction) -> Fraction:
    return min(Fraction(100), max(Fraction(0), mark))
