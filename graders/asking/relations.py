"""How a wrong answer is related to the expected one, by a closed list: its name crosses to the page, no value does.

A relation is named only where it makes the answer right everywhere, and where chance would not: a single number is some
multiple of every other one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from assignments.testing import Comparison, agree

Array = np.ndarray[Any, Any]

MOST = 500_000
"""Numbers in an answer that is looked at: the search costs the host about 50 times the comparison itself."""
AXES = 4
"""Axes of an answer whose order is tried: 24 orders."""
HALF = 2.0**-10
"""Relative rounding of float16."""


def relation_of(comparison: Comparison) -> str | None:
    """The name of the first relation that holds; `graders.marks.words` has its words. None where none does."""
    got, want = comparison.answer, comparison.expected
    if not (0 < want.size <= MOST and 0 < got.size <= MOST) or not np.isfinite(want).all():
        return None
    if got.dtype.kind == "f" and not np.isfinite(got).all():
        return "not_finite"
    with np.errstate(all="ignore"):
        return next(_relations(got, want, comparison.atol, comparison.rtol), None)


def mistake_of(comparison: Comparison) -> str:
    """The misconception with which the answer would be this; empty if there is none, or more than one."""
    answer, atol, rtol = comparison.answer, comparison.atol, comparison.rtol
    as_with = [id for id, value in comparison.mistaken.items() if agree(answer, value, atol, rtol)]
    return as_with[0] if len(as_with) == 1 else ""


def _relations(got: Array, want: Array, atol: float, rtol: float) -> Iterator[str]:
    a, b = got.astype(np.float64), want.astype(np.float64)

    def right(changed: Array) -> bool:
        return agree(changed, b, atol, rtol)

    if a.shape != b.shape:
        if a.size == b.size and a.squeeze().shape == b.squeeze().shape and right(a.reshape(b.shape)):
            yield "extra_axis"
        yield from _reordered(a, b, right)
        return
    if not _varies(b, atol, rtol):
        return  # a constant is a multiple of every other, and equal in any order
    if agree(a, b, max(atol, HALF * float(np.abs(b).max())), max(rtol, HALF)):
        yield "nearly"
    if right(-a):
        yield "sign"
    if right(1 - a):
        yield "complement"
    if _varies(a, atol, rtol):
        # The factor and the offset of the least squares; the first is right only where the second is nothing.
        factor = float((a * b).sum() / (a * a).sum())
        if right(factor * a):
            yield "factor"
        if right(a + (b.mean() - a.mean())):
            yield "offset"
    yield from _reordered(a, b, right)
    for axis in range(b.ndim):
        if b.shape[axis] > 2 and _shifted(a, b, axis, atol, rtol):
            yield "shift"
    if want.dtype.kind in "bui" and got.dtype.kind in "bui" and len(np.unique(want[got != want])) == 1:
        yield "one_class"


def _varies(array: Array, atol: float, rtol: float) -> bool:
    """Whether the numbers differ by clearly more than what counts as equal."""
    return array.size > 1 and float(np.ptp(array)) > 10 * (atol + rtol * float(np.abs(array).max()))


def _reordered(a: Array, b: Array, right: Any) -> Iterator[str]:
    """Axes in another order, or one of them reversed."""
    if a.ndim != b.ndim or not 1 <= a.ndim <= AXES:
        return
    for order in permutations(range(a.ndim)):
        if order != tuple(range(a.ndim)) and a.transpose(order).shape == b.shape and right(a.transpose(order)):
            yield "transpose" if a.ndim == 2 else "axis_order"
    for axis in range(a.ndim):
        if a.shape == b.shape and a.shape[axis] > 1 and right(np.flip(a, axis)):
            yield "reversed"


def _shifted(a: Array, b: Array, axis: int, atol: float, rtol: float) -> bool:
    """Whether the answer is the expected one, one step further along an axis."""
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    pairs = ((a[1:], b[:-1]), (a[:-1], b[1:]))
    return any(_varies(right, atol, rtol) and agree(left, right, atol, rtol) for left, right in pairs)
