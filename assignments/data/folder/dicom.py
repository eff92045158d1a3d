"""Fields of DICOM headers, as pydicom reads them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Of files that must be DICOM; others may be."""
NO_SLICES = ("dicomdir", "thumbs.db")
"""Names, in small letters, of files that lie among slices and are none."""


def has_mark(path: Path) -> bool:
    """Whether a file begins as DICOM does, whatever its name is."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def is_slice(path: Path) -> bool:
    """Whether a file is DICOM by its name; or by its mark, as `IM000001` is.

    Raises:
        OSError: so says the disk.
    """
    name = path.name.lower()
    return name not in NO_SLICES and (name.endswith(SUFFIXES) or has_mark(path))


def field_values(dataset: Any, keyword: str) -> list[Any]:
    """The values of a field; none where it is missing or not what its type says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a value that is not as its type says is left out, or refused
            value = dataset.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom raises nearly anything for a value that is not of its type
        return []
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | bytes) or not hasattr(value, "__iter__") else list(value)


def burned_in(dataset: Any) -> bool | None:
    """Whether the header says that text is drawn into the picture; None where it says nothing."""
    words = {str(value).strip().upper() for value in field_values(dataset, "BurnedInAnnotation")}
    return "YES" in words if words & {"YES", "NO"} else None
