"""`conv2d`, its transpose and its gradients, against windows cut out here and against the definition of an adjoint."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from assignments.testing import close

# kernel, stride, padding, dilation; and the zeros that the padding puts around images of 8 x 7
GRID = [
    ((3, 3), 1, 1, 1, ((1, 1), (1, 1))),
    ((2, 4), 1, 0, 1, ((0, 0), (0, 0))),
    ((3, 2), 2, 1, 2, ((1, 1), (1, 1))),
    ((1, 3), 3, 2, 1, ((2, 2), (2, 2))),
    ((3, 3), 2, "same", 1, ((0, 1), (1, 1))),
    ((2, 3), 1, "same", 2, ((1, 1), (2, 2))),
]


def correlate(x, w, stride, pads, dilation):
    """Every window of the padded images, times the kernel, summed."""
    reach = [dilation * (k - 1) + 1 for k in w.shape[:2]]
    windows = sliding_window_view(np.pad(x, [(0, 0), *pads, (0, 0)]), reach, axis=(1, 2))
    windows = windows[:, ::stride, ::stride, :, ::dilation, ::dilation]
    return np.einsum("nijcab,abcd->nijd", windows, w)


def adjoint(y, w, stride, pads, dilation):
    """The images g with <g, x> = <y, correlate(x)> for every x: one pixel after the other is 1, all others are 0."""
    pixels = np.eye(8 * 7 * w.shape[2]).reshape(-1, 8, 7, w.shape[2])
    return np.einsum("pijd,nijd->np", correlate(pixels, w, stride, pads, dilation), y).reshape(-1, *pixels.shape[1:])


def case(rng, kernel):
    """Images (2, 8, 7, 2), a kernel for three output channels, and their biases."""
    return rng.normal(size=(2, 8, 7, 2)), rng.normal(size=(*kernel, 2, 3)), rng.normal(size=3)


@pytest.mark.points(7)
def test_convolution(student, rng):
    """`conv2d` multiplies each window with the kernel as it is, not flipped, whatever size, stride and dilation."""
    for kernel, stride, padding, dilation, pads in GRID:
        x, w, b = case(rng, kernel)
        assert close(
            student.conv2d(x, w, b, stride, padding, dilation),
            correlate(x, w, stride, pads, dilation) + b,
            atol=1e-5,
            mistaken={
                "kernel_flipped": correlate(x, w[::-1, ::-1], stride, pads, dilation) + b,
                "bias_for_each_input_channel": correlate(x, w, stride, pads, dilation) + x.shape[3] * b,
            },
        )


@pytest.mark.points(7)
def test_transposed_convolution(student, rng):
    """`conv_transpose2d` is the adjoint: without bias, <conv2d(x), y> = <x, conv_transpose2d(y)> for all x and y."""
    for kernel, stride, padding, dilation, pads in GRID:
        x, w, _ = case(rng, kernel)
        y = rng.normal(size=correlate(x, w, stride, pads, dilation).shape)
        expected = adjoint(y, w, stride, pads, dilation)
        windows = adjoint(np.ones_like(y), np.ones_like(w), stride, pads, dilation) / w.shape[3]
        assert close(
            student.conv_transpose2d(y, w, (8, 7), stride, padding, dilation),
            expected,
            atol=1e-5,
            mistaken={
                "overlaps_averaged": expected / np.maximum(windows, 1),
                "kernel_not_turned": adjoint(y, w[::-1, ::-1], stride, pads, dilation),
            },
        )


@pytest.mark.points(6)
def test_gradients(student, rng):
    """`conv2d_gradients` returns how much <dy, conv2d(x, w, b)> changes with each number of x, w and b."""
    for kernel, stride, padding, dilation, pads in GRID:
        x, w, _ = case(rng, kernel)
        dy = rng.normal(size=correlate(x, w, stride, pads, dilation).shape)
        dx, dw, db = student.conv2d_gradients(dy, x, w, stride, padding, dilation)
        units = np.eye(w.size).reshape(-1, *w.shape)  # the output is linear in w: a unit kernel shows each slope
        slopes = [np.sum(dy * correlate(x, unit, stride, pads, dilation)) for unit in units]
        sums, means = dy.sum(axis=(0, 1, 2)), dy.mean(axis=(0, 1, 2))
        assert close(
            np.append(dw, db),
            np.append(slopes, sums),
            atol=1e-5,
            mistaken={"bias_gradient_is_mean": np.append(slopes, means)},
        )
        turned = adjoint(dy, w[::-1, ::-1], stride, pads, dilation)
        assert close(dx, adjoint(dy, w, stride, pads, dilation), atol=1e-5, mistaken={"kernel_not_turned": turned})
