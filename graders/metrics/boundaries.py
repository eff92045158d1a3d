"""Overlap of the rims of two masks: boundary IoU. Distances between surfaces are in `geometry.py`.

The rim of a mask consists of its voxels near the outside of the mask; beyond the array's edge is outside. So the
correct core of a large object cannot hide a wrong outline. Both masks empty: 1. One mask empty: 0.

    Cheng, Girshick, Dollar, Berg & Kirillov: Boundary IoU. CVPR 2021, arXiv:2103.16562.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.checks import reach_of, whole
from graders.metrics.geometry import spacing_of
from graders.metrics.metric import Array, CaseInfo, Floats
from graders.metrics.overlap import as_masks
from graders.metrics.pairs import cut

Mask = NDArray[np.bool_]


def boundary_iou(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """IoU of the rims per case, 0 to 1; a rim is the voxels within `at` steps of the outside, a diagonal is one step.

    The authors' code counts steps in the same way; its width is 2 % of the image's diagonal. The metric ignores the
    spacing: where voxels are not cubes, use `boundary_iou@2mm`. Both empty: 1. One empty: 0.
    """
    steps = whole(at, "the width of a rim in voxels")

    def near(mask: Mask) -> Mask:
        return np.asarray(ndimage.distance_transform_cdt(mask, "chessboard") <= steps)

    return _each(predictions, truths, [near] * len(truths))


def boundary_iou_mm(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """IoU of the rims per case, 0 to 1; a rim is the voxels within `at` mm of the outside, between voxel centres.

    A voxel that shares a face with an outside voxel is in the rim whatever `at` is, so that the rim of thick slices is
    never empty. Both empty: 1. One empty: 0.
    """
    near = [_within(spacing_of(truth, case), at) for truth, case in zip(truths, cases, strict=True)]
    return _each(predictions, truths, near)


def _within(spacing: Sequence[float], tolerance: float) -> Callable[[Mask], Mask]:
    reach = reach_of(tolerance)

    def near(mask: Mask) -> Mask:
        inside = ndimage.distance_transform_edt(mask, sampling=spacing)
        return np.asarray((inside <= reach) | ~ndimage.binary_erosion(mask))

    return near


def _each(predictions: Array, truths: Array, near: Sequence[Callable[[Mask], Mask]]) -> Floats:
    """The IoU of each case's rims; `near` has a function for each case, from a mask to its voxels near the outside."""
    values = []
    for prediction, truth, near_outside in zip(*as_masks(predictions, truths), near, strict=True):
        # Beyond the box, and beyond the array's edge, everything is outside both masks.
        rims = [mask & near_outside(mask) for mask in (np.pad(mask, 1) for mask in cut(prediction, truth))]
        either = np.count_nonzero(rims[0] | rims[1])
        values.append(np.count_nonzero(rims[0] & rims[1]) / either if either else 1.0)
    return np.array(values, dtype=np.float64)
