"""Writes small files of the true formats: NIfTI, MHA, MHD, NRRD, DICOM, PNG, JPEG, TIFF, NPY, NPZ, HDF5; reads one.

Every function that writes takes a path and an array and returns the path. Volumes are (d, h, w), and a volume that is
written in some orientation is given in RAS: its axes rise towards superior, anterior, right.

    write_nifti(tmp_path / "a.nii.gz", phantom())
    write_nifti(tmp_path / "b.nii.gz", phantom(), code="LPS", spacing=(3, 2, 1))
    write_dicom_series(tmp_path / "ct", phantom())
"""

from __future__ import annotations

import locale
import struct
import warnings
import zlib
from itertools import permutations, product
from pathlib import Path

import h5py
import nibabel
import numpy as np
import SimpleITK as sitk
from PIL import Image as Pillow
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

from assignments.data.folder import reading
from assignments.data.folder.addresses import address
from assignments.data.folder.location import Location

CODES = tuple(
    "".join(ends[axis] for ends, axis in zip(choice, order, strict=True))
    for order in permutations(range(3))
    for choice in product(("RAS", "LPI"), repeat=3)
)
"""All 48: the directions in which a file's x, y and z rise."""
ORIGIN = (-40.0, 25.0, 7.0)
"""mm to the right, anterior and superior of voxel (0, 0, 0) of the volume in RAS."""


def read_image(path, key=None, index=None, **settings):
    """The image at a path, which may end as a cell of the table does: `set.npz:images[7]`."""
    if key is not None or index is not None:
        return reading.read_image(Location(Path(path), key, index), **settings)
    written = address(str(path))
    return reading.read_image(Location(Path(written.file), written.key, written.index), **settings)


def phantom(shape=(3, 4, 5)):
    """A volume (d, h, w) in RAS, int16, without any symmetry: voxel (d, h, w) has the number 100 d + 10 h + w."""
    d, h, w = np.indices(shape)
    return (100 * d + 10 * h + w).astype(np.int16)


def stored(volume, code="RAS", spacing=(3.0, 2.0, 1.0), origin=ORIGIN):
    """A volume in RAS as a file of this code has it: the array (x, y, z), and the affine from (x, y, z) to RAS mm.

    `spacing` is (d, h, w) of the volume in RAS; `origin` is where its voxel (0, 0, 0) lies.
    """
    axes = {"R": (2, 0, 1), "L": (2, 0, -1), "A": (1, 1, 1), "P": (1, 1, -1), "S": (0, 2, 1), "I": (0, 2, -1)}
    """Of each letter: the axis of the volume, the row of the affine, and the sign."""
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    affine[:3, 3] = origin
    array = volume.transpose([axes[letter][0] for letter in code])
    for i, letter in enumerate(code):
        axis, row, sign = axes[letter]
        affine[row, i] = sign * spacing[axis]
        if sign < 0:
            array = np.flip(array, i)
            affine[row, 3] += spacing[axis] * (volume.shape[axis] - 1)
    return array, affine


def write_nifti(path, volume, code="RAS", spacing=(3.0, 2.0, 1.0), origin=ORIGIN, scale=None, units="mm"):
    """NIfTI of a volume in RAS, by nibabel; `scale` is (slope, intercept). The suffix says whether it is compressed."""
    array, affine = stored(volume, code, spacing, origin)
    return write_nifti_as_stored(path, array, affine, scale, units)


def write_nifti_as_stored(path, array, affine, scale=None, units="mm"):
    """NIfTI of an array (x, y[, z[, t]]) with this affine."""
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(units)
    image.to_filename(path)
    return path if scale is None else edit(path, 112, "<ff", *scale)


