"""NIfTI, by nibabel: one volume or slice in RAS mm. SimpleITK refuses many of these files, so it does not read them."""

from __future__ import annotations

import gzip
import math
import re
from typing import Any

import numpy as np

from assignments.data.folder.affines import TOLERANCE, codes_of, from_xyz, in_mm, spacing_faults, spacing_of
from assignments.data.folder.arrays import Members
from assignments.data.folder.image import (
    AGAIN,
    Array,
    Facts,
    Image,
    UnreadableImage,
    first_line,
    missing_package,
    native,
    refuse_absurd,
    refuse_dtype,
    unreadable,
)
from assignments.data.folder.location import Location

_UNITS = {0: "unknown", 1: "meter", 2: "mm", 3: "micron"}
"""By the lowest three bits of `xyzt_units`; the others are the unit of time."""
_SLACK = 2**20
"""Bytes that may follow the voxels."""
_HEADER = "correct the header, or convert the original again (dcm2niix writes sound headers)"


def read_nifti(where: Location, members: Members | None = None) -> Image:
    """One volume (d, h, w), or slice (h, w), of a NIfTI file. Its numbers are rescaled by scl_slope and scl_inter.

    A file with four axes is refused, unless one volume is named ("scan.nii.gz[2]") or the fourth has size 1. Where
    the header gives no orientation (sform and qform codes are 0), programs assume different ones: it stays unknown.
    `members` keeps a file of several volumes decompressed.

    Raises:
        UnreadableImage: not NIfTI, damaged, Analyze, too many axes, or a header that cannot be right.
    """
    stored = _opened(where)
    header = stored.header
    shape = _shape(where, stored.shape)
    refuse_absurd(where, shape)
    refuse_dtype(where, stored.get_data_dtype())
    pixdim = _written_spacing(where, stored)[: len(shape)]
    if faults := spacing_faults(tuple(map(float, reversed(pixdim))), _HEADER):
        raise UnreadableImage(str(where), faults)
    unit = _UNITS.get(int(header["xyzt_units"]) & 7, "not one that NIfTI has")
    if unit not in ("mm", "unknown"):
        raise unreadable(where, f"its unit is {unit}, not mm", _HEADER)

    notes = [] if unit == "mm" else ["The header names no unit: mm are assumed."]
    volume = _voxels(where, stored, members)
    array = native(volume.reshape(shape).T)
    spacing = tuple(round(float(mm), 6) for mm in reversed(pixdim))
    affine = None
    if header["sform_code"] or header["qform_code"]:
        affine = from_xyz(stored.affine)
        in_affine = spacing_of(affine)[3 - len(shape) :]
        if not np.allclose(in_affine, spacing, rtol=TOLERANCE):
            notes.append(f"pixdim says {in_mm(spacing)}, the sform {in_mm(in_affine)}, which is used.")
        spacing = in_affine
        if header["sform_code"] and header["qform_code"] and _differ(stored.affine, _qform(header)):
            notes.append("sform and qform differ: the sform is used.")
    else:
        notes.append("The header gives no orientation (sform and qform codes are 0): it is unknown.")
    return Image(
        array,
        "d h w" if array.ndim == 3 else "h w",
        affine,
        spacing,
        None if affine is None else codes_of(affine),
        Facts("NIfTI", tuple(notes)),
    )


def _opened(where: Location) -> Any:
    """nibabel's image, of which no voxel is read yet."""
    try:
        import nibabel
    except ImportError as error:
        raise missing_package("NIfTI", "nibabel") from error
    if where.key is not None:
        where.refuse_part("a NIfTI file")
    nibabel.imageglobals.logger.disabled = True  # it prints what it corrects, which the sentences here say
    try:
        stored = nibabel.load(where.path)
    except (PermissionError, FileNotFoundError):
        raise
    except Exception as error:  # a damaged file makes nibabel, gzip or zlib raise nearly anything
        raise unreadable(where, f"it is not a NIfTI file, or damaged ({_sentence(error)})", AGAIN) from error
    if not isinstance(stored, nibabel.nifti1.Nifti1Pair):
        what = f"it is not NIfTI but {type(stored).__name__.removesuffix('Image')}, whose left and right are uncertain"
        raise unreadable(where, what, "convert the original to NIfTI, with dcm2niix for example")
    voxels: Any = stored.dataobj
    if "header" not in stored.file_map and voxels.offset < stored.header.single_vox_offset:
        raise unreadable(where, f"its voxels begin at byte {voxels.offset}, within the header", _HEADER)
    return stored


