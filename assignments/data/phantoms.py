"""Phantoms with the arrays that a source declares: what students get in place of patients who stay where they are.

They have the true keys, dtypes and axes, and a ground truth that can be learnt from the inputs: a bright ellipsoid in a
smooth background. They resemble no organ and come from no patient; a solution that runs on them runs on the patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.random import Generator

from assignments.data.image_axes import SMALLEST, has_channels, is_channels
from assignments.data.source import Arrays, Axes

Array = np.ndarray
ROWS, SLICES, CHANNELS, NUMBERS = 32, 16, 2, 8
"""Sizes of axes that nothing fixes: rows and columns; slices; channels; numbers of a row, such as features."""
_PAIR = ("labels", "landmarks")
"""Keys of both images of a registration pair."""


@dataclass(frozen=True)
class _Phantom:
    """What all arrays of one case follow from."""

    number: int
    """Its class, or the number of its outermost class."""
    size: float
    """0 to 1: how large the ellipsoid is, or the number to predict."""
    distance: Array
    """Of every voxel from the middle of the ellipsoid, in its radii squared: below 1 is inside."""
    image: Array
    """The same shape, float64, about 0 to 1."""
    shift: tuple[int, ...]
    """Voxels from the fixed to the moving image."""


def phantoms(arrays: Mapping[str, Axes], n: int, rng: Generator, *, task: str, classes: int = 2) -> Arrays:
    """`n` cases with a leading N, as `arrays` declares them; `with_sizes` settles the sizes of named axes first.

    Args:
        task: Name of the task; of "instances" and "label_maps" the truth has several numbers.
        classes: How many classes there are, the background of a map of labels among them.
    """
    shapes = {key: tuple(map(int, axes.sizes)) for key, axes in with_sizes(arrays, {}).items()}
    space = _space(arrays, shapes)
    numbers = rng.permutation(np.arange(n) % max(classes, 2))
    cases: dict[str, list[Array]] = {key: [] for key in arrays}
    for number in numbers:
        phantom = _drawn(space, int(number), classes, rng)
        for key, axes in arrays.items():
            array = _array(key, axes, shapes[key], phantom, task, classes, rng)
            cases[key].append(np.asarray(array).astype(axes.dtype))
    return {**{key: np.stack(each) for key, each in cases.items()}, "subject": np.arange(n)}


def with_sizes(arrays: Mapping[str, Axes], sizes: Mapping[str, Sequence[str]], more: int = 0) -> dict[str, Axes]:
    """The arrays with a number for each named axis.

    Args:
        sizes: By key, the sizes that an interface declares for a case: names, and numbers that are kept.
        more: By how much rows, columns and slices are larger than usual.
    """
    named: dict[str, int] = {}
    for key, axes in arrays.items():
        for name, declared in zip(axes.sizes, sizes.get(key, ()), strict=False):
            if not name.isdecimal() and declared.isdecimal():
                named[name] = int(declared)
    for axes in arrays.values():
        for position, name in enumerate(axes.sizes):
            if not name.isdecimal():
                named.setdefault(name, _usual(name, len(axes.sizes) - position, len(axes.sizes), more))
    return {
        key: Axes(axes.dtype, " ".join(str(named.get(name, name)) for name in axes.sizes), axes.role)
        for key, axes in arrays.items()
    }


def _usual(name: str, from_last: int, count: int, more: int) -> int:
    if count == 1:
        return NUMBERS
    if is_channels(name, ROWS):
        return CHANNELS
    return ROWS + more if from_last <= 2 else SLICES + more if from_last == 3 else CHANNELS


def _space(arrays: Mapping[str, Axes], shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of an image without channels; a small one where no array is an image."""
    images = {key: shape for key, shape in shapes.items() if _is_image(shape)}
    for key in [key for key in images if key in ("label", "instances")] + list(images):
        names = arrays[key].sizes
        return images[key][1:] if key in _PAIR or has_channels(names[0], images[key]) else images[key]
    return (ROWS, ROWS)


def _is_image(shape: tuple[int, ...]) -> bool:
    return 2 <= len(shape) <= 4 and min(shape[-2:]) >= SMALLEST


