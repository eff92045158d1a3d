"""A finite source of an author's own, small enough to work by hand: slices of patients in .npz files."""

from pathlib import Path

import numpy as np

from assignments.assignment import Assignment

SCANS = """
from pathlib import Path
import numpy as np
from assignments.data.source import Axes, Subject

ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth"), "spacing": Axes("float32", "2")}

def open(path):
    return {file.stem: file for file in sorted(path.glob("*.npz"))}

def subjects(opened):
    return [Subject(id, strata={"site": "AB"[int(id[1:]) % 2]}) for id in opened]

def load(opened, subject):
    with np.load(opened[subject]) as data:
        image, label = data["image"], data["label"]
    return {"image": image, "label": label, "spacing": np.tile(np.float32([2.0, 0.5]), (len(image), 1))}
"""


def patients(folder: Path, n: int, slices: int = 3, size: int = 12) -> None:
    """`n` patients P000, P001, ... whose every slice is different."""
    folder.mkdir(exist_ok=True)
    for number in range(n):
        patient(folder, number, slices, size)


def patient(folder: Path, number: int, slices: int = 3, size: int = 12) -> Path:
    """One patient; the same number gives the same slices."""
    image = np.random.default_rng(number).normal(size=(slices, size, size)).astype(np.float32)
    path = folder / f"P{number:03d}.npz"
    np.savez(path, image=image, label=(image > 0).astype(np.uint8))
    return path


def assignment_of(folder: Path, *, source: str = SCANS, **data: object) -> Assignment:
    """An assignment in `folder / "slices"` whose patients lie in `folder / "patients"`."""
    home = folder / "slices"
    home.mkdir(exist_ok=True)
    (home / "scans.py").write_text(source)
    values = {
        "id": "slices",
        "title": "Slices",
        "task": "segmentation",
        "data": {"source": "scans.py", "path": folder / "patients", "test": 0.25, "split_seed": 1, **data},
        "run": {"mode": "retrain", "seeds": 2},
        "criterion": [{"id": "report", "kind": "person", "points": 1}],
        "folder": home,
    }
    return Assignment.model_validate(values)
