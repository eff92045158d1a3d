"""`lncc`: its value against one computed here in double precision, and where its gradient leads."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.testing import close, points_to


def window_mean(image, window):
    """Of (n, H, W): the mean of what lies in the window and in the image."""
    total, count = (
        ndimage.uniform_filter(array, (0, window, window), mode="constant") for array in (image, np.ones(image.shape))
    )
    return total / count


def parts(a, b, window):
    """cov and both variances in the window around each pixel."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = window_mean(a, window), window_mean(b, window)
    var_a, var_b = window_mean(a * a, window) - mean_a**2, window_mean(b * b, window) - mean_b**2
    return window_mean(a * b, window) - mean_a * mean_b, var_a, var_b


def correlation(a, b, window):
    cov, var_a, var_b = parts(a, b, window)
    return (cov / np.sqrt((var_a + 1e-3) * (var_b + 1e-3))).mean(axis=(1, 2))


@pytest.mark.points(2)
def test_correlation_in_windows(student, rng):
    """`lncc` correlates in the window around each pixel, with the window's own means, and answers for each pair."""
    noise = rng.normal(size=(3, 16, 19))
    a = (ndimage.gaussian_filter(noise, (0, 1, 1)) * 4 + 2).astype(np.float32)
    b = (rng.uniform(-1, 1, (3, 1, 1)) * a + 0.7 * rng.normal(size=a.shape) - 1).astype(np.float32)
    window = int(rng.choice([5, 7]))
    cov, var_a, var_b = parts(a, b, window)
    x, y = a.astype(np.float64), b.astype(np.float64)
    raw = window_mean(x * y, window) / np.sqrt(
        (window_mean(x * x, window) + 1e-3) * (window_mean(y * y, window) + 1e-3)
    )
    expected = correlation(a, b, window)
    assert close(
        student.tensors.lncc(a, b, window),
        expected,
        atol=2e-3,
        mistaken={
            "correlation_is_squared": (cov**2 / ((var_a + 1e-3) * (var_b + 1e-3))).mean(axis=(1, 2)),
            "means_not_subtracted": raw.mean(axis=(1, 2)),
            "mean_over_the_pairs": np.full(3, expected.mean()),
        },
    )


@pytest.mark.points(2)
def test_a_scanner_changes_nothing(student, rng):
    """`lncc` is 1 for an image in another gain and offset, -1 for its negative, and finite where there is nothing."""
    a = rng.normal(0, 3, (2, 15, 12)).astype(np.float32)
    gain, offset = rng.uniform(1, 2), rng.choice([-1, 1]) * rng.uniform(3, 5)
    b = (gain * a + offset).astype(np.float32)
    again, negative = student.tensors.lncc(a, b, 7), student.tensors.lncc(a, -b, 7)
    points_to("correlation_is_squared", (negative > 0).all())
    assert close(again, [1, 1], atol=5e-3)
    assert close(negative, [-1, -1], atol=5e-3)

    air = np.full_like(a, rng.uniform(0.5, 1))
    points_to("nothing_divided_by_nothing", True)
    assert close(student.tensors.lncc(air, a, 7), [0, 0], atol=1e-3)
    assert close(student.tensors.lncc(air, air, 7), [0, 0], atol=1e-3)
    assert np.isfinite(student.gradient.lncc(a, air, 7, wrt=1)).all()


@pytest.mark.points(2)
def test_its_gradient_moves_the_image_the_right_way(student, rng):
    """A step up the gradient of `lncc`, through `warp`, moves a spot towards where it is in the fixed image."""
    rows, columns = np.indices((24, 24))
    shift = rng.choice([-1, 1]) * rng.uniform(1, 2, 2)

    def spot(row, column):
        return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)[None].astype(np.float32)

    fixed, moving = spot(12, 12), spot(12 + shift[0], 12 + shift[1])
    still = np.zeros((1, 2, 24, 24), np.float32)
    by_value = student.gradient.lncc(fixed, student.tensors.warp(moving, still, "linear"), 9, wrt=1)
    by_field = by_value[:, None] * student.gradient.warp(moving, still, "linear", wrt=1)
    step = by_field.sum(axis=(0, 2, 3))
    points_to("pushed_not_pulled", (step * shift < 0).all())
    assert (step * shift > 0).all()
    u = np.broadcast_to(np.float32(step / np.linalg.norm(step))[:, None, None], still.shape).copy()
    before, after = (
        student.tensors.lncc(fixed, student.tensors.warp(moving, field, "linear"), 9) for field in (still, u)
    )
    assert after > before
