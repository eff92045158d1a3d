"""Distances between the surfaces of two label maps, both ways, every class, exactly. What is made of them is in
`geometry.py`.

There are two kinds of surface in the literature, and both are here:

voxels  the class's voxels with a neighbour by a face outside it; the array's edge is outside. Distances run between
        voxel centres. MedPy, MONAI, Metrics Reloaded.
surfels the corners between 2x2x2 voxels (2x2 pixels) of which some are the class's; each weighs the area (length) that
        marching cubes gives the surface within it. DeepMind's surface-distance.

    Nikolov et al.: Clinically applicable segmentation of head and neck anatomy for radiotherapy. J Med Internet Res 23
    (2021), doi:10.2196/26151.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graders.metrics.far import Ints
from graders.metrics.metric import Floats
from graders.metrics.nearest import nearest_both_ways
from graders.metrics.pairs import Labels, Pair, common_box
from graders.metrics.surfels import contour_lengths, surface_areas


@dataclass(frozen=True)
class Distances:
    """Between the surfaces of an answer and a truth; infinite where the other has none. Both are empty: no values."""

    to_truth: Floats
    """(n,) mm, from each element of the answer's surface to the nearest of the truth's."""
    to_answer: Floats
    """(m,) mm, the other way."""
    answer_areas: Floats | None = None
    """(n,) mm² (mm in 2-D) of each element; None: all weigh the same."""
    truth_areas: Floats | None = None
    """(m,)."""

    @property
    def empty(self) -> int:
        """How many of the two have no surface: 0, 1 or 2."""
        return (not self.to_truth.size) + (not self.to_answer.size)


def voxel_distances(pair: Pair) -> dict[int, Distances]:
    """Distances between surface voxels, by class."""
    surfaces = [_surface_voxels(labels) for labels in (pair.answer, pair.truth)]
    found = {}
    for c in pair.classes:
        answer, truth = (_indices(points[held == c], pair.answer.shape) for points, held in surfaces)
        found[c] = Distances(*_both_ways(answer, truth, _lifted(pair.spacing)))
    return found


def surfel_distances(pair: Pair) -> dict[int, Distances]:
    """Distances between surfels with their areas, by class; 2-D and 3-D."""
    if len(pair.spacing) not in (2, 3):
        raise ValueError(f"surfels are of images with 2 or 3 axes, not {len(pair.spacing)}")
    areas = surface_areas(pair.spacing) if len(pair.spacing) == 3 else contour_lengths(pair.spacing)
    found = {}
    for c, answer, truth in _masks(pair):
        (one, weight), (other, other_weight) = (_surfels(mask, areas) for mask in (answer, truth))
        found[c] = Distances(*_both_ways(one, other, _lifted(pair.spacing)), weight, other_weight)
    return found


def _both_ways(answer: Ints, truth: Ints, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    if answer.shape[1] and truth.shape[1]:
        return nearest_both_ways(answer, truth, spacing)
    return np.full(answer.shape[1], np.inf), np.full(truth.shape[1], np.inf)


def _surface_voxels(labels: Labels) -> tuple[Ints, Labels]:
    """Flat indices (n,) of the voxels of any class with a face neighbour of another, and their classes (n,)."""
    flat = labels.ravel()
    differs = np.zeros(labels.shape, dtype=bool)
    edge = differs.ravel()
    step = 1
    for size in reversed(labels.shape):
        # From the end of a row this steps into the next one: both voxels lie on the box's faces, which are all edge.
        other = flat[step:] != flat[:-step]
        edge[step:] |= other
        edge[:-step] |= other
        step *= size
    for axis in range(labels.ndim):
        # The box holds every label, so beyond it there is none.
        rows = np.moveaxis(differs, axis, 0)
        rows[:1] = rows[-1:] = True
    edge &= flat != 0
    found = np.flatnonzero(edge)
    return found, flat[found]


def _masks(pair: Pair) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Each class's two masks, 0 and 1, cut to the box that holds both."""
    for c in pair.classes:
        if len(pair.classes) == 1 and c == 1:
            yield c, pair.answer, pair.truth
        else:
            answer, truth = (pair.answer == c).view(np.uint8), (pair.truth == c).view(np.uint8)
            box = common_box(answer, truth)
            yield c, answer[box], truth[box]


def _surfels(mask: NDArray[np.uint8], areas: Floats) -> tuple[Ints, Floats]:
    """Indices (3, n) of the corners that see both sides, in a grid one larger than the mask's; their areas (n,).

    A corner's code has a bit for each voxel around it, the highest for the first in C order.
    """
    padded = np.zeros([size + 2 for size in mask.shape], np.uint8)
    padded[(slice(1, -1),) * mask.ndim] = mask
    code: NDArray[np.uint8] = padded.ravel()
    step = 1
    for size, bits in zip(reversed(padded.shape), (1, 2, 4), strict=False):
        # From the end of a row this steps into the next one: there is only padding, whose code is 0.
        code = (code[:-step] << np.uint8(bits)) | code[step:]
        step *= size
    full = len(areas) - 1
    found = np.flatnonzero((code - np.uint8(1)) < full - 1)  # 0 wraps to 255: neither none nor all
    return _indices(found, padded.shape), areas[code[found]]


def _indices(flat: Ints, shape: tuple[int, ...]) -> Ints:
    """Grid indices (3, n) of flat ones; missing leading axes are 0."""
    found = np.zeros((3, len(flat)), dtype=np.intp)
    rest = flat
    for axis in range(len(shape) - 1, 0, -1):
        above = rest // shape[axis]
        np.subtract(rest, above * shape[axis], out=found[axis - len(shape)])
        rest = above
    found[-len(shape)] = rest
    return found


def _lifted(spacing: tuple[float, ...]) -> tuple[float, ...]:
    return (1.0,) * (3 - len(spacing)) + spacing
