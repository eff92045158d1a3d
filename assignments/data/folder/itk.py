"""MHA, MHD and NRRD, by SimpleITK: a volume or a slice in LPS mm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from assignments.data.folder.affines import codes_of, from_lps, spacing_faults
from assignments.data.folder.image import (
    Facts,
    Image,
    UnreadableImage,
    missing_package,
    refuse_absurd,
    unreadable,
)
from assignments.data.folder.location import Location

_AGAIN = "copy or download it again"
_HEADER_BYTES = 65536
_NUMBER = r"[-+.\w]+"


def read_itk(where: Location) -> Image:
    """A volume (d, h, w) or slice (h, w) of an MHA, MHD, NRRD or NHDR file.

    Raises:
        UnreadableImage: damaged, its file of voxels is missing, more than three axes, several numbers a voxel, or a
            spacing that cannot be right.
    """
    try:
        import SimpleITK as sitk
    except ImportError as error:
        raise missing_package("MHA, MHD and NRRD", "SimpleITK") from error
    path = where.path
    meta = path.suffix.lower() in (".mha", ".mhd")
    kind = "MetaImage" if meta else "NRRD"
    where.refuse_part(f"a file of {kind}")
    header = _header(where, meta)
    reader: Any = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO" if meta else "NrrdImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise unreadable(where, f"its header cannot be read ({itk_says(error)})", _AGAIN) from error
    size = reader.GetSize()
    if len(size) not in (2, 3):
        cure = "save one volume a file; each channel can be a file of its own (columns image:NAME)"
        raise unreadable(where, f"it has {len(size)} axes ({' x '.join(map(str, size))}), not one volume", cure)
    if reader.GetNumberOfComponents() != 1:
        cure = "save each as a file of its own (columns image:NAME)"
        raise unreadable(where, f"it has {reader.GetNumberOfComponents()} numbers a voxel", cure)
    refuse_absurd(where, size)
    try:
        stored = reader.Execute()
    except RuntimeError as error:
        raise unreadable(where, f"its voxels cannot be read ({itk_says(error)})", _AGAIN) from error
    if "complex" in stored.GetPixelIDTypeAsString():
        raise unreadable(where, "its voxels are complex numbers", "save one number a voxel")
    array = sitk.GetArrayFromImage(stored)
    has_space = "NRRD_space" in stored.GetMetaDataKeys() if not meta else _gives_orientation(header)
    affine = _affine(stored) if has_space else None
    notes = () if has_space else ("The header gives no orientation: it is unknown.",)
    return Image(
        array,
        "d h w" if array.ndim == 3 else "h w",
        affine,
        tuple(round(mm, 6) for mm in reversed(stored.GetSpacing())),
        None if affine is None else codes_of(affine),
        Facts(kind, array.dtype.name, notes=notes),
    )


def _affine(stored: Any) -> np.ndarray:
    """The affine of SimpleITK's image; a slice lies in the plane of its first two axes."""
    axes = stored.GetDimension()
    directions, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    directions[:axes, :axes] = np.reshape(stored.GetDirection(), (axes, axes))
    spacing[:axes], origin[:axes] = stored.GetSpacing(), stored.GetOrigin()
    return from_lps(directions, spacing, origin)


def _header(where: Location, meta: bool) -> dict[str, str]:
    """A MetaImage's header in the words of the file, by lower-case key: ITK turns NaN into 0 and -1 into 1.

    Raises:
        UnreadableImage: it is none, its spacing cannot be right, or its file of voxels is missing.
    """
    with where.path.open("rb") as file:
        start = file.read(_HEADER_BYTES).decode("latin-1")
    if not meta:
        if not start.startswith("NRRD"):
            raise unreadable(where, "it is not a NRRD file", _AGAIN)
        return {}
    header: dict[str, str] = {}
    for line in start.splitlines():
        key, equals, value = line.partition("=")
        if not equals:
            break
        header[key.strip().lower()] = value.strip()
        if key.strip().lower() == "elementdatafile":
            break
    if "dimsize" not in header or "elementdatafile" not in header:
        raise unreadable(where, "it is not a MetaImage file: DimSize or ElementDataFile is missing", _AGAIN)
    written = header.get("elementspacing") or header.get("elementsize")
    if written is not None and (faults := spacing_faults(_numbers(written), "correct ElementSpacing in the header")):
        raise UnreadableImage(str(where), faults)
    _refuse_missing_voxels(where, header["elementdatafile"])
    return header


def _refuse_missing_voxels(where: Location, named: str) -> None:
    """An MHD names the file of its voxels: it must lie beside it, whole folders are copied without it too often."""
    if named == "LOCAL" or named.upper().startswith("LIST") or "%" in named:
        return
    voxels = where.path.parent / named
    if not voxels.is_file():
        raise unreadable(where, f"the file of its voxels is missing: {named}", f"put {Path(named).name} beside it")


def _gives_orientation(header: dict[str, str]) -> bool:
    return bool({"transformmatrix", "rotation", "orientation"} & header.keys())


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of a line; what is not one becomes NaN."""
    values = []
    for word in re.findall(_NUMBER, text):
        try:
            values.append(float(word))
        except ValueError:
            values.append(float("nan"))
    return tuple(values)


def itk_says(error: RuntimeError) -> str:
    """What ITK says of a file, without where in its own source it says so."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    plain = [line for line in lines if ".cxx" not in line and ".hxx" not in line and not line.startswith("Exception")]
    first = (plain or lines or ["no reason given"])[0]
    return re.sub(r"^(ITK|sitk::)\s*ERROR:\s*|\(0x[0-9a-f]+\)", "", first).strip().rstrip(".")
