"""`warp`: where an image is read, against values that are computed here in double precision."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.testing import close, points_to


def pulled(image, u, order=1, mode="nearest"):
    """Each image (H, W) of a stack at p + u(p)."""
    grid = np.indices(image.shape[1:])
    return np.stack(
        [ndimage.map_coordinates(a, grid + b, order=order, mode=mode) for a, b in zip(image, u, strict=True)]
    )


def same_everywhere(n, shape, rows, columns):
    """A field (n, 2, H, W) that shifts by so many rows and columns."""
    return np.broadcast_to(np.float32([rows, columns])[:, None, None], (n, 2, *shape)).copy()


@pytest.mark.points(3)
def test_a_field_of_zero_changes_nothing(student, rng):
    """`warp` by a field of 0, and by no other, gives every pixel back as it was, those at the border too."""
    shape = tuple(int(size) for size in rng.choice(np.arange(10, 24), 2, replace=False))
    image = (rng.random((2, *shape)) > 0.5).astype(np.float32)  # neighbours differ as much as they can
    still = np.zeros((2, 2, *shape), np.float32)
    # A grid from -1 to 1 that is taken for the outer edges of the image: p * size / (size - 1) - 1/2.
    size = np.array(shape)[:, None, None]
    off = np.indices(shape) / (size - 1) - 0.5
    swap = np.indices(shape)[::-1] - np.indices(shape)
    for mode in ("linear", "nearest"):
        order = 1 if mode == "linear" else 0
        edges = pulled(image, np.stack([off, off]), order)
        mirrored = pulled(image, np.stack([swap, swap]), order)
        answer = student.tensors.warp(image, still, mode)
        assert close(answer, image, atol=1e-4, rtol=0, mistaken={"edges_for_centres": edges, "y_before_x": mirrored})
        assert not np.allclose(student.tensors.warp(image, still + 2, mode), image)


@pytest.mark.points(3)
def test_the_field_pulls_rows_then_columns(student, rng):
    """`warp` reads the image at p + u(p), and u has rows first: a field of (3, 0) brings the pixel three rows below."""
    image = rng.random((2, 17, 21)).astype(np.float32)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    for rows, columns in ((3, 0), (0, int(rng.integers(2, 6))), (-2, 5)):
        u = same_everywhere(2, (17, 21), rows, columns)
        assert close(
            student.tensors.warp(image, u, "linear")[inner],
            pulled(image, u)[inner],
            atol=1e-4,
            mistaken={"pushed_not_pulled": pulled(image, -u)[inner], "columns_first": pulled(image, u[:, ::-1])[inner]},
        )


@pytest.mark.points(2)
def test_between_pixels_there_is_a_slope(student, rng):
    """`warp` interpolates linearly, and passes the slope of the image on to the field."""
    image = rng.random((2, 14, 12)).astype(np.float32)
    u = rng.uniform(-1.9, 1.9, (2, 2, 14, 12)).astype(np.float32)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    nearest = pulled(image, np.round(u))[inner]
    answer = student.tensors.warp(image, u, "linear")
    assert close(answer[inner], pulled(image, u)[inner], atol=1e-4, mistaken={"always_nearest": nearest})

    slopes = rng.uniform(1, 3, 2) * [1, -1]
    ramp = np.einsum("i,ihw->hw", slopes, np.indices((14, 12)))[None].astype(np.float32)
    gradient = student.gradient.warp(ramp, 0.1 * u[:1], "linear", wrt=1)
    expected = np.broadcast_to(slopes[None, :, None, None], gradient.shape)
    assert close(gradient[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-2)


@pytest.mark.points(2)
def test_labels_stay_labels(student, rng):
    """`warp` with "nearest" gives labels that are there, as integers: none that lie between two of them."""
    label = np.uint8([0, 3, 40, 200])[rng.integers(0, 4, (2, 15, 13))]
    u = (rng.integers(-2, 3, (2, 2, 15, 13)) + rng.uniform(-0.4, 0.4, (2, 2, 15, 13))).astype(np.float32)
    answer = student.tensors.warp(label, u, "nearest")
    points_to("labels_interpolated", not np.isin(answer, label).all())
    assert close(answer, pulled(label, np.round(u), order=0))


@pytest.mark.points(1)
def test_beyond_the_border_the_last_pixel_counts(student, rng):
    """`warp` reads the last pixel where a field leads out of the image: neither 0 nor the opposite side."""
    image = rng.uniform(1, 2, (1, 12, 15)).astype(np.float32)
    for shift in ((-4, 0), (0, 5), (5, 4)):
        u = same_everywhere(1, (12, 15), *shift)
        assert close(
            student.tensors.warp(image, u, "linear"),
            pulled(image, u),
            atol=1e-4,
            mistaken={
                "black_beyond_the_border": pulled(image, u, mode="constant"),
                "opposite_side": np.roll(image, [-s for s in shift], (1, 2)),
            },
        )
