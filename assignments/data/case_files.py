"""Cases as files that students open with NumPy alone: an `.npz` for each subject, below `train/` and `val/`.

Each array has a leading axis over the subject's cases. Cases of one subject that differ in shape are a file each,
`0003-1.npz`. Rows of numbers, of which there are thousands, are one file: `train.npz`. File names are numbers.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from assignments.data.columns import Array, Cases, Column, case_shapes
from assignments.errors import UserError
from assignments.files import replace_file

DIGITS = 4
ROWS_NDIM = 2
"""Axes of rows of numbers, with the leading one."""
TOGETHER = 256 << 20
"""Bytes of cases of one shape that are read at once; more are read one at a time."""
UNREADABLE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for an archive that is missing, cut off, or damaged."""


def write_cases(folder: Path, name: str, cases: Mapping[str, Cases]) -> tuple[Path, ...]:
    """Write cases as `folder/name/0000.npz` and so on, a file a subject; rows of numbers as `folder/name.npz`.

    Returns:
        The files.

    Raises:
        UserError: there are such files already, of other cases.
    """
    refuse_leftovers(folder, name)
    if are_rows(cases):
        return (_written(folder / f"{name}.npz", cases),)
    files = []
    for number, indices in _by_subject(cases):
        stem = f"{number:0{DIGITS}}"
        alike = all(len(set(case_shapes(column[indices]))) == 1 for column in cases.values())
        for i, part in enumerate([indices] if alike else indices[:, None]):
            file = folder / name / (f"{stem}.npz" if alike else f"{stem}-{i + 1}.npz")
            stacked = {key: np.stack([column[int(index)] for index in part]) for key, column in cases.items()}
            files.append(_written(file, stacked))
    return tuple(files)


def are_rows(cases: Mapping[str, Cases]) -> bool:
    """Whether every case is a row of numbers, so that all of them are one small file."""
    arrays = [column for column in cases.values() if not isinstance(column, Column)]
    return len(arrays) == len(cases) and all(array.ndim <= ROWS_NDIM for array in arrays)


def _by_subject(cases: Mapping[str, Cases]) -> Iterator[tuple[int, Array]]:
    """Each subject's number and the indices of its cases; a case without a subject is its own."""
    count = len(next(iter(cases.values())))
    subjects = np.array([int(number) for number in cases["subject"]]) if "subject" in cases else np.arange(count)
    for number in np.unique(subjects):
        yield int(number), np.flatnonzero(subjects == number)


def refuse_leftovers(folder: Path, name: str) -> None:
    """Refuse a folder with cases of an earlier handout: old and new ones would be mixed.

    Raises:
        UserError: there are such files.
    """
    if any((folder / name).glob("*.npz")):
        raise UserError(f"{folder / name} holds the cases of an earlier handout; choose an empty folder")


def read_cases(folder: Path, name: str) -> dict[str, Cases] | None:
    """The cases that `write_cases` wrote; None if there are none.

    Cases of one shape that are small together are arrays. Others are read one at a time.

    Raises:
        UserError: a file cannot be read.
    """
    file = folder / f"{name}.npz"
    if file.is_file():
        return dict(_arrays(file))
    files = sorted((folder / name).glob("*.npz"))
    if not files:
        return None
    members = [_members(file) for file in files]
    columns = {key: Column([case for each in members for case in each.get(key, ())]) for key in members[0]}
    alike = all(len(set(column.shapes)) == 1 for column in columns.values())
    if alike and sum(column.nbytes for column in columns.values()) <= TOGETHER:
        read = [_arrays(file) for file in files]
        return {key: np.concatenate([each[key] for each in read if key in each]) for key in columns}
    return dict(columns)


@dataclass(frozen=True)
class _Member:
    """One case of one array of a subject's file."""

    file: Path
    key: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    row: int

    def read(self) -> Array:
        array: Array = _arrays(self.file, [self.key])[self.key][self.row]
        return array


def _arrays(file: Path, keys: Iterable[str] | None = None) -> dict[str, Array]:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return {key: data[key] for key in keys or data.files}
    except UNREADABLE as error:
        raise UserError(f"{file}: cannot be read ({error}). Fetch the handout again.") from error


def _members(file: Path) -> dict[str, list[_Member]]:
    """The cases of a subject's file by key, of which only the headers are read."""
    members = {}
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            for key in data.files:
                dtype, shape = header(data, key)
                members[key] = [_Member(file, key, dtype, shape[1:], row) for row in range(shape[0])]
    except UNREADABLE as error:
        raise UserError(f"{file}: cannot be read ({error}). Fetch the handout again.") from error
    return members


def header(data: NpzFile, key: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Dtype and shape of one array of an open archive, which is not read."""
    assert data.zip is not None
    with data.zip.open(f"{key}.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    return dtype, shape


def _written(path: Path, arrays: Mapping[str, Cases]) -> Path:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    replace_file(path, content.getvalue())
    return path
