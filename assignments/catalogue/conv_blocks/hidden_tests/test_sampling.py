"""`pool2d` and `upsample`, against windows of real pixels and against `np.interp`."""

import numpy as np
import pytest

from assignments.testing import close


def pooled(x, fold, kernel, stride, padding):
    """`fold` of the pixels of each window that lie in the image."""

    def windows(n):
        starts = range(-padding, n + padding - kernel + 1, stride)
        return [slice(max(start, 0), start + kernel) for start in starts]

    height, width = x.shape[1:3]
    rows = [[fold(x[:, i, j], axis=(1, 2)) for j in windows(width)] for i in windows(height)]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def with_zeros(x, p):
    """The images with p zeros around them, as if these were pixels."""
    return np.pad(x, [(0, 0), (p, p), (p, p), (0, 0)])


@pytest.mark.points(4)
def test_mean_pooling(student, rng):
    """The mean of a window at the border divides by the number of pixels that lie in the image."""
    for kernel, stride, padding in ((3, 2, 1), (2, 2, 0), (4, 3, 2)):
        x = rng.normal(3, 1, size=(2, 9, 7, 2))
        assert close(
            student.pool2d(x, "mean", kernel, stride, padding),
            pooled(x, np.mean, kernel, stride, padding),
            atol=1e-5,
            mistaken={"mean_counts_zeros": pooled(with_zeros(x, padding), np.mean, kernel, stride, 0)},
        )


@pytest.mark.points(3)
def test_max_pooling(student, rng):
    """The maximum of a window at the border is a pixel of the image, also where all pixels are negative."""
    for kernel, padding in ((3, 1), (2, 0), (4, 2)):
        x = rng.normal(-3, 0.5, size=(2, 9, 7, 2))
        assert close(
            student.pool2d(x, "max", kernel, padding=padding),  # without a stride, windows touch and do not overlap
            pooled(x, np.max, kernel, kernel, padding),
            atol=1e-5,
            mistaken={"zeros_win_the_maximum": pooled(with_zeros(x, padding), np.max, kernel, kernel, 0)},
        )


def corners_aligned(n, scale):
    """Where output pixels lie between input pixels, if the first and the last of both coincide."""
    return np.linspace(0, n - 1, scale * n)


def edges_aligned(n, scale):
    """The same if the outer edges of the pixels coincide: a pixel falls into `scale` equal parts."""
    return np.linspace(-0.5, n - 0.5, 2 * scale * n + 1)[1::2]


def counted_from_zero(n, scale):
    """A mistake: pixel `i` of the output is read at i / scale, as if pixels were points at their upper left corner."""
    return np.arange(scale * n) / scale


def interpolated(x, scale, where):
    """Rows, then columns, by `np.interp`, which repeats the last value beyond the last pixel."""
    for axis in (1, 2):
        n = x.shape[axis]
        x = np.apply_along_axis(lambda line, n=n: np.interp(where(n, scale), np.arange(n), line), axis, x)
    return x


@pytest.mark.points(3)
def test_upsampling_with_aligned_corners(student, rng):
    """With `align_corners`, the corner pixels keep their place and value, and a linear ramp stays one to the border."""
    for scale in (2, int(rng.integers(3, 6))):
        x = rng.normal(size=(2, 4, 5, 2))
        assert close(
            student.upsample(x, scale, align_corners=True),
            interpolated(x, scale, corners_aligned),
            atol=1e-5,
            mistaken={"corners_the_wrong_way_round": interpolated(x, scale, edges_aligned)},
        )


@pytest.mark.points(3)
def test_upsampling_with_aligned_edges(student, rng):
    """Without `align_corners`, pixels are boxes whose outer edges keep their place; their centres move."""
    for scale in (2, int(rng.integers(3, 6))):
        x = rng.normal(size=(2, 4, 5, 2))
        assert close(
            student.upsample(x, scale),
            interpolated(x, scale, edges_aligned),
            atol=1e-5,
            mistaken={
                "corners_the_wrong_way_round": interpolated(x, scale, corners_aligned),
                "half_pixel_forgotten": interpolated(x, scale, counted_from_zero),
            },
        )
