"""The archive of a handout's cases: equal cases are equal bytes, and nothing else is in it."""

from __future__ import annotations

import hashlib
import zipfile

import numpy as np

from assignments.cases_archive import write_archive
from assignments.data.case_files import write_cases

IMAGES = np.arange(96, dtype=np.int16).reshape(2, 6, 8)


def test_equal_cases_are_equal_archives(tmp_path):
    digests = []
    for name in ("one", "two"):
        files = write_cases(tmp_path / name / "data", "train", {"image": IMAGES})
        digests.append(write_archive(tmp_path / name, files, tmp_path / f"{name}.zip"))
    assert digests[0] == digests[1] == hashlib.sha256((tmp_path / "one.zip").read_bytes()).hexdigest()


def test_of_a_handout_only_the_cases_are_in_the_archive(tmp_path):
    files = write_cases(tmp_path / "kit/data", "val", {"image": IMAGES[:1]})
    for name in ("solution.py", "data/notes.txt"):
        files = [*files, tmp_path / "kit" / name]
        files[-1].write_text("mine")
    write_archive(tmp_path / "kit", files, tmp_path / "kit-data.zip")
    assert zipfile.ZipFile(tmp_path / "kit-data.zip").namelist() == ["data/val/0000.npz"]
