"""Which subjects' DICOM files say that text is drawn into their pictures: a name, perhaps. Most files say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assignments.data.folder.dicom import burned_in, is_slice
from assignments.data.folder.image import missing_package
from assignments.data.folder.location import located
from assignments.data.folder.open_folder import OpenFolder


def burned_in_subjects(opened: OpenFolder) -> dict[str, bool]:
    """By subject with DICOM files: whether the header of one says that there is text in the picture.

    The first file of each series is read, without its pixels.

    Raises:
        UserError: pydicom is missing.
    """
    says: dict[str, bool] = {}
    for subject, rows in opened.rows.items():
        for row in rows:
            for text in row.files.values():
                for flag in _flags(located(opened.table.folder, text).path):
                    says[subject] = says.get(subject, False) or flag
    return says


def _flags(path: Path) -> Iterator[bool]:
    """Of the first DICOM file at a path."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        if file.is_file() and is_slice(file) and (flag := _flag(file)) is not None:
            yield flag
            return


def _flag(path: Path) -> bool | None:
    """Whether a file's header says so; None if it is not DICOM."""
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise missing_package("DICOM", "pydicom") from error
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["BurnedInAnnotation"])
    except (InvalidDicomError, OSError):
        return None
    return bool(burned_in(header))
