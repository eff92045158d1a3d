"""How far the rims of two masks overlap: boundary IoU. Distances between surfaces are in `geometry.py`.

The rim of a mask are its voxels that lie near what is outside it; the array's edge is outside. So a large object cannot
hide an outline that is wrong behind a core that is right. Both empty: 1. One empty: 0.

    Cheng, Girshick, Dollar, Berg & Kirillov: Boundary IoU. CVPR 2021, arXiv:2103.16562.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.geometry import spacing_of
from graders.metrics.given import reach_of, whole
from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Mask = NDArray[np.bool_]


def boundary_iou(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """IoU per case, 0 to 1, of the rims within `at` voxels of what is outside, diagonals counted as one step.

    So is the authors' code, whose width is 2 % of the image's diagonal. It knows no spacing: where voxels are not cubes
    take `boundary_iou@2mm`.
    """
    steps = whole(at, "the width of a rim in voxels")

    def near(mask: Mask) -> Mask:
        return np.asarray(ndimage.distance_transform_cdt(mask, "chessboard") <= steps)

    return _each(answers, truths, [near] * len(truths))


def boundary_iou_mm(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """IoU per case, 0 to 1, of the rims whose voxels' centres lie within `at` mm of the centre of one outside.

    A voxel with a neighbour by a face outside is of the rim whatever `at` is: the rim of thick slices is never empty.
    """
    near = [_within(spacing_of(truth, case), at) for truth, case in zip(truths, cases, strict=True)]
    return _each(answers, truths, near)


def _within(spacing: Sequence[float], tolerance: float) -> Callable[[Mask], Mask]:
    reach = reach_of(tolerance)

    def near(mask: Mask) -> Mask:
        inside = ndimage.distance_transform_edt(mask, sampling=spacing)
        return np.asarray((inside <= reach) | ~ndimage.binary_erosion(mask))

    return near


def _each(answers: Array, truths: Array, near: Sequence[Callable[[Mask], Mask]]) -> Floats:
    """`near` says of each case's mask which of its voxels lie near what is outside it."""
    found = []
    for answer, truth, of_case in zip(*as_masks(answers, truths), near, strict=True):
        # What is beyond the box is outside either mask, and so is the array's edge.
        one, other = (np.pad(mask, 1) for mask in cut(answer, truth))
        one, other = one & of_case(one), other & of_case(other)
        either = np.count_nonzero(one | other)
        found.append(np.count_nonzero(one & other) / either if either else 1.0)
    return np.array(found, dtype=np.float64)
