"""Where an image lies: a file or a folder on disk, and what of it where a file holds several images.

Location(scan.nii.gz)                      the whole file
Location(scan.nii.gz, index=2)             volume 2 of a file with four axes
Location(set.npz, "train_images", 7)       row 7 of one array of an archive
Location(set.h5, "/frame_0007")            one dataset
Location(patient_3, "1.2.840.113619.1")    one series of a folder of DICOM, by its SeriesInstanceUID
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from assignments.data.folder.addresses import address
from assignments.data.folder.image import unreadable


@dataclass(frozen=True)
class Location:
    """A file or folder, and what of it."""

    path: Path
    key: str | None = None
    """Name of an array, a dataset or a series."""
    index: int | None = None
    """Row of the array, or volume of a file with four axes."""

    @property
    def part(self) -> str:
        """As a table of cases writes it after the file: ":key[index]"."""
        return (f":{self.key}" if self.key else "") + ("" if self.index is None else f"[{self.index}]")

    def __str__(self) -> str:
        return f"{self.path}{self.part}"

    def refuse_part(self, kind: str) -> None:
        """Refuse a key or an index where a file holds one image.

        Raises:
            UnreadableImage: one was written.
        """
        if self.part:
            raise unreadable(self, f"{kind} holds one image: there is no part {self.part}", f"write {self.path.name}")


def location_of(path: Path | str, key: str | None = None, index: int | None = None) -> Location:
    """Where the image lies: `path` may say it all, as a cell of the table does, or key and index are given apart."""
    if key is not None or index is not None:
        return Location(Path(path), key, index)
    written = address(os.fspath(path))
    return Location(Path(written.file), written.key, written.index)
