"""Voxels counted as right or wrong: sensitivity, specificity, precision, F-beta; and volumes in ml.

Each of the first three sees one kind of error and may be perfect for a useless answer: everything marked has
sensitivity 1, nothing marked has specificity 1. They say what `dice` or `f_beta@2` does not, and should decide no mark
alone. Masks are those of `overlap.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graders.metrics.given import LARGEST, not_negative
from graders.metrics.metric import Array, Case, Floats
from graders.metrics.overlap import as_masks, ratio, volumes


def sensitivity(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Share of the truth's voxels that are marked, TP / (TP + FN), also called recall.

    Both empty: 1. One empty: 0, as in all metrics of masks; the share itself is undefined where the truth is empty.
    Maier-Hein et al. (Metrics reloaded), Nature Methods 21 (2024).
    """
    both, answer, truth = volumes(answers, truths)
    return np.where((truth == 0) & (answer > 0), 0.0, ratio(both, truth, both_empty=1.0))


def specificity(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Share of the voxels outside the truth that are not marked, TN / (TN + FP): the sensitivity of the background.

    Where the background is large it is close to 1 for any answer. A truth that fills the image: 1 where the answer does
    too, else 0.
    """
    answer, truth = as_masks(answers, truths)
    return sensitivity(~answer, ~truth, cases)


def precision(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Share of the marked voxels that are the truth's, TP / (TP + FP), the positive predictive value.

    Both empty: 1. One empty: 0.
    """
    return sensitivity(truths, answers, cases)


def f_beta(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """F-beta per case, (1 + b²) TP / ((1 + b²) TP + b² FN + FP) for b = `at`: sensitivity counts b times as much as
    precision. With 1 it is Dice. Both empty: 1. One empty: 0.

    van Rijsbergen: Information Retrieval (1979).
    """
    at = not_negative(at, "beta")
    both, answer, truth = volumes(answers, truths)
    part = (1 + at**2) * both
    # b² |truth| + |answer| holds each voxel of both 1 + b² times. With b = 0 and nothing marked it is 0.
    found = ratio(part, at**2 * truth + answer, both_empty=1.0)
    return np.where((answer == 0) != (truth == 0), 0.0, found)


def volume_difference(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Absolute difference of the volumes in ml, ||A| - |B|| voxels of the case's spacing; a slice has the thickness of
    its volume. It says nothing of where they lie. Both empty: 0.
    """
    _, answer, truth = volumes(answers, truths)
    return np.abs(answer - truth) * [_voxel_ml(case) for case in cases]


def worst_volume_difference(truth: Array, case: Case) -> float:
    """The largest that any mask of this image has: all of it, or nothing, is marked."""
    volume = float(np.count_nonzero(truth))
    return max(volume, truth.size - volume) * _voxel_ml(case)


def _voxel_ml(case: Case) -> float:
    spacing = case.spacing_mm
    if spacing is None or len(spacing) != 3 or not all(0 < mm <= LARGEST for mm in spacing):
        raise ValueError(f"case {case.id}: a volume in ml needs three positive spacings in mm, got {spacing}")
    return float(np.prod(spacing)) / 1000
