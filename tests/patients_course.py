"""A course on patients of its own, marked in seconds: a finite source, an accuracy criterion, and two groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.assignments.data.scans_folder import write_folder
from tests.small_course import medmark, write_roster

SOUND = '''\
"""Bright voxels are foreground."""
import numpy as np

FRAMEWORK = "numpy"


class Threshold:
    value = LEVEL


def bright(image):
    return image.mean(axis=(1, 2))


def fit(train, val, *, seed, budget_s):
    return Threshold()


def predict(model, inputs):
    return {"prob": (inputs["image"] > model.value).astype(np.float32)}


def save(model, folder):
    pass


def load(folder):
    return Threshold()
'''
GROUPS = {"beech": SOUND.replace("LEVEL", "0.0"), "alder": SOUND.replace("LEVEL", "1.0")}
"""One that answers every voxel rightly, and one that misses those between 0 and 1."""
PERMITTED = 'share = "students"\npermission = "Ethics committee, 2026-03-04"\n'


def write_course(
    folder: Path, *, due: timedelta, data: str = PERMITTED, settings: str = "", split: bool = True
) -> Path:
    """A course whose deadline is `due` from now."""
    assert medmark("init", folder, "--title", "Slices", "--year", "2027").code == 0
    write_folder(folder, data=data)
    if split:
        assert medmark("data", folder / "slices", "--split").code == 0
    deadline = (datetime.now(UTC) + due).replace(microsecond=0, tzinfo=None)
    (folder / "course.toml").write_text(
        'title = "Slices"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "local"\n[access]\nallow_file = true\n'
        f'[assignments.slices]\nsource = "slices"\ndeadline = {deadline.isoformat()}\n{settings}',
        encoding="utf-8",
    )
    write_roster(folder, {name: {"slices/solution.py": solution} for name, solution in GROUPS.items()})
    return folder
