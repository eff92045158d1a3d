"""Metrics of image registration: landmarks, warped labels, and folding of the displacement field.

The metrics take fields (N, d, [D,] H, W) and truths as records (N,). A record has `labels`, integers (2, [D,] H, W) of
the fixed and the moving image, and where the data have them `landmarks` (2, P, d) in voxels of each image, with NaN
where a case has fewer than P.

A displacement field is (3, D, H, W) or (2, H, W), float, in voxels, with components in the order of the array's axes.
It leads from the fixed image to the moving image: fixed voxel x lies at x + u(x) in the moving image. This is the
convention of `scipy.ndimage.map_coordinates` and Learn2Reg. Wrong units and wrong order are the usual mistakes;
`field_mistake` names them for a pair with a known translation.

    Hering et al.: Learn2Reg. IEEE TMI 42 (2023), doi:10.1109/TMI.2022.3213983.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from graders.metrics.checks import finite, positive, reach_of
from graders.metrics.metric import Array, CaseInfo, Floats
from graders.metrics.pairs import counts, pair

LEAST_JACOBIAN = 1e-9
"""Determinants are clipped to this value, and to its inverse, before the logarithm; a folded voxel gets this value."""
WORST_SD = -float(np.log(LEAST_JACOBIAN))
"""The largest standard deviation of such logarithms: half of them lie at either end."""


def tre(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Mean target registration error per case in mm, at most the image's diagonal. Fitzpatrick & West, 2001."""
    return _errors(predictions, truths, cases, tre_mean)


