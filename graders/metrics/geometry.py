"""How far apart the surfaces of two masks are, in millimetres. Overlap is in `overlap.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks


def hd95(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """95 % Hausdorff distance in mm per case: the larger of the two directed 95th percentiles.

    The surface is the mask's voxels with a neighbour (by a face) outside it; the array's edge is outside.
    Distances run between voxel centres, percentiles are interpolated linearly, as in Metrics Reloaded and
    MONAI; MedPy pools the directions, which is another number. Both empty: 0. One empty: the diagonal.

    Maier-Hein et al., "Metrics reloaded", Nature Methods 21 (2024).
    """
    answer, truth = as_masks(answers, truths)
    pairs = zip(answer, truth, truths, cases, strict=True)
    return np.array([_hd95(a, t, original, case) for a, t, original, case in pairs], dtype=np.float64)


def diagonal(truth: Array, case: Case) -> float:
    """Length of the image's diagonal in mm, from edge to edge: no distance within the image is longer."""
    return float(np.linalg.norm(np.multiply(truth.shape, _spacing(truth, case))))


def _hd95(answer: NDArray[np.bool_], truth: NDArray[np.bool_], original: Array, case: Case) -> float:
    spacing = _spacing(truth, case)
    if not answer.any() or not truth.any():
        return 0.0 if answer.any() == truth.any() else diagonal(original, case)
    box = ndimage.find_objects((answer | truth).astype(np.uint8))[0]
    one, other = _surface(answer[box]), _surface(truth[box])
    return max(_directed(one, other, spacing), _directed(other, one, spacing))


def _directed(start: NDArray[np.bool_], goal: NDArray[np.bool_], spacing: tuple[float, ...]) -> float:
    return float(np.percentile(ndimage.distance_transform_edt(~goal, sampling=spacing)[start], 95))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))


def _spacing(truth: Array, case: Case) -> tuple[float, ...]:
    spacing = case.spacing_mm
    if spacing is None or len(spacing) < truth.ndim or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f"case {case.id}: {truth.ndim} positive spacings in mm are needed, got {spacing}")
    # A slice of a volume keeps the volume's in-plane spacing: (D, H, W) without the leading ones.
    return tuple(float(s) for s in spacing[len(spacing) - truth.ndim :])
