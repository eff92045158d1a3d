"""Exact distances from grid points to goals that are not near, by the cheapest of three methods.

tree       a k-d tree of the goals, where there are few points.
planes     the nearest goal along one axis by two sweeps, along the next axis at every level that contains a point, and
           along the last axis at the points alone; where boxes are small or flat.
transform  SciPy's feature transform of the box around all points and goals.

Squares are added in SciPy's order, first axis to last, so a distance has exactly the bits of `distance_transform_edt`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from graders.metrics.metric import Floats

Ints: TypeAlias = NDArray[np.intp]
Steps: TypeAlias = NDArray[np.unsignedinteger]

TREE_NS, QUERY_NS = 250.0, 6000.0
TRANSFORM_NS, FETCH_NS = 45.0, 20.0
LEVEL_NS, ACROSS_NS = 0.7, 2.5
"""Measured costs. Tree: a goal, a query. Transform: a voxel, a point. Planes: a column seen from a level, a point."""
CALL = 2000
"""Calling NumPy for a level takes as long as looking at so many columns."""
POINTS_AT_ONCE = 1024
"""The rows of so many points fit in the cache."""


def far(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    """Squared distance in mm² of every start (3, n) to its nearest goal (3, m); n, m > 0, spacing in mm."""
    methods = (_by_tree, _by_planes, _by_transform)
    return methods[int(np.argmin(costs(box_of(starts), box_of(goals))))](starts, goals, spacing)


class Box(NamedTuple):
    """The smallest box around a set of grid points."""

    low: Ints
    """(3,) smallest index along each axis."""
    sizes: Ints
    """(3,) number of levels from the smallest to the largest index."""
    points: int

    def around(self, other: Box) -> Box:
        """The box around the points of both."""
        low = np.minimum(self.low, other.low)
        sizes = np.maximum(self.low + self.sizes, other.low + other.sizes) - low
        return Box(low, sizes, self.points + other.points)


def box_of(points: Ints) -> Box:
    """The box around points (3, n), n > 0."""
    low = points.min(axis=1)
    return Box(low, points.max(axis=1) + 1 - low, points.shape[1])


def costs(starts: Box, goals: Box) -> tuple[float, float, float]:
    """The estimated nanoseconds that tree, planes and transform take."""
    level = _level_axis(starts, goals)
    seen = starts.sizes[level] * goals.sizes[level] * (float(starts.sizes[1 - level]) * goals.sizes[2] + CALL)
    return (
        goals.points * TREE_NS + starts.points * QUERY_NS,
        float(seen * LEVEL_NS + starts.points * goals.sizes[2] * ACROSS_NS),
        float(np.prod(starts.around(goals).sizes) * TRANSFORM_NS + starts.points * FETCH_NS),
    )


def steps_along(rows: Ints, columns: Ints, shape: tuple[int, int]) -> Steps:
    """Steps from each cell to the nearest goal in the same column; the number of rows stands for no goal there.

    Args:
        rows: The goals' rows, (m,).
        columns: The goals' columns, (m,).
        shape: Numbers of rows and columns.
    """
    none = shape[0]
    kind = np.min_scalar_type(none + 1)  # one step is added to `none` before the minimum is taken
    steps = np.full(shape, none, kind)
    steps[rows, columns] = 0
    one_more = np.empty(shape[1], kind)
    for order in (range(1, shape[0]), range(shape[0] - 2, -1, -1)):
        back = -1 if order.step > 0 else 1
        for row in order:
            np.add(steps[row + back], 1, out=one_more)
            np.minimum(steps[row], one_more, out=steps[row])
    return steps


def squares_of(steps: Steps, mm: float) -> Floats:
    """The table of mm² by number of steps of `mm` each; infinite where `steps_along` has no goal."""
    squares: Floats = (np.arange(len(steps) + 1, dtype=np.float64) * mm) ** 2
    squares[-1] = np.inf
    return squares


def _by_tree(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    scale = np.array(spacing)
    tree = KDTree(goals.T * scale, balanced_tree=False, compact_nodes=False)
    return _squares(starts, goals.take(tree.query(starts.T * scale)[1], axis=1), spacing)


def _by_transform(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    box = box_of(starts).around(box_of(goals))
    starts, goals = starts - box.low[:, None], goals - box.low[:, None]
    free = np.ones(box.sizes, dtype=bool)
    free[tuple(goals)] = False
    to = ndimage.distance_transform_edt(free, sampling=spacing, return_distances=False, return_indices=True)
    at = np.ravel_multi_index(tuple(starts), free.shape)
    return _squares(starts, to.reshape(3, -1).take(at, axis=1).astype(np.intp), spacing)


def _squares(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    first, second, third = (((to - at) * mm) ** 2 for to, at, mm in zip(goals, starts, spacing, strict=True))
    return np.asarray((first + second) + third)


def _by_planes(starts: Ints, goals: Ints, spacing: tuple[float, ...]) -> Floats:
    """One axis after another, the last axis last: so the minima are those of SciPy's sums, bit for bit."""
    here, there = box_of(starts), box_of(goals)
    level = _level_axis(here, there)
    along = 1 - level
    levels, rows, columns = (int(size) for size in (here.sizes[level], here.sizes[along], there.sizes[2]))
    seen_levels = int(there.sizes[level])

    both = here.around(there)
    flat = (goals[level] - there.low[level]) * columns + goals[2] - there.low[2]
    steps = steps_along(goals[along] - both.low[along], flat, (int(both.sizes[along]), seen_levels * columns))
    seen = steps[here.low[along] - both.low[along] :][:rows].reshape(rows, seen_levels, columns)
    near = squares_of(steps, spacing[along]).take(np.moveaxis(seen, 1, 0))  # (seen_levels, rows, columns)

    best: Floats = np.empty((levels, rows, columns))
    further = np.empty((rows, columns))
    for nearest_in_level, squares in zip(best, _between(here, there, level, spacing[level]), strict=True):
        np.add(near[0], squares[0], out=nearest_in_level)
        for each, square in zip(near[1:], squares[1:], strict=True):
            np.minimum(nearest_in_level, np.add(each, square, out=further), out=nearest_in_level)

    best = best.reshape(levels * rows, columns)
    row = (starts[level] - here.low[level]) * rows + starts[along] - here.low[along]
    across, column = _between(here, there, 2, spacing[2]), starts[2] - here.low[2]
    nearest = np.empty(here.points)
    for first in range(0, here.points, POINTS_AT_ONCE):
        block = slice(first, first + POINTS_AT_ONCE)
        sums = best.take(row[block], axis=0)
        sums += across.take(column[block], axis=0)
        sums.min(axis=1, out=nearest[block])
    return nearest


def _level_axis(starts: Box, goals: Box) -> int:
    """Of the first two axes, the one with fewer pairs of a start's level and a goal's level."""
    return int(np.argmin(starts.sizes[:2] * goals.sizes[:2]))


def _between(starts: Box, goals: Box, axis: int, mm: float) -> Floats:
    """Squares in mm² from each of the starts' indices along an axis to each of the goals', (starts, goals)."""
    here, there = (np.arange(box.low[axis], box.low[axis] + box.sizes[axis]) for box in (starts, goals))
    return np.asarray(((there - here[:, None]) * mm) ** 2)
