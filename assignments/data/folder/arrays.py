"""Arrays of NumPy: a .npy file, and one array or row of a .npz archive. Objects are never unpickled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assignments.data.folder.image import (
    AGAIN,
    Array,
    Facts,
    Image,
    ImageAxes,
    UnreadableImage,
    first_line,
    native,
    refuse_absurd,
    refuse_dtype,
    unreadable,
)
from assignments.data.folder.location import Location
from assignments.errors import nearest

MAX_MEMBER_BYTES = 2**31
"""The largest array of an archive that is decompressed: it has to lie in memory as a whole."""

_OBJECTS = "it holds Python objects, which could run code when they are read"
_NUMBERS = "save plain numbers: np.savez(file, images=np.stack(images)), or one .npy a case where shapes differ"

_MOST_CHANNELS = 4
"""Colours and transparency, or a few modalities, behind the rows and columns."""
_CHANNELS = (
    "colours: save array[..., :3]; channels: save each as a file of its own (columns image:NAME); a label: save "
    "array.argmax(-1); a volume: save it as (slice, row, column), np.moveaxis(array, -1, 0)"
)

T = TypeVar("T")


class Members:
    """What was decompressed already, so that rows of one array, or volumes of one file, decompress it once.

    It keeps the last one. Whoever reads many rows makes one, and drops it after the last.
    """

    def __init__(self) -> None:
        self._last: tuple[Path, str, Any] | None = None

    def read(self, where: Location, name: str) -> Array:
        """The array of this name."""
        return self.content(where.path, name, lambda: _member(where, name))

    def content(self, path: Path, name: str, decompressed: Callable[[], T]) -> T:
        """What lies in a file under a name, decompressed now or before."""
        if self._last is None or self._last[:2] != (path, name):
            self._last = None  # never two at a time
            self._last = (path, name, decompressed())
        content: T = self._last[2]
        return content


def read_npy(where: Location) -> Array:
    """The array of a .npy file, or one row of it; the other rows are not read.

    Raises:
        UnreadableImage: not NPY, cut off, objects, or no such row.
    """
    if where.key is not None:
        raise unreadable(where, "a .npy file holds one array without a name", f"write {where.path.name}")
    try:
        array: Array = np.load(where.path, mmap_mode="r", allow_pickle=False)
    except (PermissionError, FileNotFoundError):
        raise
    except Exception as error:  # a damaged header makes NumPy raise nearly anything
        raise _unreadable_array(where, error) from error
    return _numbers(where, array)


def read_npz(where: Location, members: Members | None = None) -> Array:
    """One array of a .npz archive, or one row of it. A name may be left out where there is one array alone.

    Raises:
        UnreadableImage: no archive, damaged, objects, no such array or row, or one too large to decompress.
    """
    names = _names(where)
    name = where.key
    if name is None:
        if len(names) != 1:
            cure = f"name one, such as {where.path.name}:{names[0]}" if names else AGAIN
            raise unreadable(where, f"it holds {len(names)} arrays: {', '.join(names) or 'none'}", cure)
        name = names[0]
    if name not in names:
        raise unreadable(where, f"it has no array {name}", nearest(name, names))
    return _numbers(where, (members or Members()).read(where, name))


def array_image(where: Location, array: Array, kind: str) -> Image:
    """An array as an image: (h, w), (h, w, 1), (d, h, w), or (h, w, 3), whose colours go first. It has no spacing.

    Raises:
        UnreadableImage: it has one axis, more than three, or 2 or 4 channels behind rows and columns.
    """
    refuse_absurd(where, array.shape)
    size = " x ".join(map(str, array.shape))
    if array.ndim not in (2, 3):
        row = f"name one row, such as {where.path.name}{where.part}[0]"
        cure = row if array.ndim == 4 and where.index is None else "save one case a file"
        raise unreadable(where, f"it has {array.ndim} axes ({size}): not an image or a volume", cure)
    axes: ImageAxes = "h w" if array.ndim == 2 else "d h w"
    notes = [] if array.ndim == 2 else [f"{size} was read as (slice, row, column)."]
    # So few columns are not a volume's, but numbers of each pixel.
    few = array.ndim == 3 and array.shape[2] <= _MOST_CHANNELS and array.shape[2] < min(array.shape[:2])
    last = array.shape[2] if few else None
    if last == 1:
        array, axes, notes = array[..., 0], "h w", [f"{size} was read as (row, column, 1): a slice in greys."]
    elif last == 3:
        array, axes = np.moveaxis(array, 2, 0), "c h w"
        notes = [f"{size} was read as (row, column, colour)."]
    elif last is not None:
        what = f"it has the axes {size}: {last} numbers a pixel, or a volume with {last} columns"
        raise unreadable(where, what, _CHANNELS)
    notes.append("The file has no spacing and no orientation.")
    return Image(native(array), axes, None, None, None, Facts(kind, tuple(notes)))


def _numbers(where: Location, array: Array) -> Array:
    """The array, or the row that the address names, as plain numbers in memory."""
    refuse_dtype(where, array.dtype)
    refuse_missing_row(where, array.shape)
    part = array if where.index is None else array[where.index]
    refuse_absurd(where, part.shape)
    return native(np.array(part))


def refuse_missing_row(where: Location, shape: Sequence[int]) -> None:
    """Refuse a row that an array of this shape does not have.

    Raises:
        UnreadableImage: it has fewer, or no rows at all.
    """
    rows = shape[0] if shape else 0
    if where.index is not None and where.index >= rows:
        cure = f"name one of [0] to [{rows - 1}]" if rows else "leave out the [...]"
        raise unreadable(where, f"the array has {rows} rows", cure)


def _names(where: Location) -> list[str]:
    try:
        with where.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a .npy file under the name of an archive")
            return list(archive.files)
    except (PermissionError, FileNotFoundError):
        raise
    except Exception as error:  # as above, or zipfile
        raise _unreadable_array(where, error) from error


def _member(where: Location, name: str) -> Array:
    """The array of this name, decompressed, if its size allows it."""
    try:
        with where.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            entries = {entry.filename: entry.file_size for entry in archive.zip.infolist()}
            size = entries.get(f"{name}.npy", entries.get(name, 0))
            if size > MAX_MEMBER_BYTES:
                what = f"the array {name} has {size:,} bytes, more than {MAX_MEMBER_BYTES:,} in an archive"
                raise unreadable(where, what, f"save it as {name}.npy, whose rows are read one by one")
            array: Array = archive[name]
            return array
    except (PermissionError, FileNotFoundError, UnreadableImage):
        raise
    except Exception as error:  # as above, or zlib
        raise _unreadable_array(where, error) from error


def _unreadable_array(where: Location, error: Exception) -> Exception:
    """NumPy's reason as a sentence; of objects it says nothing but that they are there."""
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        # NumPy takes a file that is none of its own for a pickle.
        with where.path.open("rb") as file:
            numpys = file.read(6).startswith((b"\x93NUMPY", b"PK"))
        what = _OBJECTS if numpys else "it is not a file of NumPy"
        return unreadable(where, what, _NUMBERS if numpys else AGAIN)
    reason = first_line(error)
    return unreadable(where, f"it is damaged, or not a file of NumPy ({reason})", AGAIN)