def edit(path, offset, form, *values):
    """Write values over the bytes of a file, such as a field of a header; not of a compressed one."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, offset, *values)
    path.write_bytes(data)
    return path


def cut(path, by=10):
    """Cut off the last bytes of a file."""
    path.write_bytes(path.read_bytes()[:-by])
    return path


def write_itk(path, volume, code="RAS", spacing=(3.0, 2.0, 1.0), origin=ORIGIN, compressed=False):
    """MHA, MHD (with its .raw) or NRRD of a volume in RAS, by SimpleITK, as the suffix says."""
    array, affine = stored(volume, code, spacing, origin)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    turned = np.diag([-1.0, -1.0, 1.0])  # ITK has mm to the left and posterior
    image.SetSpacing(steps.tolist())
    image.SetDirection((turned @ affine[:3, :3] / steps).ravel().tolist())
    image.SetOrigin((turned @ affine[:3, 3]).tolist())
    sitk.WriteImage(image, str(path), useCompression=compressed)
    return path


def dicom_slice(array, position=(0.0, 0.0, 0.0), series="1.2.826.0.1.3680043.8.498.1", sop=CTImageStorage, **fields):
    """A dataset with one slice (h, w), or (h, w, 3) uint8; `position` is LPS mm of its first voxel.

    By default x runs to the left and y to the back, as in most axial slices. `fields` replaces fields by keyword.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    bits = array.dtype.itemsize * 8
    colour = array.ndim == 3
    for keyword, value in {
        "SOPClassUID": sop,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "SeriesInstanceUID": series,
        "SeriesDescription": "AX THIN",
        "PatientName": "Doe^Jane",
        "PatientID": "4711",
        "PatientBirthDate": "19600101",
        "Modality": "CT",
        "Rows": array.shape[0],
        "Columns": array.shape[1],
        "PixelSpacing": [2.0, 1.0],
        "SliceThickness": 3.0,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": list(position),
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(array.dtype.kind == "i"),
        **({"PlanarConfiguration": 0} if colour else {}),
        **fields,
    }.items():
        if value is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom says what is wrong with a value that is meant to be
                setattr(dataset, keyword, value)
    dataset.PixelData = array.tobytes() + b"\0" * (array.nbytes % 2)
    return dataset


def write_dicom(path, array, compression=None, **settings):
    """One DICOM file of a slice: see `dicom_slice`. `compression` is None, "RLE", "JPEG2000" or "JPEG" (lossless)."""
    dataset = dicom_slice(array, **settings)
    if compression == "RLE":
        dataset.compress(RLELossless, generate_instance_uid=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(path, enforce_file_format=True)
    if compression in ("JPEG2000", "JPEG"):
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor(compression)
        plain = sitk.ReadImage(str(path))
        header = sitk.ImageFileReader()
        header.SetFileName(str(path))
        header.ReadImageInformation()
        for key in header.GetMetaDataKeys():
            plain.SetMetaData(key, header.GetMetaData(key))
        before = locale.setlocale(locale.LC_CTYPE)
        writer.Execute(plain)
        locale.setlocale(locale.LC_CTYPE, before)  # the encoder leaves C, and texts would be read as ASCII from then on
    return path


def write_dicom_series(folder, volume, spacing=(3.0, 2.0, 1.0), origin=ORIGIN, compression=None, names=None, **fields):
    """A folder with one axial DICOM file a slice of a volume in RAS, stored as LPS as scanners do; `names` of files."""
    folder.mkdir(parents=True, exist_ok=True)
    array, affine = stored(volume, "LPS", spacing, origin)
    for z in range(array.shape[2]):
        right, anterior, superior = affine[:3, 3] + affine[:3, 2] * z
        name = f"{z:03d}.dcm" if names is None else names[z]
        write_dicom(
            folder / name,
            np.ascontiguousarray(array[:, :, z].T),
            compression,
            position=(-right, -anterior, superior),
            **{"PixelSpacing": [spacing[1], spacing[2]], "InstanceNumber": z + 1, **fields},
        )
    return folder


def write_picture(path, array, mode=None, **options):
    """PNG, JPEG or TIFF, as the suffix says: (h, w), or (h, w, c) with `mode` "CMYK" if not RGB, RGBA or LA."""
    picture = Pillow.fromarray(np.asarray(array))
    if mode is not None:  # four channels are RGBA unless it says CMYK
        picture = Pillow.frombytes(mode, picture.size, picture.tobytes())
    picture.save(path, **options)
    return path


def write_palette(path, indices, colours):
    """A PNG whose pixels are indices (h, w) uint8 into a list of (r, g, b)."""
    picture = Pillow.fromarray(np.asarray(indices, np.uint8)).convert("L")
    picture = Pillow.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette([number for colour in colours for number in colour])
    picture.save(path)
    return path


def write_png_bytes(path, rows, width, bits, colour):
    """A PNG by hand, for what Pillow does not write: `rows` are the packed bytes of each row."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def write_tiff_pages(path, pages):
    """A TIFF with several pages."""
    first, *others = [Pillow.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others)
    return path


def write_npy(path, array):
    """NPY; an array of objects too."""
    np.save(path, array, allow_pickle=True)
    return path


def write_npz(path, **arrays):
    """A compressed archive; arrays of objects too."""
    np.savez_compressed(path, **arrays)
    return path


def write_h5(path, **datasets):
    """HDF5 with these datasets at its root."""
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            file.create_dataset(name, data=array)
    return path
