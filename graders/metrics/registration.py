"""How well two images were registered: landmarks, warped labels, and whether the field folds. No field is made here.

The metrics of a set take fields (N, d, [D,] H, W) and truths as records (N,) with `labels`, integers (2, [D,] H, W) of
the fixed and the moving image, and where there are any `landmarks` (2, P, d) in voxels of each, NaN where a case has
fewer than P.

A displacement field is (3, D, H, W) or (2, H, W), float, in voxels, its components in the order of the array's axes. It
leads from the fixed image to the moving one: fixed voxel x lies at x + u(x) in the moving image, as
`scipy.ndimage.map_coordinates` and Learn2Reg have it. Units and order are the usual mistake: `what_is_wrong` names it
for a pair whose translation is known.

    Hering et al.: Learn2Reg. IEEE TMI 42 (2023), doi:10.1109/TMI.2022.3213983.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from graders.metrics.given import finite, positive, reach_of
from graders.metrics.metric import Array, Case, Floats
from graders.metrics.pairs import counts, pair

LEAST_JACOBIAN = 1e-9
"""What a folded voxel's determinant counts as before the logarithm; the most is 1 over it."""
WORST_SD = -float(np.log(LEAST_JACOBIAN))
"""No set of such logarithms deviates more: half of them at either end."""


