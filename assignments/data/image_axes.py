"""Which axes of an array are an image's: channels, slices, rows, columns. Rows and columns come last."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignments.data.source import Axes

SMALLEST = 8
"""Rows and columns from which an array is an image, and not a table or a list of landmarks."""
CHANNELS = 4
"""Up to so many images before rows and columns are channels where the axis has no name."""
_CHANNEL_NAMES = ("c", "channel", "channels")


def image_view(array: np.ndarray[Any, Any], axes: Axes) -> np.ndarray[Any, Any] | None:
    """One case's array with its channels first, (c, h, w) or (c, d, h, w); None if it is not an image."""
    if array.ndim < 2 or array.ndim > 4 or min(array.shape[-2:]) < SMALLEST:
        return None
    return array if has_channels(axes.sizes[0], array.shape) else array[None]


def has_channels(first: str, shape: tuple[int, ...]) -> bool:
    """Whether the first axis of an image is its channels, by the axis's name and the image's shape."""
    return len(shape) == 4 or (len(shape) == 3 and is_channels(first, shape[0]))


def is_channels(name: str, size: int) -> bool:
    """Whether an axis before rows and columns is that of channels, and not of slices."""
    return size <= CHANNELS if name.isdecimal() else name in _CHANNEL_NAMES
