"""How the values of a slice become grey levels, and where the border of a label runs."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

WINDOW = (0.5, 99.5)
"""Percentiles of the slice that are drawn black and white."""


def grey_or_colour(image: Array) -> Array:
    """A slice (h, w) or (3, h, w) as uint8 (h, w) or (h, w, 3), scaled between two percentiles of its values."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, WINDOW) if finite.size else (0.0, 1.0)
    if high <= low:
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    shares = np.nan_to_num((image.astype(np.float64) - low) / ((high - low) or 1.0))
    pixels: Array = np.round(255 * shares.clip(0, 1)).astype(np.uint8)
    return np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels


def border_lines(mask: Array) -> list[Array]:
    """The border of a mask (h, w) as closed lines (P, 2) of rows and columns, in pixels from the image's corner."""
    from skimage.measure import approximate_polygon, find_contours

    contours = find_contours(np.pad(mask, 1).astype(np.float32), 0.5)
    # Pixel centres are at whole numbers, and the padding adds one: the image's corner is at a half.
    return [approximate_polygon(contour, 0.3) - 0.5 for contour in contours]
