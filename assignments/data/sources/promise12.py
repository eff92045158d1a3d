"""The PROMISE12 cases as the MPHY0041 segmentation tutorial distributes them: read from a folder, never fetched.

`image_trainNN.npy` and `label_trainNN.npy`, each (32, 128, 128) with axes (depth, row, column): T2-weighted MRI from
several hospitals and the manual outline of the prostate gland, 1 = gland. One case is one patient. The files have no
voxel size: (2.2, 0.6, 0.6) mm is assumed throughout, so report millimetres on these cases but do not mark by them.

    Litjens et al.: Evaluation of prostate segmentation algorithms for MRI: the PROMISE12 challenge.
    Medical Image Analysis 18, 2014, doi:10.1016/j.media.2013.12.002.

The labels are public: a course that marks on them must trust its groups not to train on them, or retrain in `fit`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.random import Generator

from assignments.assignment import Data
from assignments.errors import UserError

Arrays = dict[str, np.ndarray]

SHAPE = (32, 128, 128)
ASSUMED_SPACING_MM = (2.2, 0.6, 0.6)

_NAMES = "image_train00.npy, label_train00.npy, image_train01.npy, ..."


def draw(data: Data, train_rng: Generator, test_rng: Generator) -> tuple[Arrays, Arrays]:
    """Training and hidden cases from `data.path`; no patient is in both.

    With `data.split_seed` the hidden cases are the first `data.test` of `default_rng(split_seed).permutation(cases)`,
    the same for everybody; without it the hidden stream chooses, and `train_rng` is not needed.

    Raises:
        UserError: the folder, or a file in it, is not as described; the error says which, and what to do.
    """
    del train_rng
    folder = _folder(data)
    numbers = _numbers(folder)
    if data.train + data.test > len(numbers):
        raise UserError(
            f"[data]: train = {data.train} and test = {data.test} are {data.train + data.test} cases, but {folder} "
            f"has {len(numbers)}. Lower one of the two."
        )
    splitter = test_rng if data.split_seed is None else np.random.default_rng(data.split_seed)
    order = [numbers[index] for index in splitter.permutation(len(numbers))]
    test, train = order[: data.test], order[data.test : data.test + data.train]
    return read_cases(folder, sorted(train)), read_cases(folder, sorted(test))


def read_cases(folder: Path, numbers: list[int]) -> Arrays:
    """The cases of these numbers, in this order.

    Returns:
        image: (n, 32, 128, 128) float32, in the scanner's unit.
        label: (n, 32, 128, 128) uint8.
        spacing: (n, 3) float32, assumed.
        subject: (n,) int64, the number in the file's name.
    """
    images = np.empty((len(numbers), *SHAPE), np.float32)
    labels = np.empty((len(numbers), *SHAPE), np.uint8)
    for index, number in enumerate(numbers):
        images[index] = _volume(folder / f"image_train{number:02d}.npy")
        label_path = folder / f"label_train{number:02d}.npy"
        label = _volume(label_path)
        if label.min() < 0 or label.max() > 1:
            raise UserError(f"{label_path}: labels from {label.min()} to {label.max()}; they must be 0 and 1.")
        labels[index] = label
    return {
        "image": images,
        "label": labels,
        "spacing": np.tile(np.array(ASSUMED_SPACING_MM, np.float32), (len(numbers), 1)),
        "subject": np.array(numbers, np.int64),
    }


def _folder(data: Data) -> Path:
    if data.path is None:
        raise UserError(f'[data]: source = "promise12" needs path = "FOLDER", the folder with {_NAMES}')
    if not data.path.is_dir():
        raise UserError(f"[data]: there is no folder {data.path}. path must be the folder with {_NAMES}")
    return data.path


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
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as a NumPy array ({error}). Copy it again.") from error
    if volume.shape != SHAPE or volume.dtype.kind not in "iu":
        raise UserError(
            f"{path}: {volume.dtype} {volume.shape}, but integers of shape {SHAPE} are needed, as the tutorial "
            f"distributes them. Convert it, or remove the case from the folder."
        )
    return volume
