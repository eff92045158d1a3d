"""How alike two images are: MAE, PSNR, SSIM, MS-SSIM. How alike two sets of images are is in `distributions.py`.

Images are floats (N, [D,] H, W) in their own unit (HU, say). The range of intensities is declared once, never taken
from an image: a range per image flatters PSNR and SSIM. All work in float64. A mask is what counts: of a truth that is
a masked array (`numpy.ma`), what is not masked.

    Dohmen et al.: Five pitfalls when assessing synthetic medical images with reference metrics. arXiv:2408.06075.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.given import LARGEST, check_finite, finite, positive
from graders.metrics.metric import Array, Case, Floats

Mask = NDArray[np.bool_]
HIGHEST_PSNR = 100.0
"""What equal images count as, in dB; a root mean square error of a hundred-thousandth of the range."""
SIGMA, RADIUS = 1.5, 5
"""Of the Gaussian window, 11 voxels wide."""
BLOCK = 2**16
"""Voxels of which the differences stay in the cache."""
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM, the finest scale first."""


def mae(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Mean absolute error per case in the image's unit, `at` at most: the range of intensities, the worst there is."""
    most = _span(at)
    return _each(answers, truths, lambda image, truth, mask: min(mean_absolute_error(image, truth, mask), most))


def psnr(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Peak signal-to-noise ratio per case in dB, 10 log10(range² / MSE) for the range `at`; 0 to 100, higher is better.

    Equal images count as 100, an error beyond the range as 0.
    """
    return _each(answers, truths, lambda image, truth, mask: peak_signal_to_noise(image, truth, at, mask))


def ssim(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Structural similarity per case for the range `at`, -1 to 1: the mean over all windows inside the image.

    Gaussian windows of 11 voxels along each axis, K1 = .01, K2 = .03; along an axis with fewer voxels the window is as
    long as the largest odd number of voxels there. Wang et al., IEEE TIP 13 (2004).
    """
    return _each(answers, truths, lambda image, truth, mask: structural_similarity(image, truth, at, mask))


def ms_ssim(answers: Array, truths: Array, cases: Sequence[Case], at: float) -> Floats:
    """Multi-scale structural similarity per case for the range `at`, 0 to 1, over five scales, each half the last.

    An axis needs 176 voxels. Wang, Simoncelli & Bovik, Asilomar 2003.
    """
    return _each(answers, truths, lambda image, truth, mask: multi_scale_similarity(image, truth, at, mask))


def mean_absolute_error(image: Array, truth: Array, mask: Mask | None = None) -> float:
    """Mean absolute difference, in the unit of the images, over the mask."""
    one, other = _pair(image, truth, mask)
    return float(np.abs(one - other)[... if mask is None else mask].mean())


def peak_signal_to_noise(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """PSNR in dB for intensities that span `span`, over the mask; 0 to 100."""
    most, error = _span(span), _mean_square(image, truth, mask)
    return min(max(20 * math.log10(most) - 10 * math.log10(error), 0.0), HIGHEST_PSNR) if error else HIGHEST_PSNR


def _mean_square(image: Array, truth: Array, mask: Mask | None) -> float:
    """Mean squared difference over the mask; differences of float32 images are of float32, as scikit-image takes them.

    The images are passed over as seldom as can be: where the truth is finite, the error shows an image that is not.
    """
    _check_shapes(image, truth, mask)
    check_finite(truth, "the truth")
    if mask is not None:
        check_finite(image, "the image")
        image, truth = image[mask], truth[mask]
    kind = np.promote_types(np.result_type(image, truth), np.float32)
    one, other = (values.astype(kind, copy=False).ravel() for values in (image, truth))
    apart, total = np.empty(min(one.size, BLOCK)), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, one.size, BLOCK):
            there = slice(start, start + BLOCK)
            found = np.subtract(one[there], other[there], out=apart[: one.size - start])
            total += float(found @ found)
    if not total <= LARGEST:
        check_finite(image, "the image")
    return total / one.size


def structural_similarity(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """Mean SSIM over the windows that lie inside the image and, with a mask, whose centre is in it.

    Along an axis with fewer than 11 voxels the window is as long as the largest odd number of voxels there.
    """
    one, other = _pair(image, truth, mask)
    span, radii = _span(span), _radii(one.shape)
    light, structure = _similarity(one, other, span, radii)
    return float((light * structure)[... if mask is None else _windows(mask, radii)].mean())


def multi_scale_similarity(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """MS-SSIM: the product of the contrast and structure of every scale, and the last one's luminance, weighted.

    With a mask each scale's windows are those whose centre is in it; a coarser voxel is, where half of its voxels are.
    """
    one, other = _pair(image, truth, mask)
    span = _span(span)
    least = (2 * RADIUS + 1) * 2 ** (len(SCALES) - 1)
    if min(one.shape) < least:
        raise ValueError(f"an image of {one.shape} voxels is smaller than {least}, the coarsest scale's window")
    inside = np.ones(one.shape) if mask is None else mask.astype(np.float64)
    product, radii = 1.0, (RADIUS,) * one.ndim
    for scale, weight in enumerate(SCALES):
        light, structure = _similarity(one, other, span, radii)
        windows = _windows(inside >= 0.5, radii)
        last = scale == len(SCALES) - 1
        found = float((light * structure if last else structure)[windows].mean())
        product *= max(found, 0.0) ** weight  # what is opposite is not alike
        one, other, inside = _halved(one), _halved(other), _halved(inside)
    return product


def _similarity(one: Floats, other: Floats, span: float, radii: Sequence[int]) -> tuple[Floats, Floats]:
    """Luminance, and contrast with structure, of every window inside the image."""
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean, other_mean = _smooth(one, radii), _smooth(other, radii)
    product, squares = mean * other_mean, mean * mean + other_mean * other_mean
    spreads = _smooth(one * one + other * other, radii) - squares
    shared = _smooth(one * other, radii) - product
    return (2 * product + c1) / (squares + c1), (2 * shared + c2) / (spreads + c2)


def _radii(shape: Sequence[int]) -> tuple[int, ...]:
    """How far the window reaches along each axis."""
    radii = tuple(min(RADIUS, (size - 1) // 2) for size in shape)
    if not any(radii):
        raise ValueError(f"an image of {tuple(shape)} voxels is smaller than the smallest window, 3 along one axis")
    return radii


def _windows(mask: Mask, radii: Sequence[int]) -> Mask:
    """Which of the windows inside the image have their centre in the mask."""
    centres = mask[tuple(slice(radius, size - radius) for radius, size in zip(radii, mask.shape, strict=True))]
    if not centres.any():
        raise ValueError("no window of the image has its centre in the mask")
    return centres


def _smooth(image: Floats, radii: Sequence[int]) -> Floats:
    """Gaussian means of all windows inside the image. What an axis leaves over the next need not smooth; rows of the
    last lie together in memory, so it is first.
    """
    for axis, radius in reversed(list(enumerate(radii))):
        if radius:
            smooth = ndimage.gaussian_filter1d(image, SIGMA, axis=axis, radius=radius)
            image = smooth[(slice(None),) * axis + (slice(radius, -radius),)]
    return image


def _halved(image: Floats) -> Floats:
    """Means of blocks of two voxels along each axis; an odd last voxel is left out."""
    for axis in range(image.ndim):
        rows = np.moveaxis(image, axis, 0)
        even = len(rows) - len(rows) % 2
        image = np.moveaxis((rows[0:even:2] + rows[1:even:2]) / 2, 0, axis)
    return image


def _pair(image: Array, truth: Array, mask: Mask | None) -> tuple[Floats, Floats]:
    _check_shapes(image, truth, mask)
    return finite(image, "the image"), finite(truth, "the truth")


def _check_shapes(image: Array, truth: Array, mask: Mask | None) -> None:
    if image.shape != truth.shape or not image.size:
        raise ValueError(f"images of shapes {image.shape} and {truth.shape}; the shapes must be equal, and not empty")
    if mask is not None and (mask.shape != image.shape or mask.dtype.kind != "b" or not mask.any()):
        raise ValueError(f"a mask is bool, of the image's shape {image.shape}, and not empty")


def _span(span: float) -> float:
    return positive(span, "the range of intensities")


def _each(answers: Array, truths: Array, value: Callable[[Array, Array, Mask | None], float]) -> Floats:
    """`value` of each case. A truth that is a masked array is not asked for where it is masked.

    There the answer counts as the truth, so that windows on the border of the mask see nothing of it.
    """
    found = []
    for image, truth in zip(answers, truths, strict=True):
        mask = None
        if isinstance(truth, np.ma.MaskedArray) and np.ma.getmask(truth) is not np.ma.nomask:
            mask = ~np.ma.getmaskarray(truth)
            image = np.where(mask, image, truth.data)
        found.append(value(image, np.asarray(truth), mask))
    return np.array(found, dtype=np.float64)
