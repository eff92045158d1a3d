"""`landmark_error`: the distance that decides the accuracy marks."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.testing import close


def cases(rng):
    """Two fields, landmarks of both images, and pixels that are not square."""
    u = ndimage.gaussian_filter(rng.normal(size=(2, 2, 20, 24)), (0, 0, 2, 2)) * 12
    fixed = rng.uniform(4, 15, (2, 6, 2))
    moving = fixed + rng.normal(0, 2, fixed.shape)
    spacing = rng.uniform([1.5, 0.5], [2.5, 1.0], (2, 2))
    return tuple(array.astype(np.float32) for array in (u, fixed, moving, spacing))


def displaced(u, points):
    """The field (2, H, W) at points (P, 2), between pixels too."""
    return np.stack([ndimage.map_coordinates(axis, points.T, order=1, mode="nearest") for axis in u], axis=1)


def errors(u, fixed, moving, spacing, at=displaced):
    gaps = [(a + at(field, a) - b) * mm for field, a, b, mm in zip(u, fixed, moving, spacing, strict=True)]
    return np.linalg.norm(gaps, axis=-1)


@pytest.mark.points(2)
def test_error_in_millimetres(student, rng):
    """`landmark_error` goes from the fixed landmark by the field, and measures to its partner in mm along each axis."""
    u, fixed, moving, spacing = cases(rng)
    expected = errors(u, fixed, moving, spacing).mean(axis=1)
    assert close(
        student.landmark_error(u, fixed, moving, spacing),
        expected,
        rtol=1e-4,
        mistaken={
            "error_in_pixels": errors(u, fixed, moving, np.ones((2, 2))).mean(axis=1),
            "error_from_moving_to_fixed": errors(u, moving, fixed, spacing).mean(axis=1),
            "field_of_the_nearest_pixel": errors(
                u, fixed, moving, spacing, at=lambda field, points: displaced(field, np.round(points))
            ).mean(axis=1),
        },
    )
    still = student.landmark_error(0 * u, fixed, fixed, spacing)
    assert close(still, [0, 0], atol=1e-6)


@pytest.mark.points(1)
def test_landmarks_that_are_missing(student, rng):
    """`landmark_error` leaves landmarks out that are NaN, in either image, and takes the mean of the others."""
    u, fixed, moving, spacing = cases(rng)
    each = errors(u, fixed, moving, spacing)
    expected = np.array([each[0, :4].mean(), each[1, 1:].mean()])
    fixed, moving = fixed.copy(), moving.copy()
    fixed[0, 4:], moving[1, 0] = np.nan, np.nan
    as_0 = np.array([each[0, :4].sum(), each[1, 1:].sum()]) / 6
    assert close(
        student.landmark_error(u, fixed, moving, spacing), expected, rtol=1e-4, mistaken={"missing_counts_as_0": as_0}
    )
