"""Where an image lies: a file or a folder on disk, and what of it where a file holds several images.

Location(scan.nii.gz)                      the whole file
Location(scan.nii.gz, index=2)             volume 2 of a file with four axes
Location(set.npz, "train_images", 7)       row 7 of one array of an archive
Location(set.h5, "/frame_0007")            one dataset
Location(patient_3, "1.2.840.113619.1")    one series of a folder of DICOM, by its SeriesInstanceUID
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assignments.data.folder.addresses import Address, address, file_of
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
        return str(Address("", self.key, self.index))

    def __str__(self) -> str:
        return f"{self.path}{self.part}"

    def refuse_part(self, kind: str) -> None:
        """Refuse a key or an index where a file holds one image.

        Raises:
            UnreadableImage: one was written.
        """
        if self.part:
            raise unreadable(self, f"{kind} holds one image: there is no part {self.part}", f"write {self.path.name}")


def located(folder: Path, text: str) -> Location:
    """Where that lies which a cell of the table of cases names, in the folder of the data.

    Raises:
        WrongAddress: its file is not there, is empty, or lies outside `folder`.
    """
    written = address(text)
    return Location(file_of(folder, written.file), written.key, written.index)
