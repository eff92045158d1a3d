"""The text at the start of a MetaImage or NRRD file: what ITK changes, or does not look at, without a word.

ITK reads a spacing of NaN as 0 and one of -1 as 1, and of compressed voxels it ignores the checksum.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assignments.data.folder.affines import spacing_faults
from assignments.data.folder.image import AGAIN, UnreadableImage, unreadable
from assignments.data.folder.location import Location

_HEADER_BYTES = 65536
_BLOCK = 2**20


@dataclass(frozen=True)
class TextHeader:
    """The fields of a header, and where its voxels begin."""

    kind: Literal["MetaImage", "NRRD"]
    fields: Mapping[str, str]
    """Texts by key in lower case."""
    end: int
    """Bytes of the header; the voxels follow unless another file has them."""

    @property
    def data_file(self) -> str | None:
        """The file beside the header that has the voxels; None if they follow, or if there are several."""
        if self.kind == "NRRD":
            named = self.fields.get("data file", self.fields.get("datafile"))
        else:
            named = self.fields["elementdatafile"]
        return None if named is None or named.upper() == "LOCAL" or self.data_files else named

    @property
    def data_files(self) -> bool:
        """Whether several files have the voxels."""
        named = self.fields.get("data file", self.fields.get("datafile", self.fields.get("elementdatafile", "")))
        return named.upper().startswith("LIST") or "%" in named

    @property
    def gives_orientation(self) -> bool:
        """Whether it says how the axes lie in the patient."""
        words = {"space"} if self.kind == "NRRD" else {"transformmatrix", "rotation", "orientation"}
        return bool(words & self.fields.keys())

    @property
    def window_bits(self) -> int | None:
        """What zlib needs to know to decompress the voxels; None if they are not compressed by it."""
        if self.kind == "NRRD":
            return 31 if self.fields.get("encoding") in ("gzip", "gz") else None
        return 15 if self.fields.get("compresseddata", "").lower() == "true" else None


def text_header(where: Location) -> TextHeader:
    """The header of a .mha, .mhd, .nrrd or .nhdr file.

    Raises:
        UnreadableImage: it is none, its spacing cannot be right, or its file of voxels is missing.
    """
    with where.path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    header = _nrrd(start) if where.path.suffix.lower() in (".nrrd", ".nhdr") else _meta(start)
    if header is None:
        kind = "a NRRD" if where.path.suffix.lower() in (".nrrd", ".nhdr") else "a MetaImage"
        raise unreadable(where, f"it is not {kind} file, or its header is damaged", AGAIN)
    written = header.fields.get("elementspacing") or header.fields.get("elementsize")
    if written and (faults := spacing_faults(_numbers(written), "correct ElementSpacing in the header")):
        raise UnreadableImage(str(where), faults)
    if header.data_file is not None and not (where.path.parent / header.data_file).is_file():
        name = Path(header.data_file).name
        raise unreadable(where, f"the file of its voxels is missing: {header.data_file}", f"put {name} beside it")
    return header


def refuse_damaged(where: Location, header: TextHeader) -> None:
    """Decompress the voxels to the end, where their checksum is.

    Raises:
        UnreadableImage: a byte of them is not as it was written.
    """
    if header.window_bits is None or header.data_files:
        return
    inflater = zlib.decompressobj(header.window_bits)
    path = where.path if header.data_file is None else where.path.parent / header.data_file
    with path.open("rb") as file:
        if header.data_file is None:
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
            return TextHeader("MetaImage", fields, at) if "dimsize" in fields else None
    return None


def _nrrd(start: bytes) -> TextHeader | None:
    if not start.startswith(b"NRRD"):
        return None
    fields: dict[str, str] = {}
    at = 0
    for line in start.splitlines(keepends=True):
        at += len(line)
        text = line.decode("latin-1").strip()
        if not text:
            break
        key, colon, value = text.partition(":")
        if colon and not text.startswith("#"):
            fields[key.strip().lower()] = value.strip()
    return TextHeader("NRRD", fields, at)


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of a line; what is not one becomes NaN."""
    values = []
    for word in re.findall(r"[-+.\w]+", text):
        try:
            values.append(float(word))
        except ValueError:
            values.append(float("nan"))
    return tuple(values)
