"""One dataset, or a row of one, of an HDF5 file, by h5py. Nothing outside the file is ever opened through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignments.data.folder.arrays import refuse_missing_row
from assignments.data.folder.image import (
    AGAIN,
    Array,
    first_line,
    missing_package,
    native,
    refuse_absurd,
    refuse_dtype,
    unreadable,
)
from assignments.data.folder.location import Location
from assignments.errors import nearest

_INSIDE = "copy the data into this file (h5repack, or h5py's `copy`)"
_LINKS = 16
"""Soft links that may follow one another before they count as a circle."""


def read_dataset(where: Location) -> Array:
    """The array that "file.h5:/group/dataset" or "file.h5:/dataset[3]" names.

    Raises:
        UnreadableImage: not HDF5, no such dataset or row, no plain numbers, a link or a dataset that leads out of the
            file, or a compression that is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_package("HDF5", "h5py") from error
    try:
        file = h5py.File(where.path, "r", locking=False)
    except (PermissionError, FileNotFoundError):
        raise
    except (OSError, RuntimeError) as error:
        raise unreadable(where, f"it is not an HDF5 file, or damaged ({first_line(error)})", AGAIN) from error
    with file:
        try:
            return _read(where, _dataset(where, file, h5py))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise unreadable(where, f"it cannot be read ({first_line(error)})", AGAIN) from error


def _read(where: Location, dataset: Any) -> Array:
    if dataset.external or dataset.is_virtual:
        raise unreadable(where, "its numbers lie in another file", _INSIDE)
    refuse_dtype(where, dataset.dtype)
    if dataset.shape is None:
        raise unreadable(where, "it holds no numbers", "name another dataset")
    refuse_missing_row(where, dataset.shape)
    refuse_absurd(where, dataset.shape if where.index is None else dataset.shape[1:])
    array = np.asarray(dataset[()] if where.index is None else dataset[where.index])
    return native(array)


def _dataset(where: Location, file: Any, h5py: Any) -> Any:
    """The dataset, reached link by link: opening a link to another file would open that file."""
    if where.key is None:
        names = [f"/{name}" for name in file]
        some_names = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        cure = f"name one, such as {where.path.name}:{names[0]}" if names else AGAIN
        raise unreadable(where, f"an HDF5 file holds many arrays ({some_names or 'this holds none'})", cure)
    node, left, links = file, where.key.strip("/").split("/"), 0
    while left:
        name, left = left[0], left[1:]
        if not isinstance(node, h5py.Group):
            what = f"it has no dataset {where.key}: {node.name} is not a group"
            raise unreadable(where, what, "shorten the name")
        link = node.get(name, getlink=True) if name and _has_link(node, name) else None
        if link is None:
            raise unreadable(where, f"it has no dataset {where.key}", nearest(name, list(node)[:1000]))
        if isinstance(link, h5py.ExternalLink):
            raise unreadable(where, f"{name} is a link into another file, {link.filename}", _INSIDE)
        if isinstance(link, h5py.SoftLink):
            links += 1
            if links > _LINKS:
                raise unreadable(where, f"the links of {name} lead round in a circle", _INSIDE)
            if link.path.startswith("/"):
                node = file
            left = [*link.path.strip("/").split("/"), *left]
            continue
        node = node[name]
    if not isinstance(node, h5py.Dataset):
        inside = ", ".join(list(node)[:8]) if isinstance(node, h5py.Group) else "nothing"
        raise unreadable(where, f"{where.key} is not a dataset but a group with {inside}", "name one of them")
    return node


def _has_link(group: Any, name: str) -> bool:
    """Whether there is a link of this name, wherever it leads: `in` would follow it, and open another file."""
    return bool(group.id.links.exists(name.encode()))
