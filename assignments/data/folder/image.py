"""One image as it was read from a file, and the error for a file that cannot be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from assignments.errors import Problem, UserError

Array = np.ndarray[Any, Any]
ImageAxes = Literal["d h w", "h w", "c h w"]

AGAIN = "copy or download it again"
"""The cure for a file that is damaged."""
MAX_VOXELS = 2**29
"""The largest image that is read: 512 x 512 x 2048. A header that declares more is refused before anything is read."""


@dataclass(frozen=True)
class Facts:
    """What a file is, and how it was read. Nothing here names a patient."""

    format: str
    """"NIfTI", "DICOM", "PNG", ..."""
    notes: tuple[str, ...] = ()
    """What the reader had to decide, each in a sentence."""
    exif: int = 1
    """EXIF's orientation, as which a picture was turned; 1: it was not."""


@dataclass(frozen=True, eq=False)
class Image:
    """One image: its voxels, and where they lie in the patient."""

    array: Array
    """As the file stores it, with the axes in the order of `axes`. Numbers are rescaled where the file says so."""
    axes: ImageAxes
    """A volume (slice, row, column), a slice (row, column), or a slice in colours (3, row, column)."""
    affine: Array | None
    """(4, 4) float64: from indices (d, h, w, 1) to mm (right, anterior, superior, 1). A slice has d = 0. None: the
    file does not say."""
    spacing_mm: tuple[float, ...] | None
    """Distance of neighbouring voxels along (d, h, w) or (h, w)."""
    orientation: str | None
    """Directions in which the file's column, row and slice indices rise: "LPS" in most of DICOM. It is the file's,
    whatever was done to the image since."""
    facts: Facts

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the axes that lie in space: (d, h, w) or (h, w)."""
        shape: tuple[int, ...] = self.array.shape
        return shape[1:] if self.axes == "c h w" else shape


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, and the cure."""

    what: str
    cure: str


class UnreadableImage(UserError):
    """A file that is not an image, or one that must not be used as it is."""

    def __init__(self, path: object, faults: Sequence[Fault]) -> None:
        self.path = str(path)
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.problems())))

    def problems(self, case: str = "") -> list[Problem]:
        """One problem for each fault; `case` says whose file it is."""
        return [Problem(self.path, case, None, fault.what, fault.cure) for fault in self.faults]


def unreadable(path: object, what: str, cure: str) -> UnreadableImage:
    """The error for a file, or an address, with one fault."""
    return UnreadableImage(path, [Fault(what, cure)])


def first_line(error: Exception) -> str:
    """The first line of what a library says, without its full stop; the error's kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


def missing_package(reading: str, package: str) -> UserError:
    """The error where a package of the extra `formats` is not installed: no fault of a file."""
    return UserError(f'reading {reading} needs {package}: pip install "medmark[formats]"')


def refuse_absurd(path: object, shape: Sequence[int]) -> None:
    """Refuse a declared size before memory is set aside for it.

    Raises:
        UnreadableImage: no voxels, or more than `MAX_VOXELS`.
    """
    size = " x ".join(map(str, shape))
    if not all(n > 0 for n in shape):
        raise unreadable(path, f"it declares {size} voxels", "export the image again")
    if math.prod(shape) > MAX_VOXELS:
        raise unreadable(
            path,
            f"it declares {size} voxels, more than {MAX_VOXELS:,}",
            "crop it, or save it at a lower resolution; if it is smaller than that, its header is damaged",
        )


def native(array: Array) -> Array:
    """The same numbers in the byte order of this machine; truth values become 0 and 1 (uint8)."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_dtype(path: object, dtype: np.dtype[Any]) -> None:
    """Refuse what is not a plain number.

    Raises:
        UnreadableImage: complex numbers, texts, records, objects.
    """
    if dtype.kind not in "biuf":
        raise unreadable(path, f"its voxels are {dtype}, not plain numbers", "save one number a voxel")
