"""What a cell of the table of cases may say in place of a file: one array of an archive, or one volume of a stack.

    images/P01.nii.gz                     a file, or a folder with a DICOM series
    imagesTr/BRATS_001.nii.gz[2]          volume 2 along the last axis of a 4-D NIfTI file, counted from 0
    bloodmnist.npz:train_images[17]       row 17 along the first axis of one array of an archive
    fetal.h5:/subject000000_frame00000003 a data set of an HDF5 file
    dicom/P01:1.2.840.113619.2            one series of a folder of DICOM files, by its SeriesInstanceUID

Paths are relative to the folder of the data and stay in it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from assignments.errors import UserError, closest

ARCHIVES = (".npz", ".h5", ".hdf5")
"""Files that hold several arrays, each with a key."""

_SHOWN = 120
"""Characters of a path in a message."""
_INDEX = re.compile(r"(.+\.\w+(?::[^:]+)?)\[(\d+)\]")
_KEY = re.compile(rf"(.+?(?:{'|'.join(map(re.escape, ARCHIVES))})):(.+)", re.IGNORECASE)
_SERIES = re.compile(r"(.+):(\d+(?:\.\d+){3,})")


@dataclass(frozen=True)
class Address:
    """One array, by its file, and by its key and index in that file."""

    file: str
    """With `/` between folders, relative to the folder of the data."""
    key: str | None = None
    """The array of an archive, or the series of a folder."""
    index: int | None = None
    """The row of that array, or the volume of a 4-D file, from 0."""

    def __str__(self) -> str:
        key = "" if self.key is None else f":{self.key}"
        index = "" if self.index is None else f"[{self.index}]"
        return f"{self.file}{key}{index}"


def address(text: str) -> Address:
    r"""The address that a cell writes. Folders may be separated by `\`, as Windows does."""
    index = _INDEX.fullmatch(text)
    rest, number = (index[1], int(index[2])) if index else (text, None)
    key = _KEY.fullmatch(rest) or _SERIES.fullmatch(rest)
    file, name = (key[1], key[2]) if key else (rest, None)
    return Address(file.replace("\\", "/"), name, number)


class WrongAddress(UserError):
    """A file that cannot be used: what is wrong, and the cure."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}; {cure}")
        self.what, self.cure = what, cure


def file_of(folder: Path, file: str) -> Path:
    """The file or folder of an address, with all links followed.

    Raises:
        WrongAddress: it is not there, is empty, or lies outside `folder`.
    """
    shown = file if len(file) <= _SHOWN else f"{file[:_SHOWN]}..."
    inside = f"copy the file into {folder}, and write its path from there"
    if PurePosixPath(file).is_absolute() or PureWindowsPath(file).drive:
        raise WrongAddress(f"{shown} is not a path within the folder of the data", inside)
    try:
        path = (folder / _as_on_disk(folder, file)).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a zero byte
        raise WrongAddress(f"{shown} cannot be followed ({error})", inside) from None
    if not path.is_relative_to(folder.resolve()):
        raise WrongAddress(f"{shown} leads outside the folder of the data", inside)
    try:
        if not path.is_dir() and not path.is_file() and path.exists():
            raise WrongAddress(f"{shown} is neither a file nor a folder", "name a file")
        empty = next(path.iterdir(), None) is None if path.is_dir() else path.stat().st_size == 0
    except FileNotFoundError:
        if (folder / file).is_symlink():
            raise WrongAddress(f"{shown} is a link to a file that is not there", "copy the file itself") from None
        raise WrongAddress(f"{shown} is missing", _nearest_file(folder, file)) from None
    except OSError as error:
        raise WrongAddress(
            f"{shown} cannot be read ({error.strerror})", "check the path, and its permissions"
        ) from None
    if empty:
        raise WrongAddress(f"{shown} is empty", "copy it again, or delete the row")
    return path


def wrong_file(folder: Path, text: str, seen: dict[str, WrongAddress | None]) -> WrongAddress | None:
    """What is wrong with the file of a cell; None if it can be used. `seen` has the files that were looked at."""
    file = address(text).file
    if file not in seen:
        try:
            file_of(folder, file)
            seen[file] = None
        except WrongAddress as error:
            seen[file] = error
    return seen[file]


def numbers_in(name: str) -> tuple[int, ...]:
    """The numbers of a name, which tell patients apart: `P07_2` and `p7-2` have the same."""
    return tuple(map(int, re.findall(r"\d+", name)))


def _as_on_disk(folder: Path, file: str) -> str:
    """The same path, with its letters composed as on disk: a Mac writes an accent as a sign of its own."""
    if file.isascii() or (folder / file).exists():
        return file
    at = folder
    for name in PurePosixPath(file).parts:
        here = at / name
        if not here.exists() and name != ".." and at.is_dir():
            plain = unicodedata.normalize("NFC", name)
            here = next((path for path in at.iterdir() if unicodedata.normalize("NFC", path.name) == plain), here)
        at = here
    return at.relative_to(folder).as_posix()


def _nearest_file(folder: Path, file: str) -> str:
    """The cure for a missing file: a similar name beside it, such as one in capitals; never another patient's."""
    if other := _in_other_capitals(folder, file):
        return f'did you mean "{other}"?'
    parent = (folder / file).parent
    name = PurePosixPath(file).name
    names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
    names = [other for other in names if numbers_in(other) == numbers_in(name)]
    if near := closest(name, names, 0.8):
        return f'did you mean "{(PurePosixPath(file).parent / near).as_posix()}"?'
    return "copy it there, or delete the row"


def _in_other_capitals(folder: Path, file: str) -> str | None:
    """The path of a file whose folders and name differ in capitals alone; Windows does not tell them apart."""
    at = folder
    for name in PurePosixPath(file).parts:
        names = [path.name for path in at.iterdir()] if at.is_dir() else []
        same = sorted(other for other in names if other.casefold() == name.casefold())
        if not same or name == "..":
            return None
        at /= name if name in same else same[0]
    return at.relative_to(folder).as_posix()
