"""Similarity of two images: MAE, PSNR, SSIM, MS-SSIM. Similarity of two sets of images is in `distributions.py`.

Images are floats (N, [D,] H, W) in their own unit, such as HU. The range of intensities is declared once, never taken
from an image: a range per image flatters PSNR and SSIM. All functions compute in float64. A mask marks the voxels that
count; of a truth that is a masked array (`numpy.ma`), the voxels that are not masked count.

    Dohmen et al.: Five pitfalls when assessing synthetic medical images with reference metrics. arXiv:2408.06075.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from graders.metrics.checks import check_finite, finite, positive
from graders.metrics.metric import LARGEST, Array, CaseInfo, Floats

Mask = NDArray[np.bool_]
HIGHEST_PSNR = 100.0
"""The value of equal images, in dB; a root mean square error of a hundred-thousandth of the range has it too."""
SIGMA, RADIUS = 1.5, 5
"""Of the Gaussian window, 11 voxels wide."""
BLOCK_VOXELS = 2**16
"""The differences of so many voxels fit in the cache."""
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM, the finest scale first."""


def mae(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Mean absolute error per case in the image's unit, 0 to `at`, the range of intensities. Lower is better."""
    most = _span(at)
    return _each(predictions, truths, lambda image, truth, mask: min(mean_absolute_error(image, truth, mask), most))


def psnr(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Peak signal-to-noise ratio per case in dB, 10 log10(range² / MSE) for the range `at`; 0 to 100, higher is better.

    Equal images count as 100, an error larger than the range as 0.
    """
    return _each(predictions, truths, lambda image, truth, mask: peak_signal_to_noise(image, truth, at, mask))


def ssim(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Structural similarity per case for the range `at`, -1 to 1: the mean over all windows inside the image.

    Gaussian windows of 11 voxels along each axis, K1 = .01, K2 = .03. Along an axis with fewer than 11 voxels the
    window's length is the largest odd number that fits. Wang et al., IEEE TIP 13 (2004).
    """
    return _each(predictions, truths, lambda image, truth, mask: structural_similarity(image, truth, at, mask))


def ms_ssim(predictions: Array, truths: Array, cases: Sequence[CaseInfo], at: float) -> Floats:
    """Multi-scale structural similarity per case for the range `at`, 0 to 1, over five scales, each half the last.

    Each axis needs at least 176 voxels. Wang, Simoncelli & Bovik, Asilomar 2003.
    """
    return _each(predictions, truths, lambda image, truth, mask: multi_scale_similarity(image, truth, at, mask))


def mean_absolute_error(image: Array, truth: Array, mask: Mask | None = None) -> float:
    """Mean absolute difference, in the unit of the images, over the mask."""
    image, truth = _pair(image, truth, mask)
    return float(np.abs(image - truth)[... if mask is None else mask].mean())


def peak_signal_to_noise(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """PSNR in dB for a range of intensities `span`, over the mask; 0 to 100."""
    most, error = _span(span), _mean_square(image, truth, mask)
    return min(max(20 * math.log10(most) - 10 * math.log10(error), 0.0), HIGHEST_PSNR) if error else HIGHEST_PSNR


def _mean_square(image: Array, truth: Array, mask: Mask | None) -> float:
    """Mean squared difference over the mask; differences of float32 images are computed in float32, as in scikit-image.

    The image is checked only where its error is not finite, which saves a pass over it.
    """
    _check_shapes(image, truth, mask)
    check_finite(truth, "the truth")
    if mask is not None:
        check_finite(image, "the image")
        image, truth = image[mask], truth[mask]
    kind = np.promote_types(np.result_type(image, truth), np.float32)
    values, true = (array.astype(kind, copy=False).ravel() for array in (image, truth))
    buffer, total = np.empty(min(values.size, BLOCK_VOXELS)), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, values.size, BLOCK_VOXELS):
            block = slice(start, start + BLOCK_VOXELS)
            difference = np.subtract(values[block], true[block], out=buffer[: values.size - start])
            total += float(difference @ difference)
    if not total <= LARGEST:
        check_finite(image, "the image")
    return total / values.size


def structural_similarity(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """Mean SSIM over the windows inside the image; with a mask, over those whose centre is in it.

    Along an axis with fewer than 11 voxels the window's length is the largest odd number that fits.
    """
    image, truth = _pair(image, truth, mask)
    span, radii = _span(span), _radii(image.shape)
    light, structure = _similarity(image, truth, span, radii)
    return float((light * structure)[... if mask is None else _windows(mask, radii)].mean())


def multi_scale_similarity(image: Array, truth: Array, span: float, mask: Mask | None = None) -> float:
    """MS-SSIM: the weighted product of every scale's contrast and structure, and of the coarsest scale's luminance.

    With a mask only windows whose centre is in it count; at a coarser scale a voxel is in the mask where at least half
    of its finer voxels are.
    """
    image, truth = _pair(image, truth, mask)
    span = _span(span)
    least = (2 * RADIUS + 1) * 2 ** (len(SCALES) - 1)
    if min(image.shape) < least:
        raise ValueError(f"an image of {image.shape} voxels is too small: each axis needs at least {least} voxels")
    inside = np.ones(image.shape) if mask is None else mask.astype(np.float64)
    product, radii = 1.0, (RADIUS,) * image.ndim
    for scale, weight in enumerate(SCALES):
        light, structure = _similarity(image, truth, span, radii)
        windows = _windows(inside >= 0.5, radii)
        last = scale == len(SCALES) - 1
        similarity = float((light * structure if last else structure)[windows].mean())
        product *= max(similarity, 0.0) ** weight  # a negative similarity counts as 0
        image, truth, inside = _halved(image), _halved(truth), _halved(inside)
    return product


def _similarity(image: Floats, truth: Floats, span: float, radii: Sequence[int]) -> tuple[Floats, Floats]:
    """Luminance, and contrast with structure, of every window inside the image."""
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean, true_mean = _smooth(image, radii), _smooth(truth, radii)
    product, squares = mean * true_mean, mean * mean + true_mean * true_mean
    spreads = _smooth(image * image + truth * truth, radii) - squares
    shared = _smooth(image * truth, radii) - product
    return (2 * product + c1) / (squares + c1), (2 * shared + c2) / (spreads + c2)


def _radii(shape: Sequence[int]) -> tuple[int, ...]:
    """The window's radius along each axis."""
    radii = tuple(min(RADIUS, (size - 1) // 2) for size in shape)
    if not any(radii):
        raise ValueError(f"an image of {tuple(shape)} voxels is too small: at least one axis needs 3 voxels")
    return radii


def _windows(mask: Mask, radii: Sequence[int]) -> Mask:
    """Which windows inside the image have their centre in the mask."""
    centres = mask[tuple(slice(radius, size - radius) for radius, size in zip(radii, mask.shape, strict=True))]
    if not centres.any():
        raise ValueError("no window of the image has its centre in the mask")
    return centres


def _smooth(image: Floats, radii: Sequence[int]) -> Floats:
    """Gaussian means of all windows inside the image.

    Each axis shortens the image, which saves work for the next. The last axis comes first, because its rows lie
    together in memory.
    """
    for axis, radius in reversed(list(enumerate(radii))):
        if radius:
            smooth = ndimage.gaussian_filter1d(image, SIGMA, axis=axis, radius=radius)
            image = smooth[(slice(None),) * axis + (slice(radius, -radius),)]
    return image


def _halved(image: Floats) -> Floats:
    """Means of two neighbouring voxels along each axis; an odd last voxel is left out."""
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
        raise ValueError(f"a mask must be bool, of the image's shape {image.shape}, and not empty")


def _span(span: float) -> float:
    return positive(span, "the range of intensities")


def _each(predictions: Array, truths: Array, value: Callable[[Array, Array, Mask | None], float]) -> Floats:
    """`value` of each case. Voxels that are masked in the truth do not count.

    There the prediction is replaced by the truth, so that windows at the border of the mask ignore it.
    """
    values = []
    for image, truth in zip(predictions, truths, strict=True):
        mask = None
        if isinstance(truth, np.ma.MaskedArray) and np.ma.getmask(truth) is not np.ma.nomask:
            mask = ~np.ma.getmaskarray(truth)
            image = np.where(mask, image, truth.data)
        values.append(value(image, np.asarray(truth), mask))
    return np.array(values, dtype=np.float64)
