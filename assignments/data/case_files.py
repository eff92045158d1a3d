"""Cases as files that students open with NumPy alone: `train.npz`, or a folder `train/` with an `.npz` for each case.

Cases of one shape that are small together are one file, with a leading N in each array. Others are written and read one
at a time. File names are numbers.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from assignments.data.columns import Array, Cases, Column
from assignments.errors import UserError
from assignments.files import replace_file

DIGITS = 4
UNREADABLE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for an archive that is missing, cut off, or damaged."""


def write_cases(folder: Path, name: str, cases: Mapping[str, Cases], *, singly: bool = False) -> tuple[Path, ...]:
    """Write cases as `folder/name.npz`, or below `folder/name/` where they differ in shape or are large; the files.

    With `singly` they are a file each in any case.

    Raises:
        UserError: there are such files already in the other form, or of other cases.
    """
    refuse_leftovers(folder, name)
    if not (singly or read_singly(cases)):
        return (_written(folder / f"{name}.npz", cases),)
    count = len(next(iter(cases.values())))
    return tuple(
        _written(folder / name / f"{number:0{DIGITS}}.npz", {key: column[number] for key, column in cases.items()})
        for number in range(count)
    )


def read_singly(cases: Mapping[str, Cases]) -> bool:
    """Whether cases differ in shape or are large together, so that each is a file of its own."""
    return any(isinstance(column, Column) for column in cases.values())


def refuse_leftovers(folder: Path, name: str) -> None:
    """Refuse a folder with cases of an earlier handout: old and new ones would be mixed.

    Raises:
        UserError: there are such files.
    """
    if any((folder / name).glob("*.npz")):
        raise UserError(f"{folder / name} holds the cases of an earlier handout; choose an empty folder")


def read_cases(folder: Path, name: str) -> dict[str, Cases] | None:
    """The cases that `write_cases` wrote; None if there are none. Those of a folder are read one at a time.

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
    return {key: Column([each[key] for each in members if key in each]) for key in members[0]}


@dataclass(frozen=True)
class _Member:
    """One array of one case's file."""

    file: Path
    key: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def read(self) -> Array:
        return _arrays(self.file, [self.key])[self.key]


def _arrays(file: Path, keys: Iterable[str] | None = None) -> dict[str, Array]:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return {key: data[key] for key in keys or data.files}
    except UNREADABLE as error:
        raise UserError(f"{file}: cannot be read ({error}). Fetch the handout again.") from error


def _members(file: Path) -> dict[str, _Member]:
    """The arrays of a case's file by key, of which only the headers are read."""
    members = {}
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            for key in data.files:
                members[key] = _Member(file, key, *header(data, key))
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