def _drawn(space: tuple[int, ...], number: int, classes: int, rng: Generator) -> _Phantom:
    from scipy.ndimage import gaussian_filter

    size = rng.random()
    radii = [(0.25 + 0.4 * size) * rng.uniform(0.8, 1.2) for _ in space]
    middle = [rng.uniform(-0.3, 0.3) for _ in space]
    axes = [np.linspace(-1, 1, length) for length in space]
    grid = np.meshgrid(*axes, indexing="ij")
    distance = sum(((x - at) / radius) ** 2 for x, at, radius in zip(grid, middle, radii, strict=True))
    smooth = gaussian_filter(rng.standard_normal(space), [length / 8 for length in space])
    brightness = 0.3 + 0.6 * (number + 1) / max(classes, 2)
    image = 0.2 + 0.1 * smooth / (smooth.std() or 1.0) + brightness * (distance < 1) * (1.2 - 0.4 * distance)
    image += 0.03 * rng.standard_normal(space)
    shift = tuple(int(rng.integers(-2, 3)) for _ in space)
    return _Phantom(number, size, np.asarray(distance), image, shift)


def _array(
    key: str, axes: Axes, shape: tuple[int, ...], phantom: _Phantom, task: str, classes: int, rng: Generator
) -> Array | float:
    """One array of one case."""
    whole = np.dtype(axes.dtype).kind in "biu"
    space = phantom.distance.shape
    if key == "spacing":
        return np.ones(shape)
    if key == "landmarks" and len(shape) == 3 and shape[2] == len(space):
        return _landmarks(shape[1], phantom, rng)
    if shape[-len(space) :] == space and _is_image(shape):
        return _image(key, shape, phantom, _labels(phantom, task, classes) if whole else None, rng)
    if shape == ():
        return phantom.number if whole else phantom.size
    if whole:  # labels that do not exclude each other, each as likely as not
        return (np.arange(prod(shape)) + phantom.number) % 2 if axes.role == "truth" else np.zeros(shape)
    row = np.linspace(0, 1, prod(shape)) * phantom.number + np.linspace(1, 0, prod(shape)) * phantom.size
    return (row + 0.1 * rng.standard_normal(prod(shape))).reshape(shape)


def _image(key: str, shape: tuple[int, ...], phantom: _Phantom, labels: Array | None, rng: Generator) -> Array:
    """An image, or its labels; with channels, or both images of a pair, where the shape has one axis more."""
    picture = phantom.image if labels is None else labels
    if key == "target":
        picture = 1 - picture
    moved = np.roll(picture, phantom.shift, axis=tuple(range(picture.ndim)))
    if key in _PAIR and len(shape) > picture.ndim:
        return np.stack([picture, moved])
    if key == "moving":
        picture = moved
    if len(shape) == picture.ndim:
        return picture
    channels = [picture if labels is not None else picture * (1 - 0.2 * channel) for channel in range(shape[0])]
    return np.stack(channels)


def _labels(phantom: _Phantom, task: str, classes: int) -> Array:
    """The number of every voxel: 1 inside; nested classes of a map of labels; quarters for instances."""
    inside = phantom.distance < 1
    if task == "label_maps":
        nested = [phantom.distance < (classes - number) / max(classes - 1, 1) for number in range(1, max(classes, 2))]
        return np.asarray(np.sum(nested, axis=0))
    if task == "instances":
        middle = np.unravel_index(int(phantom.distance.argmin()), inside.shape)
        rows, columns = np.ogrid[: inside.shape[-2], : inside.shape[-1]]
        return np.asarray(inside * (1 + (rows >= middle[-2]) + 2 * (columns >= middle[-1])))
    return inside


def _landmarks(points: int, phantom: _Phantom, rng: Generator) -> Array:
    """Positions in voxels (2, P, d), in the fixed and in the moving image."""
    space = phantom.distance.shape
    fixed = np.stack([rng.uniform(2, length - 3, points) for length in space], axis=-1)
    return np.stack([fixed, fixed + np.array(phantom.shift)])
