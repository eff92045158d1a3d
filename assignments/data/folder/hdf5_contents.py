"""What an HDF5 file holds: its data sets by key, and the small ones among them. No link out of the file is followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from assignments.data.folder.image import missing_package
from assignments.errors import UserError

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_SMALL: Final = 1_000_000
"""Numbers of a data set that is read whole."""


@dataclass(frozen=True)
class Contents:
    """The data sets at the top of a file."""

    shapes: Mapping[str, tuple[int, ...]]
    """By key, without "/"."""
    outside: tuple[str, ...]
    """Keys of links, and of data sets whose numbers lie in another file."""


def contents_of(path: Path) -> Contents | None:
    """The data sets of a file; None if it is not HDF5, or damaged.

    Raises:
        UserError: h5py is missing.
    """
    with path.open("rb") as start:
        if start.read(len(_SIGNATURE)) != _SIGNATURE:
            return None
    h5py = _h5py()
    shapes, outside = {}, []
    try:
        with h5py.File(path, "r") as file:
            for key in file:
                # Opening a soft link may follow a chain that ends in another file.
                if not isinstance(file.get(key, getlink=True), h5py.HardLink):
                    outside.append(key)
                    continue
                held = file[key]
                if isinstance(held, h5py.Dataset):
                    if held.external or held.is_virtual:
                        outside.append(key)
                    elif held.dtype.kind in "biuf":
                        shapes[key] = tuple(held.shape or ())
    except (OSError, RuntimeError, KeyError):
        return None
    return Contents(shapes, tuple(outside))


def numbers_of(path: Path, keys: Iterable[str], contents: Contents) -> dict[str, np.ndarray[Any, Any]]:
    """The flat numbers of small data sets, by key; of those keys that the file has.

    Raises:
        UserError: one of them cannot be read.
    """
    small = [key for key in keys if key in contents.shapes and np.prod(contents.shapes[key]) <= _SMALL]
    try:
        with _h5py().File(path, "r") as file:
            return {key: np.asarray(file[key][()]).ravel() for key in small}
    except (OSError, RuntimeError, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error}). Copy or download it again.") from error


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise missing_package("HDF5", "h5py") from error
    return h5py
