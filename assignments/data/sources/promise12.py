"""The PROMISE12 cases as the MPHY0041 segmentation tutorial distributes them: read from a folder, never fetched.

`image_trainNN.npy` and `label_trainNN.npy`, each (32, 128, 128) with axes (depth, row, column): T2-weighted MRI from
several hospitals and the manual outline of the prostate gland, 1 = gland. One case is one patient. The files have no
voxel size: (2.2, 1.1, 1.1) mm is assumed throughout, so report millimetres on these cases but do not mark by them. It
is what makes the median gland of 35 cases 51 x 41 x 40 mm (W x H x D) and 38 ml, as patients' are, and shows both hips
in 128 pixels; each case has a field of view of its own, which the files do not hold.

    Litjens et al.: Evaluation of prostate segmentation algorithms for MRI: the PROMISE12 challenge.
    Medical Image Analysis 18, 2014, doi:10.1016/j.media.2013.12.002.

The labels are public: a course that marks on them must trust its groups not to train on them, or retrain in `fit`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.source import Arrays, Axes, Finite, Subject, file_stamp
from assignments.errors import UserError

SHAPE = (32, 128, 128)
ASSUMED_SPACING_MM = (2.2, 1.1, 1.1)

_NAMES = "image_train00.npy, label_train00.npy, image_train01.npy, ..."


@dataclass(frozen=True)
class _Cases:
    """The folder, and the numbers of its cases by subject."""

    folder: Path
    numbers: dict[str, int]


def _opened(assignment: Assignment) -> _Cases:
    folder = _folder(assignment.data.path)
    return _Cases(folder, {f"case{number:02d}": number for number in _numbers(folder)})


def _subjects(cases: _Cases) -> list[Subject]:
    return [Subject(id) for id in cases.numbers]


def _load(cases: _Cases, subject: str) -> Arrays:
    """One case.

    Returns:
        image: (32, 128, 128) float32, in the scanner's unit.
        label: (32, 128, 128) uint8.
        spacing: (3,) float32, assumed.
    """
    image, label = (_volume(path) for path in _files(cases, subject))
    if label.min() < 0 or label.max() > 1:
        path = _files(cases, subject)[1]
        raise UserError(f"{path}: labels from {label.min()} to {label.max()}; they must be 0 and 1.")
    return {
        "image": image.astype(np.float32),
        "label": label.astype(np.uint8),
        "spacing": np.array(ASSUMED_SPACING_MM, np.float32),
    }


def _stamp(cases: _Cases, subject: str) -> object:
    return [file_stamp(path) for path in _files(cases, subject)]


def _files(cases: _Cases, subject: str) -> tuple[Path, Path]:
    number = cases.numbers[subject]
    return cases.folder / f"image_train{number:02d}.npy", cases.folder / f"label_train{number:02d}.npy"


def _folder(path: Path | None) -> Path:
    if path is None:
        raise UserError(f'[data]: source = "promise12" needs path = "FOLDER", the folder with {_NAMES}')
    if not path.is_dir():
        raise UserError(f"[data]: there is no folder {path}. path must be the folder with {_NAMES}")
    return path


def _numbers(folder: Path) -> list[int]:
    """Numbers of the cases in a folder; each must have its image and its label."""
    numbers: dict[str, set[int]] = {"image": set(), "label": set()}
    for path in folder.iterdir():
        name = re.fullmatch(r"(image|label)_train(\d\d)\.npy", path.name)
        if name:
            numbers[name[1]].add(int(name[2]))
    if not numbers["image"]:
        raise UserError(f"{folder}: no image_trainNN.npy. path must be the folder with {_NAMES}")
    alone = [f"image_train{n:02d}.npy has no label" for n in sorted(numbers["image"] - numbers["label"])]
    alone += [f"label_train{n:02d}.npy has no image" for n in sorted(numbers["label"] - numbers["image"])]
    if alone:
        raise UserError(f"{folder}: {', '.join(alone)}. Copy the missing file, or remove the other one.")
    return sorted(numbers["image"])


def _volume(path: Path) -> np.ndarray:
    try:
        volume: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as a NumPy array ({error}). Copy it again.") from error
    if volume.shape != SHAPE or volume.dtype.kind not in "iu":
        raise UserError(
            f"{path}: {volume.dtype} {volume.shape}, but integers of shape {SHAPE} are needed, as the tutorial "
            f"distributes them. Convert it, or remove the case from the folder."
        )
    return volume


_ARRAYS = {
    "image": Axes("float32", "32 128 128", doc="T2-weighted, in the scanner's unit of intensity"),
    "label": Axes("uint8", "32 128 128", role="truth", doc="1 is the gland"),
    "spacing": Axes("float32", "3", doc="voxel size in mm"),
}
SOURCE = Finite(
    arrays=lambda cases: _ARRAYS,
    open=_opened,
    subjects=_subjects,
    load=_load,
    stamp=_stamp,
    declared=_ARRAYS,
    public=True,
)
