"""How far each of some grid points lies from the nearest of others, in mm, exactly. No surface is found here.

Most points of one surface lie close to the other, so rows of the grid are searched in the order of their distance:
along each row the step to its nearest goal is known from two sweeps, and a point is finished once no row that is
left can hold a nearer goal. What a bounded search leaves is in `far.py`. Squares are added in SciPy's order, so that a
distance has the very bits of `distance_transform_edt`.
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
"""What a look from a point along a row costs, measured."""
FEW_LOOKS = 10
"""Where the ways of `far.py` cost no more than so many looks for each point, no search is tried."""
SHARE = 0.5
"""A search may cost so much of what they would, or points that it cannot settle would be paid for twice."""
LOOKS_AT_ONCE = 8192
"""Where few points are left, many rows are searched at once: to call NumPy for fewer looks costs more than they do."""


def nearest_both_ways(one: Ints, other: Ints, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Distances in mm from every point of `one` (3, n) to the nearest of `other` (3, m), and back; n, m > 0.

    Points are grid indices, spacing is in mm. Both directions share one search, as much of it is calling NumPy.
    """
    box, other_box = box_of(one), box_of(other)
    squares = np.full(box.points + other_box.points, np.inf)
    left = np.arange(len(squares))
    cost = min(costs(box, other_box)) + min(costs(other_box, box))
    if cost > FEW_LOOKS * LOOK_NS * len(squares):
        left = _search_rows(one, other, box.around(other_box), spacing, squares, SHARE * cost / LOOK_NS)
    forth, back = left[left < one.shape[1]], left[left >= one.shape[1]]
    if forth.size:
        squares[forth] = far(one.take(forth, axis=1), other, spacing)
    if back.size:
        squares[back] = far(other.take(back - one.shape[1], axis=1), one, spacing)
    np.sqrt(squares, out=squares)
    return squares[: one.shape[1]], squares[one.shape[1] :]


def _search_rows(one: Ints, other: Ints, box: Box, spacing: tuple[float, ...], squares: Floats, budget: float) -> Ints:
    """Fills in the squared distances that a search of `budget` looks proves; the positions of the others."""
    low, shape, _ = box
    along = min((1, 2, 0), key=lambda axis: spacing[axis])  # rows along the finest axis: the fewest in a radius
    p, q = (axis for axis in range(3) if axis != along)
    rings = _rings(spacing[p], spacing[q], int(shape[p]), int(shape[q]))
    # What is beyond one end of a line or plane is the margin behind the one before, the array's own end before all.
    width = int(shape[q]) + rings.reach[1]
    plane = (int(shape[p]) + rings.reach[0]) * width

    # One's starts look into the plane of other's goals, other's starts into the plane of one's goals behind it.
    rows = np.concatenate([one[along], other[along]]) - low[along]
    seen = np.concatenate([(points[p] - low[p]) * width + points[q] - low[q] for points in (one, other)])
    held = seen.copy()
    held[: one.shape[1]] += plane
    seen[one.shape[1] :] += plane
    steps = steps_along(rows, held, (int(shape[along]), 2 * plane))
    look, square = steps.ravel(), squares_of(steps, spacing[along])
    at = rows * (2 * plane) + seen
    all_moves = rings.moves_p * width + rings.moves_q
    left, best, ring = np.arange(len(at)), squares.copy(), 0
    while True:
        # What is nearer than every row that is left is final. Equal is as near.
        unsure = best > rings.squares[ring]
        count = np.count_nonzero(unsure)
        over = not count or budget < 0 or ring == len(rings.moves_p)
        if over or count < 0.8 * len(at):
            squares[left] = best
            kept = np.flatnonzero(unsure)  # masks would select more slowly
            left, at, best = left.take(kept), at.take(kept), best.take(kept)
        if over:
            return left
        some = slice(ring, ring + max(1, LOOKS_AT_ONCE // (4 * len(at))))
        moves = all_moves[some, : rings.distinct[some].max()]
        budget -= moves.size * len(at)
        step = look.take(at + moves[:, :1])
        for move in moves.T[1:, :, None]:
            np.minimum(step, look.take(at + move), out=step)
        sums = _in_order(along, square.take(step), rings.squares_p[some], rings.squares_q[some])
        np.minimum(best, sums.min(axis=0), out=best)
        ring += len(moves)


def _in_order(along: int, row: Floats, p: Floats, q: Floats) -> Floats:
    """The three squares added as SciPy adds them: first axis, second, third."""
    return np.asarray((row + p) + q if along == 0 else (p + row) + q if along == 1 else (p + q) + row)


class Rings(NamedTuple):
    """Steps across rows, by distance: each ring is the rows (+-p, +-q)."""

    squares: Floats
    """(rings + 1,) mm² to each ring's rows; the last is what lies beyond them all."""
    squares_p: Floats
    """(rings, 1) mm² of the step along the first axis alone."""
    squares_q: Floats
    """The same of the second."""
    moves_p: Ints
    """(rings, 4) signed steps along the first axis; where a step is 0, the distinct ones come first."""
    moves_q: Ints
    """The same of the second."""
    distinct: Ints
    """(rings,) how many of the four differ."""
    reach: tuple[int, int]
    """The largest step along either axis."""


@lru_cache(maxsize=256)
def _rings(p_mm: float, q_mm: float, p_size: int, q_size: int) -> Rings:
    """About `ROWS` rows around a point, as far as a grid of these sizes has them."""
    radius = np.sqrt(ROWS * p_mm * q_mm / np.pi)
    reach = (int(min(radius // p_mm, p_size - 1)), int(min(radius // q_mm, q_size - 1)))
    # Rows outside the reach are as far as one step more along either axis, unless the box ends before.
    beyond = [((steps + 1) * mm) ** 2 for steps, mm, size in zip(reach, (p_mm, q_mm), (p_size, q_size), strict=True)
              if steps < size - 1]  # fmt: skip
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
