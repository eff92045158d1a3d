"""What an affine says: spacing, the directions of the axes, and whether it can be that of an image.

All affines here map indices (d, h, w, 1) to mm (right, anterior, superior, 1). Files have their columns as (x, y, z),
which is (w, h, d), and DICOM and ITK have mm to the left and posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from assignments.data.folder.image import Array, Fault

CODES = ("LR", "PA", "IS")
"""The ends of the axes of RAS mm: where mm fall, and where they rise."""
TOLERANCE = 1e-3
"""What two affines, or an affine and one with axes at right angles, may differ by: files store float32."""


def from_xyz(affine: Array) -> Array:
    """From one of (x, y, z) indices to one of (d, h, w)."""
    return np.asarray(affine, np.float64)[:, [2, 1, 0, 3]]


def from_lps(directions: Array, spacing: Array, origin: Array) -> Array:
    """From ITK's description: columns of `directions` (3, 3) are the unit vectors of x, y, z in LPS; mm."""
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    affine[:3, 3] = origin
    affine[:2] *= -1.0  # from left and posterior to right and anterior
    return from_xyz(affine)


def spacing_of(affine: Array) -> tuple[float, float, float]:
    """Distance of neighbouring voxels along (d, h, w) in mm; 1e-6 mm are rounding."""
    d, h, w = (round(float(np.linalg.norm(affine[:3, i])), 6) for i in range(3))
    return d, h, w


def in_mm(spacing: Sequence[float]) -> str:
    """A spacing for a sentence: `3 x 0.5 x 0.5 mm`."""
    return f"{' x '.join(f'{mm:g}' for mm in spacing)} mm"


def nearest_axes(affine: Array) -> tuple[tuple[int, int], ...]:
    """For each of the array's axes (d, h, w): the axis of RAS mm that is nearest (0, 1, 2), and 1 or -1.

    Of the six ways to pair three axes with three, the one whose axes agree best: two never share one.
    """
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    best = max(permutations(range(3)), key=lambda order: sum(abs(unit[order[i], i]) for i in range(3)))
    return tuple((axis, 1 if unit[axis, i] > 0 else -1) for i, axis in enumerate(best))


def codes_of(affine: Array) -> str | None:
    """Directions in which the column, row and slice indices rise, such as "RAS"; None where the affine is not one."""
    if affine_faults(affine, ""):
        return None
    d, h, w = (CODES[axis][sign > 0] for axis, sign in nearest_axes(affine))
    return w + h + d


def affine_faults(affine: Array, cure: str) -> list[Fault]:
    """Why this cannot be the affine of an image: what is not finite, an axis of no length, axes not at right angles."""
    axes = affine[:3, :3]
    if not np.isfinite(affine).all():
        return [Fault("its position or orientation is not a number (NaN or infinite)", cure)]
    lengths = np.linalg.norm(axes, axis=0)
    if lengths.min() < 1e-6:
        return [Fault("an axis has no length: its spacing or orientation is 0", cure)]
    unit = axes / lengths
    angles = np.abs(unit.T @ unit - np.eye(3)).max()
    if angles > TOLERANCE:
        degrees = np.degrees(np.arcsin(min(1.0, angles)))
        return [Fault(f"its axes are not at right angles: they are sheared by {degrees:.2g} degrees", cure)]
    return []


def spacing_faults(spacing: tuple[float, ...], cure: str) -> list[Fault]:
    """Spacings that are NaN, infinite, zero or negative."""
    if all(np.isfinite(mm) and mm > 0 for mm in spacing):
        return []
    return [Fault(f"its spacing is {in_mm(spacing)}", cure)]
