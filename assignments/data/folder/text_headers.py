"""The text at the start of a MetaImage or NRRD file: what ITK changes, or does not look at, without a word.

ITK reads a spacing of NaN as 0 and one of -1 as 1, and of compressed voxels it ignores the checksum.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from assignments.data.folder.affines import spacing_faults
from assignments.data.folder.image import AGAIN, UnreadableImage, unreadable
from assignments.data.folder.location import Location

_HEADER_BYTES = 65536
_MOST_NRRD = 2**24
"""Bytes of a NRRD header: a segmentation of 3D Slicer describes each of a hundred organs in it."""
_MOST_FILES = 2**16
_LONGEST_NAME = 255
_BLOCK = 2**20
_NUMBERED = re.compile(r"(.*)%(0?\d?)d(\S*)\s+(\d{1,6})\s+(\d{1,6})\s+(\d{1,6})(?:\s+\d)?")
"""The files of slices by their numbers: `slice%03d.raw 1 20 1`, from the first to the last by a step."""
_ANATOMICAL = re.compile(r"(right|left)-(anterior|posterior)-(superior|inferior)(-time)?|[RL][AP][SI]T?", re.IGNORECASE)


@dataclass(frozen=True)
class TextHeader:
    """The fields of a header, and where its voxels begin."""

    kind: Literal["MetaImage", "NRRD"]
    fields: Mapping[str, str]
    """Texts by key in lower case."""
    end: int
    """Bytes of the header; the voxels follow unless another file has them."""
    lines: tuple[str, ...] = ()
    """What follows the last field of the header: names of files, where it says so."""

    @property
    def data_names(self) -> tuple[str, ...]:
        """The files beside the header that have the voxels; none if they follow it."""
        named = self.fields.get("data file", self.fields.get("datafile", self.fields.get("elementdatafile", "LOCAL")))
        if named.upper() == "LOCAL":
            return ()
        if named.upper().startswith("LIST"):
            return self.lines
        if numbered := _NUMBERED.fullmatch(named):
            start, width, end, *ends = numbered.groups()
            first, last, step = map(int, ends)
            numbers = range(first, last + 1, step or 1)[:_MOST_FILES]
            return tuple(f"{start}{number:{width or 1}d}{end}" for number in numbers)
        return (named,)

    @property
    def gives_orientation(self) -> bool:
        """Whether it says how the axes lie in the patient."""
        if self.kind == "NRRD":
            return _ANATOMICAL.fullmatch(self.fields.get("space", "")) is not None
        return bool({"transformmatrix", "rotation", "orientation"} & self.fields.keys())

    @property
    def window_bits(self) -> int | None:
        """What zlib needs to know to decompress the voxels; None if they are not compressed by it."""
        if self.kind == "NRRD":
            return 31 if self.fields.get("encoding", "").lower() in ("gzip", "gz") else None
        return 15 if self.fields.get("compresseddata", "").lower() == "true" else None


def text_header(where: Location) -> TextHeader:
    """The header of a .mha, .mhd, .nrrd or .nhdr file.

    Raises:
        UnreadableImage: it is none, its spacing cannot be right, or its file of voxels is missing.
    """
    header = _header(where.path)
    if header is None:
        kind = "a NRRD" if _is_nrrd(where.path) else "a MetaImage"
        raise unreadable(where, f"it is not {kind} file, or its header is damaged", AGAIN)
    keys = {"NRRD": ("spacings",), "MetaImage": ("ElementSpacing", "ElementSize")}[header.kind]
    written = next((text for key in keys if (text := header.fields.get(key.lower()))), None)
    if written and (faults := spacing_faults(_numbers(written), f"correct {keys[0]} in the header")):
        raise UnreadableImage(str(where), faults)
    if (encoding := header.fields.get("encoding", "").lower()) in ("bzip2", "bz2"):
        raise unreadable(where, f"its voxels are compressed by {encoding}, which is not read", "save it with gzip")
    for file in header.data_names:
        path = where.path.parent / file
        if not path.resolve().is_relative_to(where.path.parent.resolve()):
            cure = f"put {Path(file).name} beside it, and correct the name in the header"
            raise unreadable(where, f"the file of its voxels lies outside its folder: {file}", cure)
        if not path.is_file():
            raise unreadable(where, f"the file of its voxels is missing: {file}", f"put {Path(file).name} beside it")
    return header


def voxel_files(path: Path) -> list[Path]:
    """The files beside a .mhd or .nhdr file that have its voxels, as far as they are there."""
    header = _header(path)
    names = () if header is None else header.data_names
    return [file for name in names if (file := path.parent / name).is_file()]


def refuse_damaged(where: Location, header: TextHeader) -> None:
    """Decompress the voxels to the end, where their checksum is.

    Raises:
        UnreadableImage: a byte of them is not as it was written.
    """
    names = header.data_names
    if header.window_bits is None or len(names) > 1 or "line skip" in header.fields:
        return
    inflater = zlib.decompressobj(header.window_bits)
    path = where.path.parent / names[0] if names else where.path
    with path.open("rb") as file:
        if not names:
            file.seek(header.end)
        try:
            block = file.read(_BLOCK)
            while block and not inflater.eof:
                inflater.decompress(block, _BLOCK)  # never more than a block at a time: it is thrown away
                block = inflater.unconsumed_tail or file.read(_BLOCK)
        except zlib.error as error:
            raise unreadable(where, f"its voxels cannot be read ({error})", AGAIN) from error
    if not inflater.eof:
        raise unreadable(where, "its voxels cannot be read: they are cut off", AGAIN)


def _is_nrrd(path: Path) -> bool:
    return path.suffix.lower() in (".nrrd", ".nhdr")


def _header(path: Path) -> TextHeader | None:
    """The header of a file; None if it is not one."""
    with path.open("rb") as file:
        header = _nrrd(file) if _is_nrrd(path) else _meta(file.read(_HEADER_BYTES))
    damaged = header is not None and any("\0" in name or len(name) > _LONGEST_NAME for name in header.data_names)
    return None if damaged else header


def _meta(start: bytes) -> TextHeader | None:
    fields: dict[str, str] = {}
    at = 0
    for line in start.splitlines(keepends=True):
        key, equals, value = line.decode("latin-1").partition("=")
        at += len(line)
        if not equals:
            return None
        fields[key.strip().lower()] = value.strip()
        if key.strip().lower() == "elementdatafile":
            lists = value.strip().upper().startswith("LIST")
            lines = start[at:].decode("latin-1").split("\n") if lists else []
            return TextHeader("MetaImage", fields, at, _named(lines)) if "dimsize" in fields else None
    return None


def _nrrd(file: BinaryIO) -> TextHeader | None:
    if not file.readline(_HEADER_BYTES).startswith(b"NRRD"):
        return None
    fields: dict[str, str] = {}
    lines: list[str] = []
    while file.tell() < _MOST_NRRD:
        text = file.readline(_HEADER_BYTES).decode("latin-1").strip()
        if not text:
            break
        key, colon, value = text.partition(":")
        if fields.get("data file", fields.get("datafile", "")).upper().startswith("LIST"):
            lines.append(text)  # the list is the end of a header
        elif colon and not text.startswith("#"):
            fields[key.strip().lower()] = value.strip()
    return TextHeader("NRRD", fields, file.tell(), _named(lines))


def _named(lines: Sequence[str]) -> tuple[str, ...]:
    """The names of files in the lines of a list."""
    return tuple(name for line in lines[:_MOST_FILES] if (name := line.strip()))


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of a line; what is not one becomes NaN."""
    values = []
    for word in re.findall(r"[-+.\w]+", text):
        try:
            values.append(float(word))
        except ValueError:
            values.append(float("nan"))
    return tuple(values)
