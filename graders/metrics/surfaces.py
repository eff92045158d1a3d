"""Exact distances between the surfaces of two label maps, both ways, for every class.

The metrics of these distances are in `geometry.py`. The literature has two kinds of surface, and both are here:

voxels  the class's voxels that share a face with a voxel outside it; beyond the array's edge is outside. Distances run
        between voxel centres. MedPy, MONAI, Metrics Reloaded.
surfels the corners between 2x2x2 voxels (2x2 pixels) of which some but not all are the class's. Each weighs the area
        (length) of the surface within it by marching cubes. DeepMind's surface-distance.

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
    """Distances between the surfaces of a prediction and a truth; infinite where the other surface is empty."""

    to_truth: Floats
    """(n,) mm, from each element of the prediction's surface to the nearest of the truth's."""
    to_prediction: Floats
    """(m,) mm, from each element of the truth's surface to the nearest of the prediction's."""
    prediction_areas: Floats | None = None
    """(n,) mm² (mm in 2-D) of each element of the prediction's surface; None: all weigh the same."""
    truth_areas: Floats | None = None
    """(m,) the same for the truth's surface."""

    @property
    def empty(self) -> int:
        """How many of the two surfaces are empty: 0, 1 or 2."""
        return (not self.to_truth.size) + (not self.to_prediction.size)


def voxel_distances(pair: Pair) -> dict[int, Distances]:
    """Distances between surface voxels, by class."""
    surfaces = [_surface_voxels(labels) for labels in (pair.prediction, pair.truth)]
    by_class = {}
    for c in pair.classes:
        prediction, truth = (_indices(points[labels == c], pair.prediction.shape) for points, labels in surfaces)
        by_class[c] = Distances(*_both_ways(prediction, truth, _lifted(pair.spacing)))
    return by_class


def surfel_distances(pair: Pair) -> dict[int, Distances]:
    """Distances between surfels with their areas, by class; 2-D and 3-D."""
    if len(pair.spacing) not in (2, 3):
        raise ValueError(f"surfels need an image with 2 or 3 axes, not {len(pair.spacing)}")
    areas = surface_areas(pair.spacing) if len(pair.spacing) == 3 else contour_lengths(pair.spacing)
    by_class = {}
    for c, *masks in _masks(pair):
        (prediction, prediction_areas), (truth, truth_areas) = (_surfels(mask, areas) for mask in masks)
        both_ways = _both_ways(prediction, truth, _lifted(pair.spacing))
        by_class[c] = Distances(*both_ways, prediction_areas, truth_areas)
    return by_class


def _both_ways(prediction: Ints, truth: Ints, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    if prediction.shape[1] and truth.shape[1]:
        return nearest_both_ways(prediction, truth, spacing)
    return np.full(prediction.shape[1], np.inf), np.full(truth.shape[1], np.inf)


def _surface_voxels(labels: Labels) -> tuple[Ints, Labels]:
    """Flat indices (n,) of the voxels of any class with a face neighbour of another, and their classes (n,)."""
    flat = labels.ravel()
    differs = np.zeros(labels.shape, dtype=bool)
    edge = differs.ravel()
    step = 1
    for size in reversed(labels.shape):
        # From the end of a row this steps into the next row: both voxels lie on the box's faces, which are all edge.
        other = flat[step:] != flat[:-step]
        edge[step:] |= other
        edge[:-step] |= other
        step *= size
    for axis in range(labels.ndim):
        # The box contains every label, so beyond it everything is outside.
        rows = np.moveaxis(differs, axis, 0)
        rows[:1] = rows[-1:] = True
    edge &= flat != 0
    indices = np.flatnonzero(edge)
    return indices, flat[indices]


def _masks(pair: Pair) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Each class's two masks, 0 and 1, cut to the box that contains both."""
    for c in pair.classes:
        if len(pair.classes) == 1 and c == 1:
            yield c, pair.prediction, pair.truth
        else:
            prediction, truth = (pair.prediction == c).view(np.uint8), (pair.truth == c).view(np.uint8)
            box = common_box(prediction, truth)
            yield c, prediction[box], truth[box]


def _surfels(mask: NDArray[np.uint8], areas: Floats) -> tuple[Ints, Floats]:
    """Indices (3, n) of the corners between inside and outside, in a grid one larger than the mask's; their areas (n,).

    A corner's code has a bit for each voxel around it; the highest bit is for the first voxel in C order.
    """
    padded = np.zeros([size + 2 for size in mask.shape], np.uint8)
    padded[(slice(1, -1),) * mask.ndim] = mask
    code: NDArray[np.uint8] = padded.ravel()
    step = 1
    for size, bits in zip(reversed(padded.shape), (1, 2, 4), strict=False):
        # From the end of a row this steps into the next row, where there is only padding, whose code is 0.
        code = (code[:-step] << np.uint8(bits)) | code[step:]
        step *= size
    full = len(areas) - 1
    mixed = np.flatnonzero((code - np.uint8(1)) < full - 1)  # neither 0, which wraps to 255, nor all bits
    return _indices(mixed, padded.shape), areas[code[mixed]]


def _indices(flat: Ints, shape: tuple[int, ...]) -> Ints:
    """Grid indices (3, n) from flat indices; missing leading axes are 0."""
    indices = np.zeros((3, len(flat)), dtype=np.intp)
    rest = flat
    for axis in range(len(shape) - 1, 0, -1):
        above = rest // shape[axis]
        np.subtract(rest, above * shape[axis], out=indices[axis - len(shape)])
        rest = above
    indices[-len(shape)] = rest
    return indices


def _lifted(spacing: tuple[float, ...]) -> tuple[float, ...]:
    return (1.0,) * (3 - len(spacing)) + spacing