def _shape(where: Location, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of (x, y[, z]). Further axes must have size 1, or the address names one volume of the fourth."""
    further = shape[3:]
    size = " x ".join(map(str, shape))
    if where.index is not None:
        if len(shape) != 4:
            raise unreadable(where, f"it has {len(shape)} axes: there are no volumes to name", "leave out the [...]")
        if where.index >= shape[3]:
            raise unreadable(where, f"it has {shape[3]} volumes", f"name one of [0] to [{shape[3] - 1}]")
    elif any(n != 1 for n in further):
        cure = f"name one volume, such as {where.path.name}[0]" if len(shape) == 4 else "save one volume a file"
        raise unreadable(where, f"it has {len(shape)} axes ({size}): a series of volumes, not one", cure)
    if len(shape) < 2:
        raise unreadable(where, f"it has {len(shape)} axis: not an image", "name the file of an image")
    return shape[:3]


def _voxels(where: Location, stored: Any, members: Members | None) -> Array:
    """The voxels of the volume, rescaled; float32 where rescaling alone makes them float64."""
    try:
        if where.path.suffix.lower() == ".gz":
            store = members if members is not None and where.index is not None else Members()
            stored = type(stored).from_bytes(store.content(where.path, "", lambda: _whole(where, stored)))
        data = stored.dataobj if where.index is None else stored.dataobj[..., where.index]
        volume: Array = np.asanyarray(data)
    except (PermissionError, UnreadableImage):
        raise
    except Exception as error:  # as above: the voxels are decompressed here
        raise unreadable(where, f"its voxels cannot be read ({_sentence(error)})", AGAIN) from error
    rescaled = volume.dtype == np.float64 and stored.get_data_dtype() != np.float64
    return volume.astype(np.float32) if rescaled else volume


def _whole(where: Location, stored: Any) -> bytes:
    """The content of a file that was decompressed to its end, where its checksum is.

    nibabel stops after the last voxel, and a damaged byte before it would be a wrong number without a word.
    """
    declared = int(stored.dataobj.offset) + math.prod(stored.shape) * stored.get_data_dtype().itemsize
    with gzip.open(where.path, "rb") as file:
        content = file.read(declared)
        if len(content) == declared and len(file.read(_SLACK)) == _SLACK:
            raise unreadable(where, "it is much longer than its header says", AGAIN)
    return content


def _written_spacing(where: Location, stored: Any) -> Array:
    """pixdim as it is in the file: nibabel corrects a spacing of 0, or a negative one, without a word in the header."""
    try:
        with stored.file_map["header" if "header" in stored.file_map else "image"].get_prepare_fileobj("rb") as file:
            header = type(stored.header).from_fileobj(file, check=False)
        pixdim: Array = np.asarray(header["pixdim"][1:4], np.float64)
    except PermissionError:
        raise
    except Exception as error:  # as above
        raise unreadable(where, f"its header cannot be read ({_sentence(error)})", AGAIN) from error
    return pixdim


def _qform(header: Any) -> Array | None:
    """The affine of the quaternion; None where it is not one of a rotation."""
    try:
        affine: Array = header.get_qform()
    except Exception:  # noqa: BLE001 - nibabel raises several kinds for numbers that do not make a rotation
        return None
    return affine


def _differ(a: Array, b: Array | None) -> bool:
    return b is None or not np.allclose(a, b, atol=TOLERANCE)


def _sentence(error: Exception) -> str:
    """The first line of what a library says, with the file's name in place of its path."""
    return re.sub(r"""(^|[\s"'])/\S*/""", r"\1", first_line(error))
