"""Brings images into one form: directions of the axes, spacing, intensities, size. Their affine follows each change.

Nothing here moves a voxel in the patient: indices and affine change together, so that a landmark keeps its mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from assignments.data.folder.affines import TOLERANCE, codes_of, in_mm, nearest_axes, spacing_of
from assignments.data.folder.image import Array, Image
from assignments.errors import UserError

Orient = Literal["RAS", "LPS", "file"]

MAX_SHARED_CLASSES = 32
"""Labels with more numbers than this, such as instances, are resampled to the nearest voxel."""
_ROUNDED = 0.02
"""Share of a voxel by which corners may lie apart: of 512 voxels with 0.7031 mm in place of 0.703125 it is 0.018."""
_OPPOSITE = {"R": "left and right", "L": "left and right", "A": "front and back", "P": "front and back"}


def canonical(image: Image, orient: Orient) -> Image:
    """The volume with axes (d, h, w) that rise towards superior, anterior, right ("RAS") or superior, posterior, left.

    Axes are flipped and transposed, and no number changes: an oblique volume gets the nearest directions. "file"
    changes nothing. So does a slice, or a file that gives no orientation: there is nothing to turn it by.
    """
    if orient == "file" or image.affine is None or image.axes != "d h w":
        return image
    signs = (1, 1, 1) if orient == "RAS" else (1, -1, -1)
    now = nearest_axes(image.affine)
    wanted_axes = [[axis for axis, _ in now].index(2 - i) for i in range(3)]  # d is near S, h near A, w near R
    array = image.array.transpose(wanted_axes)
    to_old = np.zeros((4, 4))  # from an index of the new array to one of the old
    to_old[3, 3] = 1.0
    for new, old in enumerate(wanted_axes):
        if now[old][1] == signs[new]:
            to_old[old, new] = 1.0
        else:
            array = np.flip(array, new)
            to_old[old, new], to_old[old, 3] = -1.0, image.array.shape[old] - 1
    return _changed(image, array, image.affine @ to_old)


def slice_of(image: Image, number: int) -> Image:
    """One slice (h, w) of a volume (d, h, w), counted from 0 in the direction in which d rises."""
    affine = image.affine
    if affine is not None:
        to_volume = np.eye(4)
        to_volume[0, 3] = number
        affine = affine @ to_volume
    spacing = None if image.spacing_mm is None else image.spacing_mm[1:]
    return replace(image, array=image.array[number], axes="h w", affine=affine, spacing_mm=spacing)


def resampled(image: Image, spacing_mm: Sequence[float], *, label: bool = False) -> Image:
    """The image on a grid of this spacing, in the order (d, h, w) or (h, w), about the same middle.

    Sizes are rounded to whole voxels, so the edge moves by half a new voxel at most. Intensities (float32) are
    interpolated linearly, after a Gaussian of (factor - 1) / 2 old voxels where an axis shrinks, against aliasing.

    A label gets in each voxel the class that has the largest share of it: the mask of every class is interpolated as
    an image is. Nearest neighbours would look at one old voxel of many, and tear thin structures. Labels with more
    than 32 numbers are instances, and get the nearest.

    Raises:
        UserError: the image has no spacing, or this is not one number above 0 for each axis.
    """
    old = image.spacing_mm
    if old is None:
        raise UserError("an image without a spacing cannot be resampled: leave out resample_mm, and set `size`.")
    _check_numbers("resample_mm", spacing_mm, len(old))
    factors = [new / mm for new, mm in zip(spacing_mm, old, strict=True)]
    shape = [max(1, round(n / factor)) for n, factor in zip(image.spatial, factors, strict=True)]
    return _regridded(image, shape, factors, label)


def windowed(array: Array, centre: float, width: float) -> Array:
    """Intensities from `centre - width / 2` to `centre + width / 2` as 0 to 1 (float32); others become 0 or 1.

    Raises:
        UserError: the width is not above 0.
    """
    if not (np.isfinite([centre, width]).all() and width > 0):
        raise UserError(f"window = [{centre:g}, {width:g}]: the width must be above 0.")
    scaled = (np.asarray(array, np.float32) - np.float32(centre - width / 2)) / np.float32(width)
    inside: Array = np.clip(scaled, np.float32(0), np.float32(1))
    return inside


def sized(image: Image, size: Sequence[int], *, crop: bool, label: bool = False) -> Image:
    """The image with this many voxels, in the order (d, h, w) or (h, w).

    With `crop`, what is outside about the middle is cut off, and what is missing is filled: an image with its lowest
    number, which is air or background, and a label with 0. Without it, the whole field of view is scaled as in
    `resampled`, and the spacing changes.

    Raises:
        UserError: this is not one whole number above 0 for each axis.
    """
    _check_numbers("size", size, len(image.spatial))
    if not crop:
        factors = [n / new for n, new in zip(image.spatial, size, strict=True)]
        return _regridded(image, list(size), factors, label)
    array, first = image.array, image.array.ndim - len(size)
    starts = []
    fill = 0 if label else array.min()
    for axis, (n, new) in enumerate(zip(image.spatial, size, strict=True), first):
        start = int((n - new) / 2)  # below 0 where voxels are added; an odd one comes or goes at the end
        starts.append(start)
        array = np.take(array, range(max(start, 0), max(start, 0) + min(n, new)), axis)
        before = max(-start, 0)
        pads = [(0, 0)] * array.ndim
        pads[axis] = (before, new - min(n, new) - before)
        array = np.pad(array, pads, constant_values=fill)
    return _changed(image, array, _shifted(image.affine, [1.0] * len(size), starts))


def same_geometry(image: Image, other: Image) -> str | None:
    """What differs between where two images lie, as a sentence about the second; None if their voxels lie alike.

    Compare them after `canonical`: files may hold one volume in two orders. Positions may differ by
    2e-3 mm or 0.02 voxels, which is what programs round off.
    """
    if image.spatial != other.spatial:
        turned = " (its axes are in another order)" if sorted(image.spatial) == sorted(other.spatial) else ""
        return f"its shape is {_sizes(other.spatial)}, and that of the image {_sizes(image.spatial)}{turned}"
    if image.affine is None or other.affine is None:
        return _half_known(image, other)
    a, b = codes_of(image.affine), codes_of(other.affine)
    if a != b:
        return f"it runs {b}, and the image {a}: {_turned(a, b)}"
    spacings = spacing_of(image.affine), spacing_of(other.affine)
    if not np.allclose(*spacings, atol=TOLERANCE, rtol=0):
        return f"its spacing is {in_mm(spacings[1])}, and that of the image {in_mm(spacings[0])}"
    corners = np.array([[i, j, k, 1] for k in (0, 1) for j in (0, 1) for i in (0, 1)], np.float64)
    corners[:, :3] *= np.array((1, *other.spatial)[-3:]) - 1  # a slice has d = 0
    moved = (corners @ (other.affine - image.affine).T)[:, :3]
    farthest = float(np.linalg.norm(moved, axis=1).max())
    if farthest <= max(2 * TOLERANCE, _ROUNDED * min(spacings[0])):
        return None
    if image.orientation != other.orientation:
        reason = _turned(image.orientation, other.orientation)
        return (
            f"it lies up to {farthest:.4g} mm away, and its file runs {other.orientation}, that of the image "
            f"{image.orientation}: {reason}"
        )
    shift = moved.mean(axis=0)
    if np.linalg.norm(moved - shift, axis=1).max() <= 2 * TOLERANCE:
        right, anterior, superior = (round(float(mm), 3) + 0.0 for mm in shift)
        return f"it is shifted by {right:g} mm to the right, {anterior:g} mm forward and {superior:g} mm up"
    return f"it is rotated: its corners lie up to {farthest:.4g} mm from those of the image"


def _half_known(image: Image, other: Image) -> str | None:
    """Where a file gives no orientation, indices must agree as they were stored."""
    if image.spacing_mm and other.spacing_mm and not np.allclose(image.spacing_mm, other.spacing_mm, atol=TOLERANCE):
        return f"its spacing is {in_mm(other.spacing_mm)}, and that of the image {in_mm(image.spacing_mm)}"
    for oriented, name in ((image, "the image"), (other, "this")):
        if oriented.affine is not None and codes_of(oriented.affine) != oriented.orientation:
            lacking = "its file" if oriented is image else "that of the image"
            return (
                f"{lacking} gives no orientation, and {name} was turned from {oriented.orientation}, so they may no "
                'longer match: set orient = "file", or save both in one format'
            )
    return None


def _turned(a: str | None, b: str | None) -> str:
    """What is turned round between two codes: "left and right are reversed"."""
    pairs = list(zip(a or "", b or "", strict=False))
    if not pairs or any(_OPPOSITE.get(x, "top and bottom") != _OPPOSITE.get(y, "top and bottom") for x, y in pairs):
        return "its axes are in another order"
    reversed_ends = [_OPPOSITE.get(x, "top and bottom") for x, y in pairs if x != y]
    return f"{' and '.join(reversed_ends)} are reversed"


def _regridded(image: Image, shape: list[int], factors: list[float], label: bool) -> Image:
    """The image on a grid with this shape whose steps are `factors` old voxels, about the same middle."""
    if tuple(shape) == image.spatial and np.allclose(factors, 1.0, rtol=0, atol=1e-6):
        return image if label else replace(image, array=np.asarray(image.array, np.float32))
    starts = [(n - 1 - factor * (new - 1)) / 2 for n, new, factor in zip(image.spatial, shape, factors, strict=True)]
    grid = (tuple(shape), tuple(factors), tuple(starts))
    planes = image.array if image.axes == "c h w" else image.array[None]
    if label:
        array = np.stack([_shares(plane, *grid) for plane in planes])
    else:
        array = np.stack([_linear(np.asarray(plane, np.float32), *grid) for plane in planes])
    return _changed(
        image,
        array if image.axes == "c h w" else array[0],
        _shifted(image.affine, factors, starts),
        None if image.spacing_mm is None else tuple(mm * f for mm, f in zip(image.spacing_mm, factors, strict=True)),
    )


def _linear(plane: Array, shape: tuple[int, ...], factors: tuple[float, ...], starts: tuple[float, ...]) -> Array:
    """Intensities on another grid; beyond the edge they go on as at the edge."""
    blur = [max(0.0, (factor - 1) / 2) for factor in factors]
    smooth = ndimage.gaussian_filter(plane, blur, mode="nearest") if any(blur) else plane
    transform: Any = ndimage.affine_transform  # its stubs know no tuple of numbers for the diagonal
    array: Array = transform(smooth, factors, starts, shape, np.float32, order=1, mode="nearest")
    return array


def _shares(plane: Array, shape: tuple[int, ...], factors: tuple[float, ...], starts: tuple[float, ...]) -> Array:
    """In each new voxel the class with the largest share; of equal shares the lower number."""
    classes = np.unique(plane)
    if len(classes) > MAX_SHARED_CLASSES:
        transform: Any = ndimage.affine_transform
        nearest: Array = transform(plane, factors, starts, shape, plane.dtype, order=0, mode="nearest")
        return nearest
    best = np.full(shape, classes[0], plane.dtype)
    share = np.full(shape, -1.0, np.float32)
    for number in classes:
        here = _linear((plane == number).astype(np.float32), shape, factors, starts)
        wins = here > share + 1e-6  # rounding is not a majority
        best[wins], share[wins] = number, here[wins]
    return best


def _shifted(affine: Array | None, factors: Sequence[float], starts: Sequence[float]) -> Array | None:
    """The affine of a grid that begins at index `starts` of the old one, and whose steps are `factors` old voxels."""
    if affine is None:
        return None
    to_old = np.eye(4)
    for axis, (factor, start) in enumerate(zip(factors, starts, strict=True), 3 - len(factors)):
        to_old[axis, axis], to_old[axis, 3] = factor, start
    return affine @ to_old


def _changed(image: Image, array: Array, affine: Array | None, spacing: tuple[float, ...] | None = None) -> Image:
    """The image with another array and where it lies now."""
    if affine is not None:
        spacing = spacing_of(affine)[3 - len(image.spatial) :]
    return replace(image, array=array, affine=affine, spacing_mm=spacing if spacing is not None else image.spacing_mm)


def _check_numbers(setting: str, numbers: Sequence[float], axes: int) -> None:
    """Refuse a setting that does not fit the images.

    Raises:
        UserError: another count than the axes, or a number that is not above 0.
    """
    written = ", ".join(f"{number:g}" for number in numbers)
    if len(numbers) != axes:
        order = "(D, H, W)" if axes == 3 else "(H, W)"
        raise UserError(f"[data] {setting} = [{written}]: the images have {axes} axes, in the order {order}.")
    if not all(np.isfinite(number) and number > 0 for number in numbers):
        raise UserError(f"[data] {setting} = [{written}]: each number must be above 0.")


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
