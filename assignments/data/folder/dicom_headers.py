"""What DICOM headers say of a folder's subjects: text in the pictures, and one patient under two names.

The first file of each series is read, without its pixels. Most files say nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assignments.data.folder.addresses import WrongAddress
from assignments.data.folder.cases import CaseRow
from assignments.data.folder.dicom import SUFFIXES, burned_in, field_values, is_slice
from assignments.data.folder.image import missing_package
from assignments.data.folder.location import located
from assignments.data.folder.open_folder import OpenFolder
from assignments.errors import UserError, listed


def burned_in_subjects(opened: OpenFolder) -> dict[str, bool]:
    """By subject with DICOM files: whether the header of one says that there is text in the picture.

    Raises:
        UserError: pydicom is missing.
    """
    says: dict[str, bool] = {}
    for subject, rows in opened.rows.items():
        for header in _headers(opened.table.folder, rows, "BurnedInAnnotation"):
            says[subject] = says.get(subject, False) or bool(burned_in(header))
    return says


def same_patients(folder: Path, rows: Sequence[CaseRow]) -> Iterator[str]:
    """Subjects whose DICOM headers name one PatientID, which a split may put into two parts.

    An ID that all subjects have is a word of whoever took the names out, and is not mentioned. The IDs themselves are
    not either.
    """
    subjects: defaultdict[str, dict[str, None]] = defaultdict(dict)
    try:
        for row in rows:
            for header in _headers(folder, [row], "PatientID"):
                for value in field_values(header, "PatientID"):
                    subjects[str(value).strip()][row.subject] = None
    except UserError:
        return  # what cannot be read is reported with the images
    everyone = {row.subject for row in rows}
    for number, names in subjects.items():
        if number and 1 < len(names) < len(everyone):
            yield (
                f"subjects {listed(list(names))} have one PatientID in their DICOM headers: if they are one patient, "
                "write one name"
            )


def _headers(folder: Path, rows: Sequence[CaseRow], keyword: str) -> Iterator[Any]:
    """The header of the first DICOM file of each image, with one field."""
    for row in rows:
        for text in row.files.values():
            try:
                path = located(folder, text).path
            except WrongAddress:
                continue
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            for file in files:
                may_be = file.is_file() and (file.suffix.lower() in ("", *SUFFIXES) or path.is_dir()) and is_slice(file)
                if may_be and (header := _header(file, keyword)) is not None:
                    yield header
                    break


def _header(path: Path, keyword: str) -> Any | None:
    """A file's header; None if it is not DICOM."""
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise missing_package("DICOM", "pydicom") from error
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=[keyword])
    except (InvalidDicomError, OSError):
        return None