def tre(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Mean target registration error per case in mm, the image's diagonal at most. Fitzpatrick & West, 2001."""
    return _errors(answers, truths, cases, tre_mean)


def tre95(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """95th percentile of the target registration error per case in mm, the image's diagonal at most."""
    return _errors(answers, truths, cases, tre_95)


def dice_of_warped(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Dice per case of the moving image's warped labels with the fixed one's, the mean over the classes of the case."""
    found = []
    for field, truth in zip(answers, truths, strict=True):
        fixed, moving = truth["labels"]
        classes = [int(c) for c in np.union1d(fixed, moving) if c]
        if not classes:
            raise ValueError("the truth of a case holds no label to be warped")
        found.append(np.mean(list(warped_dice(moving, fixed, field, classes).values())))
    return np.array(found)


def folding(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Share of inner voxels per case, 0 to 1, where the field folds; over all of it, not only inside the body."""
    return np.array([folding_fraction(field) for field in answers])


def sd_log_jacobians(answers: Array, truths: Array, cases: Sequence[Case]) -> Floats:
    """Standard deviation per case of the logarithm of the field's Jacobian determinant; see `sd_log_jacobian`."""
    return np.array([sd_log_jacobian(field) for field in answers])


def diagonal_mm(truth: Array, case: Case) -> float:
    """The image's diagonal from edge to edge, in mm: the worst error of a landmark."""
    shape = truth["labels"].shape[1:]
    return float(np.linalg.norm(np.multiply(shape, _spacing(case, len(shape)))))


def _errors(answers: Array, truths: Array, cases: Sequence[Case], summary: Callable[[Floats], float]) -> Floats:
    if "landmarks" not in (truths.dtype.names or ()):
        raise ValueError("the truths have no landmarks")
    found = []
    for field, truth, case in zip(answers, truths, cases, strict=True):
        fixed, moving = truth["landmarks"].astype(np.float64)
        known = np.isfinite(fixed).all(axis=1) & np.isfinite(moving).all(axis=1)
        errors = target_registration_errors(field, fixed[known], moving[known], _spacing(case, len(field)))
        found.append(min(summary(errors), diagonal_mm(truth, case)))
    return np.array(found)


def _spacing(case: Case, axes: int) -> tuple[float, ...]:
    """Voxel size of the last `axes` axes: a slice of a volume has the volume's spacing."""
    if case.spacing_mm is None or len(case.spacing_mm) < axes:
        raise ValueError(f"case {case.id} has no spacing for {axes} axes, which a distance in mm needs")
    return tuple(positive(mm, f"the spacing of case {case.id}") for mm in case.spacing_mm[-axes:])


def target_registration_errors(field: Array, fixed: Array, moving: Array, spacing: Sequence[float]) -> Floats:
    """Distance in mm (n,) of each fixed landmark, moved by the field, to its partner in the moving image.

    Args:
        field: (d, ...) in voxels; between voxels linear, beyond the border that of the border.
        fixed, moving: (n, d) landmarks in voxels of each image, in the order of the axes; n > 0.
        spacing: mm per voxel along each axis.

    Fitzpatrick & West, IEEE TMI 20 (2001).
    """
    field = _field(field)
    d = len(field)
    if fixed.shape != moving.shape or fixed.ndim != 2 or fixed.shape[1] != d or not len(fixed) or len(spacing) != d:
        given = f"landmarks {fixed.shape} and {moving.shape}, spacing {tuple(spacing)}"
        raise ValueError(f"{given} of a field with {d} axes")
    fixed, moving = finite(fixed, "the fixed landmarks"), finite(moving, "the moving landmarks")
    mm = [positive(size, "the spacing") for size in spacing]
    moved = [ndimage.map_coordinates(u, fixed.T, order=1, mode="nearest") for u in field]
    gap = (fixed + np.stack(moved, axis=1) - moving) * mm
    return np.asarray(np.linalg.norm(gap, axis=1))


def tre_mean(errors: Floats) -> float:
    """Mean target registration error in mm."""
    return float(errors.mean())


def tre_95(errors: Floats) -> float:
    """95th percentile of the target registration errors in mm, linear between order statistics."""
    return float(np.percentile(errors, 95))


def warp_labels(labels: Array, field: Array) -> Array:
    """The moving image's labels seen on the fixed grid: the nearest voxel of x + u(x), 0 outside the image."""
    field = _field(field)
    if labels.shape != field.shape[1:]:
        raise ValueError(f"labels {labels.shape} of a field {field.shape}")
    at = np.indices(labels.shape, dtype=np.float64) + field
    return np.asarray(ndimage.map_coordinates(labels, at, order=0, mode="constant", cval=0))


def warped_dice(labels: Array, fixed: Array, field: Array, classes: Sequence[int]) -> dict[int, float]:
    """Dice by class of the warped moving labels with the fixed ones. Both empty: 1. One empty: 0."""
    both = pair(warp_labels(labels, field), fixed, (1.0,) * fixed.ndim, classes)
    found = counts(both).items()
    return {c: 2 * n.both / (n.answer + n.truth) if n.answer + n.truth else 1.0 for c, n in found}


def jacobian_determinant(field: Array) -> Floats:
    """det(I + ∇u) of the inner voxels, by central differences; the outermost voxels, which have none, are left out.

    Voxel size cancels out of it. Each axis needs three voxels.
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
    """Standard deviation of the determinant's natural logarithm over inner voxels; 0 for a rigid shift.

    A determinant counts as 1e-9 at least and 1e9 at most. Learn2Reg's script adds 3 to it first, which gives smaller
    numbers.
    """
    determinant = np.clip(jacobian_determinant(field), LEAST_JACOBIAN, 1 / LEAST_JACOBIAN)
    return float(np.log(determinant).std())


def what_is_wrong(field: Array, translation: Sequence[float], spacing: Sequence[float], within: float = 0.5) -> str:
    """Where the moving image is the fixed one shifted by `translation` voxels: "", or the mistake behind the field.

    The field's median is compared with the translation, and with the same in mm, with its axes reversed, with its sign
    turned and with their combinations. A useful translation differs along its axes, and so does the spacing.
    """
    found = np.median(_field(field).reshape(len(field), -1), axis=1)
    asked = finite(np.asarray(translation), "the translation")
    mm = np.array([positive(size, "the spacing") for size in spacing])
    reach = reach_of(within)
    for reverse in (False, True):
        for scale in (1.0, mm):
            for sign in (1, -1):
                expected = asked * scale * sign
                if np.abs(found - (expected[::-1] if reverse else expected)).max() <= reach:
                    wrong = [
                        "its axes are in reverse order" * reverse,
                        "it is in millimetres, not voxels" * (scale is mm),
                        "it leads from the moving to the fixed image" * (sign < 0),
                    ]
                    return "; ".join(word for word in wrong if word)
    return f"its median is {found.round(2).tolist()} voxels where {asked.tolist()} was asked"


def _field(field: Array) -> Floats:
    if field.dtype.kind != "f" or field.ndim not in (3, 4) or len(field) != field.ndim - 1:
        raise ValueError(f"a field is float (2, H, W) or (3, D, H, W), got {field.dtype} {field.shape}")
    return finite(field, "the field")
