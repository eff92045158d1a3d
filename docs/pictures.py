"""Draws the pictures of docs/data.md: cases of each source of images that ships with medmark, as a brief shows them.

    python docs/pictures.py [FOLDER]

writes a PNG for each source into FOLDER, by default docs/pictures. The brains need the package nilearn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from assignments.assignment import Assignment
from assignments.data.parts import crossing
from assignments.data.sources import SOURCES
from assignments.data.sources.fetal_us import PLANES
from assignments.data.streams import PUBLISHED, stream
from assignments.drawing.data_picture import DataPicture, data_picture

FOLDER = Path(__file__).parent / "pictures"
SHOWN = {
    "prostate_mr": ("segmentation", 8, ("background", "prostate gland")),
    "fetal_us": ("classification", 100, PLANES),
    "brain_pairs": ("registration", 8, ("background", "left hemisphere", "right hemisphere", "ventricles")),
    "brain_contrasts": ("synthesis", 8, ()),
}
"""By source: the task that its cases are drawn for, how many are drawn to choose from, and the names of classes."""


def source_picture(name: str) -> DataPicture:
    """The picture of a source's cases, which everybody can draw."""
    task, count, classes = SHOWN[name]
    source = SOURCES[name]
    cases = crossing(source.draw(count, stream(PUBLISHED, "docs", "train", "0")))
    shown = data_picture(_assignment(name, task, count, classes), source.arrays, cases)
    assert shown is not None
    return shown


def _assignment(source: str, task: str, count: int, classes: tuple[str, ...]) -> Assignment:
    """What the drawing needs of an assignment: its task and its data."""
    return Assignment.model_validate(
        {
            "id": "docs",
            "title": source,
            "task": task,
            "data": {"source": source, "train": count, "test": 1, "classes": classes},
            "criterion": [{"id": "report", "kind": "person", "points": 1}],
            "folder": FOLDER,
        }
    )


def main(folder: Path = FOLDER) -> Iterator[Path]:
    """Write every picture; its path once it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHOWN:
        path = folder / f"{name}.png"
        path.write_bytes(source_picture(name).png)
        yield path


if __name__ == "__main__":
    for written in main(*map(Path, sys.argv[1:2])):
        print(written)