def tre95(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """95th percentile of the target registration error per case in mm, at most the image's diagonal."""
    return _errors(predictions, truths, cases, tre_95)


def dice_of_warped(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Dice per case, 0 to 1, of the warped moving labels with the fixed labels: the mean over the case's classes."""
    values = []
    for field, truth in zip(predictions, truths, strict=True):
        fixed, moving = truth["labels"]
        classes = [int(c) for c in np.union1d(fixed, moving) if c]
        if not classes:
            raise ValueError("the truth of a case has no label to warp")
        values.append(np.mean(list(warped_dice(moving, fixed, field, classes).values())))
    return np.array(values)


def folding(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Share of inner voxels per case, 0 to 1, where the field folds; over the whole field, not only inside the body."""
    return np.array([folding_fraction(field) for field in predictions])


def sd_log_jacobians(predictions: Array, truths: Array, cases: Sequence[CaseInfo]) -> Floats:
    """Standard deviation per case of the logarithm of the field's Jacobian determinant; see `sd_log_jacobian`."""
    return np.array([sd_log_jacobian(field) for field in predictions])


def diagonal_mm(truth: Array, case: CaseInfo) -> float:
    """The image's diagonal from edge to edge, in mm: the largest error that a landmark can have."""
    shape = truth["labels"].shape[1:]
    return float(np.linalg.norm(np.multiply(shape, _spacing(case, len(shape)))))


def _errors(predictions: Array, truths: Array, cases: Sequence[CaseInfo], summary: Callable[[Floats], float]) -> Floats:
    if "landmarks" not in (truths.dtype.names or ()):
        raise ValueError("the truths have no landmarks")
    values = []
    for field, truth, case in zip(predictions, truths, cases, strict=True):
        fixed, moving = truth["landmarks"].astype(np.float64)
        present = np.isfinite(fixed).all(axis=1) & np.isfinite(moving).all(axis=1)
        errors = target_registration_errors(field, fixed[present], moving[present], _spacing(case, len(field)))
        values.append(min(summary(errors), diagonal_mm(truth, case)))
    return np.array(values)


def _spacing(case: CaseInfo, axes: int) -> tuple[float, ...]:
    """Voxel size of the last `axes` axes: a slice takes the last spacings of its volume."""
    if case.spacing_mm is None or len(case.spacing_mm) < axes:
        raise ValueError(f"case {case.id} has no spacing for {axes} axes, which a distance in mm needs")
    return tuple(positive(mm, f"the spacing of case {case.id}") for mm in case.spacing_mm[-axes:])


def target_registration_errors(field: Array, fixed: Array, moving: Array, spacing: Sequence[float]) -> Floats:
    """Distance in mm (n,) of each fixed landmark, moved by the field, to its partner in the moving image.

    Args:
        field: (d, ...) in voxels; interpolated linearly between voxels, continued constantly beyond the border.
        fixed, moving: (n, d) landmarks in voxels of each image, in the order of the axes; n > 0.
        spacing: mm per voxel along each axis.

    Fitzpatrick & West, IEEE TMI 20 (2001).
    """
    field = _field(field)
    d = len(field)
    if fixed.shape != moving.shape or fixed.ndim != 2 or fixed.shape[1] != d or not len(fixed) or len(spacing) != d:
        shapes = f"landmarks {fixed.shape} and {moving.shape}, spacing {tuple(spacing)}"
        raise ValueError(f"{shapes} do not fit a field with {d} axes")
    fixed, moving = finite(fixed, "the fixed landmarks"), finite(moving, "the moving landmarks")
    mm = [positive(size, "the spacing") for size in spacing]
    moved = [ndimage.map_coordinates(u, fixed.T, order=1, mode="nearest") for u in field]
    gap = (fixed + np.stack(moved, axis=1) - moving) * mm
    return np.asarray(np.linalg.norm(gap, axis=1))


def tre_mean(errors: Floats) -> float:
    """Mean target registration error in mm."""
    return float(errors.mean())


def tre_95(errors: Floats) -> float:
    """95th percentile of the target registration errors in mm, interpolated linearly."""
    return float(np.percentile(errors, 95))


def warp_labels(labels: Array, field: Array) -> Array:
    """The moving image's labels on the fixed grid: the label of the voxel nearest to x + u(x), 0 outside the image."""
    field = _field(field)
    if labels.shape != field.shape[1:]:
        raise ValueError(f"labels {labels.shape} do not fit a field {field.shape}")
    at = np.indices(labels.shape, dtype=np.float64) + field
    return np.asarray(ndimage.map_coordinates(labels, at, order=0, mode="constant", cval=0))


def warped_dice(labels: Array, fixed: Array, field: Array, classes: Sequence[int]) -> dict[int, float]:
    """Dice by class of the warped moving labels with the fixed ones. Both empty: 1. One empty: 0."""
    both = pair(warp_labels(labels, field), fixed, (1.0,) * fixed.ndim, classes)
    by_class = counts(both).items()
    return {c: 2 * n.both / (n.prediction + n.truth) if n.prediction + n.truth else 1.0 for c, n in by_class}


def jacobian_determinant(field: Array) -> Floats:
    """det(I + ∇u) of the inner voxels, by central differences; the outermost voxels have no such differences.

    Voxel size cancels out. Each axis needs three voxels.
    """
    field = _field(field)
    d = len(field)
    if min(field.shape[1:]) < 3:
        raise ValueError(f"a field of {field.shape[1:]} voxels has no inner voxel along an axis")

    def slope(i: int, j: int) -> Floats:
        rows = np.moveaxis(field[i], j, 0)
        inner = (slice(None), *(slice(1, -1) for _ in range(d - 1)))
        change = (rows[2:][inner] - rows[:-2][inner]) / 2 + (1.0 if i == j else 0.0)
        return np.asarray(np.moveaxis(change, 0, j))

    g = [[slope(i, j) for j in range(d)] for i in range(d)]
    if d == 2:
        return g[0][0] * g[1][1] - g[0][1] * g[1][0]
    return (
        g[0][0] * (g[1][1] * g[2][2] - g[1][2] * g[2][1])
        - g[0][1] * (g[1][0] * g[2][2] - g[1][2] * g[2][0])
        + g[0][2] * (g[1][0] * g[2][1] - g[1][1] * g[2][0])
    )


def folding_fraction(field: Array) -> float:
    """Share of inner voxels, 0 to 1, where the field turns space inside out: determinant 0 or less."""
    determinant = jacobian_determinant(field)
    return float(np.count_nonzero(determinant <= 0) / determinant.size)


def sd_log_jacobian(field: Array) -> float:
    """Standard deviation of the determinant's natural logarithm over inner voxels; 0 for a rigid shift, 20.7 at most.

    A determinant counts as 1e-9 at least and 1e9 at most. Learn2Reg's script first adds 3 to it, which gives smaller
    values.
    """
    determinant = np.clip(jacobian_determinant(field), LEAST_JACOBIAN, 1 / LEAST_JACOBIAN)
    return float(np.log(determinant).std())


def field_mistake(field: Array, translation: Sequence[float], spacing: Sequence[float], within: float = 0.5) -> str:
    """The mistake in a field, or "", where the moving image is the fixed image shifted by `translation` voxels.

    The field's median is compared with the translation, and with the translation in mm, with reversed axes, with the
    opposite sign, and with their combinations. Choose a translation, and a spacing, that differ along the axes.
    """
    median = np.median(_field(field).reshape(len(field), -1), axis=1)
    true = finite(np.asarray(translation), "the translation")
    mm = np.array([positive(size, "the spacing") for size in spacing])
    reach = reach_of(within)
    for reverse in (False, True):
        for scale in (1.0, mm):
            for sign in (1, -1):
                expected = true * scale * sign
                if np.abs(median - (expected[::-1] if reverse else expected)).max() <= reach:
                    mistakes = [
                        "its axes are in reverse order" * reverse,
                        "it is in millimetres, not voxels" * (scale is mm),
                        "it leads from the moving to the fixed image" * (sign < 0),
                    ]
                    return "; ".join(mistake for mistake in mistakes if mistake)
    return f"its median is {median.round(2).tolist()} voxels, not {true.tolist()}"


def _field(field: Array) -> Floats:
    if field.dtype.kind != "f" or field.ndim not in (3, 4) or len(field) != field.ndim - 1:
        raise ValueError(f"a field must be float (2, H, W) or (3, D, H, W), got {field.dtype} {field.shape}")
    return finite(field, "the field")
