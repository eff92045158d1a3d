"""How far each of some grid points lies from the nearest of others, in mm, exactly. No surface is found here.

Most points of one surface lie close to the other, so rows of the grid are searched in the order of their distance:
along each row the step to its nearest goal is known from two sweeps, and a point is finished once no row that is
left can hold a nearer goal. What a bounded search leaves goes to a k-d tree if it is little, else to SciPy's
feature transform. Squares are added in SciPy's order, so that a distance has the very bits of `distance_transform_edt`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from graders.metrics.metric import Floats

Ints: TypeAlias = NDArray[np.intp]

ROWS = 400
"""About so many rows around a point are searched at most."""
SEARCH_NS, TRANSFORM_NS, TREE_NS, QUERY_NS = 6.0, 45.0, 250.0, 6000.0
"""What a step costs, measured: a point and a row, a voxel, a goal in the tree, a query of it."""


def nearest(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    """Distance in mm of every start (3, n) to its nearest goal (3, m), m > 0; grid indices, spacing in mm."""
    low = np.minimum(starts.min(axis=1), goals.min(axis=1))
    starts, goals = starts - low[:, None], goals - low[:, None]
    shape = np.maximum(starts.max(axis=1), goals.max(axis=1)) + 1
    squares = np.full(starts.shape[1], np.inf)
    left = _search_rows(starts, goals, shape, spacing, squares)
    if left.size:
        squares[left] = _far(starts[:, left], goals, shape, spacing)
    return np.asarray(np.sqrt(squares, out=squares))


def _search_rows(starts: Ints, goals: Ints, shape: Ints, spacing: tuple[float, ...], squares: Floats) -> Ints:
    """Fills in the squared distances that a bounded search proves; the positions of the others."""
    along = min((1, 2, 0), key=lambda axis: spacing[axis])  # rows along the finest axis: the fewest in a radius
    p, q = (axis for axis in range(3) if axis != along)
    rings, (reach_p, reach_q) = _rings(spacing[p], spacing[q], int(shape[p]), int(shape[q]))
    width = int(shape[q]) + 2 * reach_q
    plane = (int(shape[p]) + 2 * reach_p) * width
    steps = _steps_along(goals, along, p, q, int(shape[along]), plane, width, reach_p, reach_q)
    none = np.iinfo(steps.dtype).max - 1
    square: Floats = (np.arange(none + 1, dtype=np.float64) * spacing[along]) ** 2
    square[none] = np.inf
    at = starts[along] * plane + (starts[p] + reach_p) * width + (starts[q] + reach_q)
    budget = 0.25 * TRANSFORM_NS * float(np.prod(shape)) / SEARCH_NS
    left, best = np.arange(len(at)), squares.copy()
    for radius, dp, dq in rings:
        # What is nearer than every row that is left is final. Equal is as near.
        unsure = best > radius
        count = np.count_nonzero(unsure)
        if count < 0.8 * len(at):
            squares[left] = best
            left, at, best = left[unsure], at[unsure], best[unsure]
        if not count or budget < 0:
            break
        first, *moves = {sign_p * dp * width + sign_q * dq for sign_p in (1, -1) for sign_q in (1, -1)}
        budget -= (1 + len(moves)) * len(at)
        step = steps.take(at + first)
        for move in moves:
            np.minimum(step, steps.take(at + move), out=step)
        np.minimum(best, _in_order(along, square, (dp * spacing[p]) ** 2, (dq * spacing[q]) ** 2).take(step), out=best)
    else:
        radius = rings[-1][0]  # the last ring is a sentinel without rows: all of a nearer radius were searched
    squares[left] = best
    return left[best > radius] if len(left) else left


def _in_order(along: int, row: Floats, p: float, q: float) -> Floats:
    """The three squares added as SciPy adds them: first axis, second, third."""
    return np.asarray((row + p) + q if along == 0 else (p + row) + q if along == 1 else (p + q) + row)


Rings: TypeAlias = tuple[tuple[float, int, int], ...]


@lru_cache(maxsize=256)
def _rings(p_mm: float, q_mm: float, p_size: int, q_size: int) -> tuple[Rings, tuple[int, int]]:
    """Steps (dp, dq >= 0) to rows with their squared distance, in its order, and a sentinel; the reach of both."""
    radius = np.sqrt(ROWS * p_mm * q_mm / np.pi)
    reach_p, reach_q = (int(min(radius // mm, size - 1)) for mm, size in ((p_mm, p_size), (q_mm, q_size)))
    # Rows outside the reach are as far as one step more along either axis, unless the box ends before.
    beyond = [((reach + 1) * mm) ** 2 for reach, mm, size in ((reach_p, p_mm, p_size), (reach_q, q_mm, q_size))
              if reach < size - 1]  # fmt: skip
    limit = min(beyond, default=np.inf)
    rings = [((dp * p_mm) ** 2 + (dq * q_mm) ** 2, dp, dq) for dp in range(reach_p + 1) for dq in range(reach_q + 1)]
    return (*sorted(ring for ring in rings if ring[0] < limit), (limit, 0, 0)), (reach_p, reach_q)


def _steps_along(
    goals: Ints, along: int, p: int, q: int, rows: int, plane: int, width: int, reach_p: int, reach_q: int
) -> NDArray[np.unsignedinteger]:
    """Voxels to the nearest goal along the row through each voxel, flat, (rows, plane); the largest but one is none."""
    kind = np.uint8 if rows < 254 else np.uint16 if rows < 65534 else np.uint32
    none = np.iinfo(kind).max - 1
    steps = np.full((rows, plane), none, kind)
    steps[goals[along], (goals[p] + reach_p) * width + goals[q] + reach_q] = 0
    one_more = np.empty(plane, kind)
    for order in (range(1, rows), range(rows - 2, -1, -1)):
        back = -1 if order.step > 0 else 1
        for row in order:
            np.add(steps[row + back], 1, out=one_more)
            np.minimum(steps[row], one_more, out=steps[row])
    return steps.ravel()


def _far(starts: Ints, goals: Ints, shape: Ints, spacing: tuple[float, ...]) -> Floats:
    """Squared distances of what the search left, by the cheaper of two exact ways."""
    voxels, count = float(np.prod(shape)), starts.shape[1]
    if count * QUERY_NS + goals.shape[1] * TREE_NS < voxels * TRANSFORM_NS:
        scale = np.array(spacing)
        tree = KDTree(goals.T * scale, balanced_tree=False, compact_nodes=False)
        found = goals[:, np.asarray(tree.query(starts.T * scale)[1], dtype=np.intp)]
    else:
        free = np.ones(tuple(shape), dtype=bool)
        free[tuple(goals)] = False
        to = ndimage.distance_transform_edt(free, sampling=spacing, return_distances=False, return_indices=True)
        found = np.stack([axis[tuple(starts)] for axis in to]).astype(np.intp)
    squares = [((goal - start) * mm) ** 2 for goal, start, mm in zip(found, starts, spacing, strict=True)]
    return np.asarray((squares[0] + squares[1]) + squares[2])
