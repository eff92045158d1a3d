"""A file of any known format -> one image, or the sentences that say why not.

NIfTI is read by nibabel; MHA, MHD, NRRD and DICOM by SimpleITK, and DICOM headers by pydicom; PNG, JPEG, TIFF, BMP and
GIF by Pillow; NPY and NPZ by NumPy; HDF5 by h5py. They come with the extra `formats`. Nothing of a file is ever run.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from assignments.data.folder.addresses import numbers_in
from assignments.data.folder.affines import affine_faults, spacing_faults
from assignments.data.folder.arrays import Members, array_image, read_npy, read_npz
from assignments.data.folder.dicom import SUFFIXES as DICOM
from assignments.data.folder.hdf5 import read_dataset
from assignments.data.folder.image import AGAIN, Fault, Image, UnreadableImage, unreadable
from assignments.data.folder.itk import read_itk
from assignments.data.folder.location import Location
from assignments.data.folder.nifti import read_nifti
from assignments.data.folder.pictures import read_picture
from assignments.data.folder.series import read_dicom_file, read_series
from assignments.data.folder.text_headers import voxel_files
from assignments.errors import closest, shell_word

NIFTI = (".nii", ".nii.gz", ".hdr", ".img")
ITK = (".mha", ".mhd", ".nrrd", ".nhdr")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
HDF5 = (".h5", ".hdf5")
SUFFIXES = (*NIFTI, *ITK, *PICTURES, ".npy", ".npz", *HDF5, *DICOM)
"""Ends of the names of all files that are read. A folder, or a file of another name with DICOM's mark, is DICOM."""

_GEOMETRY = "correct the header, or export the image again from where it was made (dcm2niix writes sound headers)"
_SHEAR = "resample it to a straight grid first: in 3D Slicer, Resample Scalar Volume; a gantry tilt: dcm2niix"


def read_image(where: Location, *, label: bool = False, members: Members | None = None) -> Image:
    """The image that lies there.

    Args:
        where: a file, or a folder that holds one DICOM series; and what of it, where it holds several images.
        label: whether the numbers are classes. A palette then keeps its indices, and colours are refused.
        members: keeps what was decompressed, where many rows of one archive are read.

    Raises:
        UnreadableImage: all that is wrong with the file, each with its cure.
        UserError: a package of the extra `formats` is missing.
    """
    try:
        image = _reader(where)(where, label, members)
    except OSError as error:
        raise _unopened(where.path, error) from error
    if faults := _faults(image):
        raise UnreadableImage(str(where), faults)
    return image


def files_beside(path: Path) -> list[Path]:
    """The other files of an image that is stored in several: its voxels beside a header, or its header.

    Raises:
        OSError: so says the disk.
    """
    kind = path.suffix.lower()
    if kind in ITK:
        return voxel_files(path)
    other = {".hdr": ".img", ".img": ".hdr"}.get(kind)
    return [beside] if other and (beside := path.with_suffix(other)).is_file() else []


_Reader = Callable[[Location, bool, Members | None], Image]


def _reader(where: Location) -> _Reader:
    """The reader of this file, by the end of its name.

    Raises:
        UnreadableImage: it cannot be opened, or its format is not known.
        OSError: so says the disk.
    """
    kind = _kind(where)
    if kind == "folder":
        return lambda where, label, members: read_series(where)
    if kind in NIFTI:
        return lambda where, label, members: read_nifti(where, members)
    if kind in ITK:
        return lambda where, label, members: read_itk(where)
    if kind in PICTURES:
        return lambda where, label, members: read_picture(where, label=label)
    if kind == ".npy":
        return lambda where, label, members: array_image(where, read_npy(where), "NPY")
    if kind == ".npz":
        return lambda where, label, members: array_image(where, read_npz(where, members), "NPZ")
    if kind in HDF5:
        return lambda where, label, members: array_image(where, read_dataset(where), "HDF5")
    if kind in DICOM:
        return lambda where, label, members: read_dicom_file(where)
    raise unreadable(
        where.path, "its name does not say what it is", f"medmark reads {', '.join(SUFFIXES)}, and folders of DICOM"
    )


def _kind(where: Location) -> str:
    """The end of the file's name; ".dcm" if it has DICOM's mark under an unknown name; "folder".

    Raises:
        UnreadableImage: it is not a file, or empty.
        OSError: it cannot be opened.
    """
    path = where.path
    mode = path.stat()
    suffix = next((end for end in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(end)), "")
    if stat.S_ISDIR(mode.st_mode):
        if suffix:
            raise unreadable(path, f"it is a folder, not a {suffix} file", "name the file itself")
        return "folder"
    if not stat.S_ISREG(mode.st_mode):
        raise unreadable(path, "it is not a file but a device or a pipe", "name a file")  # reading it would wait
    if not mode.st_size:
        raise unreadable(path, "it is empty", AGAIN)
    with path.open("rb") as file:  # a file that this user may not read says so here, whatever its format
        start = file.read(132)
    return suffix or (".dcm" if start[128:] == b"DICM" else "")


def _unopened(path: Path, error: OSError) -> UnreadableImage:
    """What the disk says, as a sentence."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR if path.is_symlink():
            return unreadable(path, "it is a link to a file that is not there", "copy the file itself")
        case errno.ENOENT | errno.ENOTDIR:
            names = [name for name in _names(path.parent) if numbers_in(name) == numbers_in(path.name)]
            similar = closest(path.name, names, 0.8)
            cure = f'did you mean "{similar}"?' if similar else "check the name, and its capitals"
            return unreadable(path, "there is no such file", cure)
        case errno.ELOOP:
            return unreadable(path, "its links lead round in a circle", "copy the file itself in place of the link")
        case errno.EACCES | errno.EPERM:
            return unreadable(path, "you may not read it", f"chmod u+r {shell_word(path)}")
        case _:
            return unreadable(path, f"it cannot be read ({error.strerror or error})", AGAIN)


def _names(folder: Path) -> list[str]:
    """Names in a folder, as many as can be compared at once; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, 1000)]
    except OSError:
        return []


def _faults(image: Image) -> list[Fault]:
    """What a header or the voxels say that no image can."""
    faults = spacing_faults(image.spacing_mm, _GEOMETRY) if image.spacing_mm is not None else []
    if image.affine is not None and not faults:
        sheared = affine_faults(image.affine, _SHEAR)
        faults += sheared if np.isfinite(image.affine).all() else affine_faults(image.affine, _GEOMETRY)
    if image.array.dtype.kind == "f":
        wrong = ~np.isfinite(image.array)
        if count := int(np.count_nonzero(wrong)):
            first = tuple(int(axis[0]) for axis in np.nonzero(wrong))
            what = f"{count} of {wrong.size} voxels are NaN or infinite, the first at {image.axes} {first}"
            faults.append(Fault(what, "put a number there, such as that of the background"))
    return faults
