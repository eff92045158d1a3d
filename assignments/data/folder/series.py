"""A DICOM series, or one slice of it: headers by pydicom, voxels by SimpleITK, whose GDCM decompresses them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assignments.data.folder import decoding
from assignments.data.folder.affines import codes_of
from assignments.data.folder.decoding import decoded
from assignments.data.folder.dicom import NO_SLICES, field_values, is_slice
from assignments.data.folder.image import (
    AGAIN,
    Array,
    Facts,
    Fault,
    Image,
    ImageAxes,
    UnreadableImage,
    missing_package,
    refuse_absurd,
    unreadable,
)
from assignments.data.folder.itk import itk_says
from assignments.data.folder.location import Location
from assignments.data.folder.stack import Slice, stack_of

_SECONDS = 20.0
"""Wall clock for one compressed slice, and for the start of the process that decompresses."""


_NAMED = re.compile(r"\.[A-Za-z]\w*$")
"""The end of a name that says what a file is. `IM0001` and `1.2.840.5` are names of slices."""


def read_dicom_file(where: Location) -> Image:
    """One slice (h, w), or (3, h, w) in colours, of a DICOM file; the other files of its folder are not read.

    Raises:
        UnreadableImage: not DICOM, no picture in it, several frames, or a compression that cannot be read.
    """
    where.refuse_part("a DICOM file")
    piece = _opened(where.path)
    if piece is None:
        raise unreadable(where, "it is not a DICOM file, or damaged", AGAIN)
    return _image(where, [piece], [])


def read_series(where: Location) -> Image:
    """The volume (d, h, w) of the one series in a folder, or of the series that the address names by its UID.

    A folder with one slice is that slice (h, w).

    Raises:
        UnreadableImage: no DICOM, several series, missing or doubled slices, slices at uneven distances, a tilted
            gantry, slices that differ in size or orientation, or a compression that cannot be read.
    """
    if where.index is not None:
        where.refuse_part("a folder of DICOM")
    series, passed_over = _listed(where.path)
    if not series:
        cure = "name a file, or the folder in which the slices of one series lie"
        raise unreadable(where.path, "it is a folder without a DICOM file", cure)
    if where.key is not None and where.key not in series:
        raise unreadable(where, f"it has no series {where.key}", f"it has {', '.join(sorted(series))}")
    if where.key is None and len(series) > 1:
        longest = max(series, key=lambda uid: len(series[uid]))
        cure = f"keep one in the folder, or name one: {where.path.name}:{longest}"
        raise unreadable(where, f"it holds {len(series)} series: {_described(series)}", cure)
    slices = series[where.key] if where.key is not None else next(iter(series.values()))
    notes = [f"{passed_over} files of the folder that are not DICOM were passed over."] if passed_over else []
    return _image(where, slices, notes)


def _listed(folder: Path) -> tuple[dict[str, list[Slice]], int]:
    """The slices of a folder by their series, and how many files are not DICOM.

    Raises:
        UnreadableImage: a file whose name says DICOM is not.
    """
    series: dict[str, list[Slice]] = defaultdict(list)
    passed_over, broken = 0, []
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if name.startswith(".") or name.lower() in NO_SLICES or not path.is_file():
            continue
        piece = _opened(path)
        if piece is not None:
            series[piece.text("SeriesInstanceUID")].append(piece)
        elif is_slice(path) or (not path.stat().st_size and not _NAMED.search(name)):
            broken.append(Fault(f"{name} is not a DICOM file, or damaged", AGAIN))
        else:
            passed_over += 1
    if broken:
        raise UnreadableImage(folder, broken)
    return dict(series), passed_over


def _described(series: dict[str, list[Slice]]) -> str:
    """For the author's eyes: a description may name anything, and is never kept."""
    lines = []
    for uid, slices in sorted(series.items(), key=lambda item: -len(item[1]))[:8]:
        description = slices[0].text("SeriesDescription") or "without a description"
        lines.append(f"{description} ({len(slices)} files, {uid})")
    return "; ".join(lines) + ("; ..." if len(series) > 8 else "")


def _opened(path: Path) -> Slice | None:
    """A file's header; None if it is not DICOM.

    Raises:
        OSError: the disk says so.
    """
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise missing_package("DICOM", "pydicom") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a header is checked below
            header = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError:
        return None
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - a damaged header makes pydicom raise nearly anything
        return None
    return Slice(path, header) if field_values(header.file_meta, "TransferSyntaxUID") else None


