"""MHA, MHD and NRRD, by SimpleITK: a volume or a slice in LPS mm."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from assignments.data.folder.affines import codes_of, from_lps
from assignments.data.folder.image import (
    AGAIN,
    Facts,
    Image,
    missing_package,
    refuse_absurd,
    unreadable,
)
from assignments.data.folder.location import Location
from assignments.data.folder.text_headers import refuse_damaged, text_header


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
    where.refuse_part("a MetaImage or NRRD file")
    header = text_header(where)
    reader: Any = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO" if header.kind == "MetaImage" else "NrrdImageIO")
    reader.SetFileName(str(where.path))
    try:
        with _silent():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise unreadable(where, f"its header cannot be read ({itk_says(error)})", AGAIN) from error
    size = reader.GetSize()
    if len(size) not in (2, 3):
        cure = "save one volume a file; each channel can be a file of its own (columns image:NAME)"
        raise unreadable(where, f"it has {len(size)} axes ({' x '.join(map(str, size))}), not one volume", cure)
    if reader.GetNumberOfComponents() != 1:
        cure = "save each as a file of its own (columns image:NAME)"
        if any(re.fullmatch(r"segment\d+_layer", field) for field in header.fields):
            cure = "its segments overlap, in layers; in 3D Slicer, export them as one label map"
        raise unreadable(where, f"it has {reader.GetNumberOfComponents()} numbers a voxel", cure)
    refuse_absurd(where, size)
    try:
        with _silent():
            stored = reader.Execute()
    except RuntimeError as error:
        raise unreadable(where, f"its voxels cannot be read ({itk_says(error)})", AGAIN) from error
    if "complex" in stored.GetPixelIDTypeAsString():
        raise unreadable(where, "its voxels are complex numbers", "save one number a voxel")
    refuse_damaged(where, header)
    array = sitk.GetArrayFromImage(stored)
    affine = _affine(stored) if header.gives_orientation else None
    notes = () if header.gives_orientation else ("The header gives no orientation: it is unknown.",)
    return Image(
        array,
        "d h w" if array.ndim == 3 else "h w",
        affine,
        tuple(round(mm, 6) for mm in reversed(stored.GetSpacing())),
        None if affine is None else codes_of(affine),
        Facts(header.kind, notes),
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Without what the library of MetaImage prints itself on stderr, file by file: the errors here say it."""
    try:
        before = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _affine(stored: Any) -> np.ndarray:
    """The affine of SimpleITK's image; a slice lies in the plane of its first two axes."""
    axes = stored.GetDimension()
    directions, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    directions[:axes, :axes] = np.reshape(stored.GetDirection(), (axes, axes))
    spacing[:axes], origin[:axes] = stored.GetSpacing(), stored.GetOrigin()
    return from_lps(directions, spacing, origin)


def itk_says(error: RuntimeError | str) -> str:
    """What ITK says of a file, without where in its own source it says so."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    plain = [line for line in lines if ".cxx" not in line and ".hxx" not in line and not line.startswith("Exception")]
    # The NRRD library says the reason last.
    reasons = [line.rpartition(": ")[2] for line in lines if line.startswith("[nrrd]")][-1:]
    first = (reasons or plain or lines or ["no reason given"])[0]
    return re.sub(r"^(ITK|sitk::)\s*ERROR:\s*|\(0x[0-9a-f]+\)", "", first).strip().rstrip(".")
