"""Metrics that count voxels as right or wrong: sensitivity, specificity, precision, F-beta; and volumes in ml.

Each of the first three sees one kind of error and can be perfect for a useless prediction: everything marked has
sensitivity 1, nothing marked has specificity 1. They complement `dice` or `f_beta@2`; do not mark by one of them alone.
Masks are those of `overlap.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.checks import not_negative
from graders.metrics.metric import LARGEST, Array, CaseInfo, Floats
from graders.metrics.overlap import as_masks, ratio, volumes


def sensitivity(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Share of the truth's voxels that are marked, TP / (TP + FN), 0 to 1, also called recall.

    Both empty: 1. One empty: 0, as for all metrics of masks; the share itself is undefined where the truth is empty.
    Maier-Hein et al. (Metrics reloaded), Nature Methods 21 (2024).
    """
    both, prediction, truth = volumes(predictions, truths)
    return np.where((truth == 0) & (prediction > 0), 0.0, ratio(both, truth, both_empty=1.0))


def specificity(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Share of the voxels outside the truth that are not marked, TN / (TN + FP), 0 to 1.

    Where the background is large it is close to 1 for any prediction. An empty prediction: 1. A truth that fills the
    image: 1 where the prediction fills it too, else 0.
    """
    prediction, truth = as_masks(predictions, truths)
    return sensitivity(~prediction, ~truth, cases)


def voxel_precision(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Share of the marked voxels that are the truth's, TP / (TP + FP), 0 to 1: the positive predictive value.

    Both empty: 1. One empty: 0.
    """
    return sensitivity(truths, predictions, cases)


def f_beta(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """F-beta per case, 0 to 1: (1 + b²) TP / ((1 + b²) TP + b² FN + FP) for b = `at`.

    Sensitivity counts b times as much as precision; with b = 1 it is Dice. Both empty: 1. One empty: 0.
    van Rijsbergen: Information Retrieval (1979).
    """
    at = not_negative(at, "beta")
    both, prediction, truth = volumes(predictions, truths)
    part = (1 + at**2) * both
    # b² |truth| + |prediction| counts each voxel of both 1 + b² times. With b = 0 and nothing marked it is 0.
    f = ratio(part, at**2 * truth + prediction, both_empty=1.0)
    return np.where((prediction == 0) != (truth == 0), 0.0, f)


def volume_difference(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Absolute difference of the two volumes per case, in ml, by the case's spacing.

    A slice has its volume's slice thickness. The metric ignores where the voxels lie. Lower is better. Both empty: 0.
    """
    _, prediction, truth = volumes(predictions, truths)
    return np.abs(prediction - truth) * [_voxel_ml(case) for case in cases]


def worst_volume_difference(truth: Array, case: CaseInfo) -> float:
    """The largest difference that any mask of this image can have: the whole image, or nothing, is marked."""
    volume = float(np.count_nonzero(truth))
    return max(volume, truth.size - volume) * _voxel_ml(case)


def _voxel_ml(case: CaseInfo) -> float:
    spacing = case.spacing_mm
    if spacing is None or len(spacing) != 3 or not all(0 < mm <= LARGEST for mm in spacing):
        raise ValueError(f"case {case.id}: a volume in ml needs three positive spacings in mm, got {spacing}")
    return float(np.prod(spacing)) / 1000