def _image(where: Location, slices: Sequence[Slice], notes: list[str]) -> Image:
    """The slices as one image: each alone and all together are checked before a voxel is read."""
    for piece in slices:
        _check_alone(where, piece)
    first = slices[0]
    refuse_absurd(where, (len(slices), first.whole("Rows"), first.whole("Columns")))
    stack = stack_of(where, slices)
    array = _voxels(where, stack.slices)
    axes: ImageAxes = "d h w"
    if len(slices) == 1:
        array, axes = array[0], "h w"
        if array.ndim == 3:
            array, axes = np.moveaxis(array, 2, 0), "c h w"
    elif array.ndim != 3:
        raise unreadable(where, f"its {len(slices)} slices are in colours", "name one file a case")
    if first.text("PhotometricInterpretation") == "MONOCHROME1":
        notes = [*notes, "It is stored inverted (MONOCHROME1): high numbers are made bright, as elsewhere."]
    if first.text("LossyImageCompression") == "01":
        notes = [*notes, "It was compressed with loss."]
    facts = Facts("DICOM", (*notes, *stack.notes))
    return Image(
        array, axes, stack.affine, stack.spacing_mm, None if stack.affine is None else codes_of(stack.affine), facts
    )


def _check_alone(where: Location, piece: Slice) -> None:
    """Refuse what is not one picture of plain numbers."""
    name, frames = piece.path.name, piece.whole("NumberOfFrames", 1)
    rows, columns = piece.whole("Rows"), piece.whole("Columns")
    if rows < 1 or columns < 1:
        kind = next((str(getattr(uid, "name", uid)) for uid in field_values(piece.header, "SOPClassUID")), "no class")
        raise unreadable(where, f"{name} has no picture in it ({kind})", "name the files with the images")
    if frames > 1:
        cure = "convert it to NIfTI (dcm2niix), or export one file a slice"
        raise unreadable(where, f"{name} holds {frames} frames", cure)
    if "ModalityLUTSequence" in piece.header:
        cure = "convert it to NIfTI with a program that applies the table"
        raise unreadable(where, f"{name} maps its numbers by a table (Modality LUT)", cure)
    declared = rows * columns * piece.whole("SamplesPerPixel", 1) * piece.whole("BitsAllocated", 16) // 8
    if not piece.compressed and piece.path.stat().st_size < declared:
        raise unreadable(where, f"{name} is cut off: its header declares more voxels than it has", AGAIN)


def _voxels(where: Location, slices: Sequence[Slice]) -> Array:
    """The numbers of all slices, rescaled: (d, h, w) float32, or (d, h, w, 3) uint8 in colours.

    Raises:
        UnreadableImage: one cannot be read; the error names it.
    """
    try:
        import SimpleITK  # noqa: F401 - `decoding` needs it
    except ImportError as error:
        raise missing_package("DICOM", "SimpleITK") from error
    decode = _apart if any(piece.compressed for piece in slices) else _here
    arrays = []
    for piece, array in zip(slices, decode(slices), strict=True):
        name = piece.path.name
        if isinstance(array, str) and piece.compressed:
            cure = f"decompress it: gdcmconv --raw {name} OUT.dcm, or dcmdjpeg of DCMTK"
            raise unreadable(where, f"{name}: {piece.syntax} cannot be decompressed ({array})", cure)
        if isinstance(array, str):
            raise unreadable(where, f"{name}: its voxels cannot be read ({piece.syntax}; {array})", AGAIN)
        if array.shape[:2] != (piece.whole("Rows"), piece.whole("Columns")):
            raise unreadable(where, f"{name}: its voxels are {array.shape}, not as its header says", AGAIN)
        arrays.append(array)
    if len({array.shape for array in arrays}) > 1:
        raise unreadable(where, "some of its slices are in colours", "name one file a case")
    return np.stack(arrays)


def _colour(piece: Slice) -> bool:
    return piece.whole("SamplesPerPixel", 1) > 1 or "PALETTE" in piece.text("PhotometricInterpretation")


def _here(slices: Sequence[Slice]) -> Iterator[Array | str]:
    """The numbers of each slice, or why there are none, in this process."""
    for piece in slices:
        try:
            yield decoded(piece.path, _colour(piece))
        except RuntimeError as error:
            yield itk_says(error)


def _apart(slices: Sequence[Slice]) -> Iterator[Array | str]:
    """The same in a process of its own, which a damaged compressed file may end."""
    files = json.dumps([[str(piece.path.absolute()), _colour(piece)] for piece in slices])
    with tempfile.TemporaryDirectory(prefix="medmark-") as folder:
        out = Path(folder)
        command = [sys.executable, "-I", "-B", decoding.__file__, folder]
        try:
            done = subprocess.run(
                command, input=files, text=True, capture_output=True, timeout=_SECONDS * (1 + len(slices)), check=False
            )
            reason = f"the program that does it ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            reason = "it took too long"
        for i in range(len(slices)):
            if (out / f"{i}.npy").is_file():
                array: Array = np.load(out / f"{i}.npy", allow_pickle=False)
                yield array
            elif (out / f"{i}.txt").is_file():
                yield itk_says((out / f"{i}.txt").read_text(encoding="utf-8"))
            else:
                yield reason
