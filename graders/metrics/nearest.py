"""Exact distances in mm from each of some grid points to the nearest of others. `surfaces.py` finds the surfaces.

Most points of one surface lie close to the other. So rows of the grid are searched in the order of their distance: two
sweeps give the step to the nearest goal along each row, and a point is finished once no remaining row can contain a
nearer goal. Points that a bounded search does not settle go to `far.py`. Squares are added in SciPy's order, so that a
distance has exactly the bits of `distance_transform_edt`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from graders.metrics.far import Box, Ints, box_of, costs, far, squares_of, steps_along
from graders.metrics.metric import Floats

ROWS = 400
"""About so many rows around a point are searched at most."""
LOOK_NS = 6.0
"""The measured cost of a look from a point along a row."""
FEW_LOOKS = 10
"""Where the methods of `far.py` cost at most so many looks for each point, there is no search."""
SHARE = 0.5
"""A search may cost this share of the methods of `far.py`: points that it does not settle cost both."""
LOOKS_AT_ONCE = 8192
"""Where few points remain, many rows are searched at once: the call of NumPy costs more than fewer looks."""


def nearest_both_ways(first: Ints, second: Ints, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Distances in mm from every point of `first` (3, n) to the nearest of `second` (3, m), and back; n, m > 0.

    Points are grid indices, spacing is in mm. Both directions share one search, because calling NumPy is much of its
    cost.
    """
    box, second_box = box_of(first), box_of(second)
    squares = np.full(box.points + second_box.points, np.inf)
    left = np.arange(len(squares))
    cost = min(costs(box, second_box)) + min(costs(second_box, box))
    if cost > FEW_LOOKS * LOOK_NS * len(squares):
        left = _search_rows(first, second, box.around(second_box), spacing, squares, SHARE * cost / LOOK_NS)
    forth, back = left[left < first.shape[1]], left[left >= first.shape[1]]
    if forth.size:
        squares[forth] = far(first.take(forth, axis=1), second, spacing)
    if back.size:
        squares[back] = far(second.take(back - first.shape[1], axis=1), first, spacing)
    np.sqrt(squares, out=squares)
    return squares[: first.shape[1]], squares[first.shape[1] :]


def _search_rows(
    first: Ints, second: Ints, box: Box, spacing: tuple[float, ...], squares: Floats, budget: float
) -> Ints:
    """Writes the squared distances that a search of `budget` looks proves; the indices of the remaining points."""
    low, shape, _ = box
    along = min((1, 2, 0), key=lambda axis: spacing[axis])  # rows along the finest axis: the fewest in a radius
    p, q = (axis for axis in range(3) if axis != along)
    rings = _rings(spacing[p], spacing[q], int(shape[p]), int(shape[q]))
    # The margin beyond an end of a line or plane belongs to the previous one; before the first it is the array's end.
    width = int(shape[q]) + rings.reach[1]
    plane = (int(shape[p]) + rings.reach[0]) * width

    # The starts of `first` look into the plane with the goals of `second`; the starts of `second` into the plane
    # behind it, with the goals of `first`.
    rows = np.concatenate([first[along], second[along]]) - low[along]
    seen = np.concatenate([(points[p] - low[p]) * width + points[q] - low[q] for points in (first, second)])
    goals = seen.copy()
    goals[: first.shape[1]] += plane
    seen[first.shape[1] :] += plane
    steps = steps_along(rows, goals, (int(shape[along]), 2 * plane))
    look, square = steps.ravel(), squares_of(steps, spacing[along])
    at = rows * (2 * plane) + seen
    all_moves = rings.moves_p * width + rings.moves_q
    left, best, ring = np.arange(len(at)), squares.copy(), 0
    while True:
        # A distance below, or equal to, that of every remaining row is final.
        unsure = best > rings.squares[ring]
        count = np.count_nonzero(unsure)
        over = not count or budget < 0 or ring == len(rings.moves_p)
        if over or count < 0.8 * len(at):
            squares[left] = best
            remaining = np.flatnonzero(unsure)  # masks would select more slowly
            left, at, best = left.take(remaining), at.take(remaining), best.take(remaining)
        if over:
            return left
        block = slice(ring, ring + max(1, LOOKS_AT_ONCE // (4 * len(at))))
        moves = all_moves[block, : rings.distinct[block].max()]
        budget -= moves.size * len(at)
        step = look.take(at + moves[:, :1])
        for move in moves.T[1:, :, None]:
            np.minimum(step, look.take(at + move), out=step)
        sums = _in_order(along, square.take(step), rings.squares_p[block], rings.squares_q[block])
        np.minimum(best, sums.min(axis=0), out=best)
        ring += len(moves)


def _in_order(along: int, row: Floats, p: Floats, q: Floats) -> Floats:
    """The three squares added as SciPy adds them: first axis, second, third."""
    return np.asarray((row + p) + q if along == 0 else (p + row) + q if along == 1 else (p + q) + row)


class Rings(NamedTuple):
    """Steps across rows, by distance: each ring consists of the rows (+-p, +-q)."""

    squares: Floats
    """(rings + 1,) mm² to each ring's rows; the last value is the distance of all that lies beyond the rings."""
    squares_p: Floats
    """(rings, 1) mm² of the step along the first axis alone."""
    squares_q: Floats
    """The same for the second axis."""
    moves_p: Ints
    """(rings, 4) signed steps along the first axis; where a step is 0, the distinct moves come first."""
    moves_q: Ints
    """The same for the second axis."""
    distinct: Ints
    """(rings,) how many of the four moves differ."""
    reach: tuple[int, int]
    """The largest step along either axis."""


@lru_cache(maxsize=256)
def _rings(p_mm: float, q_mm: float, p_size: int, q_size: int) -> Rings:
    """About `ROWS` rows around a point, as far as a grid of these sizes contains them."""
    radius = np.sqrt(ROWS * p_mm * q_mm / np.pi)
    reach = (int(min(radius // p_mm, p_size - 1)), int(min(radius // q_mm, q_size - 1)))
    # The nearest row outside the reach is one more step away along either axis, unless the box ends before.
    axes = zip(reach, (p_mm, q_mm), (p_size, q_size), strict=True)
    beyond = [((steps + 1) * mm) ** 2 for steps, mm, size in axes if steps < size - 1]
    limit = min(beyond, default=np.inf)
    p, q = (steps.ravel() for steps in np.indices((reach[0] + 1, reach[1] + 1)))
    squares = (p * p_mm) ** 2 + (q * q_mm) ** 2
    order = np.argsort(squares, kind="stable")
    order = order[squares[order] < limit]
    p, q = p[order, None], q[order, None]
    squares_p: Floats = (p * np.float64(p_mm)) ** 2
    squares_q: Floats = (q * np.float64(q_mm)) ** 2
    return Rings(
        np.append(squares[order], limit),
        squares_p,
        squares_q,
        p * np.array([1, -1, 1, -1]),
        q * np.array([1, -1, -1, 1]),
        ((1 + (p > 0)) * (1 + (q > 0))).ravel(),
        reach,
    )
