"""Cases as files: one file where they are of one shape, else one a case, and one function reads both."""

from __future__ import annotations

import numpy as np
import pytest

from assignments.data.case_files import read_cases, write_cases
from assignments.data.columns import Column, StoredCase
from assignments.errors import UserError

IMAGES = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((4, 1), np.float32)]


def column(tmp_path):
    """Two cases of different shapes, each in a file."""
    cases = []
    for number, image in enumerate(IMAGES):
        path = tmp_path / f"prepared{number}.npy"
        np.save(path, image)
        cases.append(StoredCase(path, image.dtype.str, image.shape))
    return Column(cases)


def test_cases_of_one_shape_are_one_file(tmp_path):
    x = np.arange(12, dtype=np.int64).reshape(4, 3)
    assert write_cases(tmp_path, "train", {"x": x}) == (tmp_path / "train.npz",)
    with np.load(tmp_path / "train.npz") as data:
        assert data.files == ["x"]
        assert (data["x"] == x).all()
    read = read_cases(tmp_path, "train")
    assert (read["x"] == x).all()


def test_cases_of_different_shapes_are_a_file_each(tmp_path):
    subject = np.array([3, 5])
    files = write_cases(tmp_path, "train", {"image": column(tmp_path), "subject": subject})
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["train/0000.npz", "train/0001.npz"]
    for file, image, number in zip(files, IMAGES, subject, strict=True):
        with np.load(file) as data:
            assert (data["image"] == image).all()
            assert (data["subject"].shape, int(data["subject"])) == ((), number)
    read = read_cases(tmp_path, "train")
    assert isinstance(read["image"], Column)
    assert [case.shape for case in read["image"].cases] == [(2, 3), (4, 1)]
    assert all((a == b).all() for a, b in zip(read["image"], IMAGES, strict=True))
    assert [int(number) for number in read["subject"]] == [3, 5]


def test_there_may_be_none(tmp_path):
    assert read_cases(tmp_path, "val") is None


def test_cases_of_an_earlier_handout_are_not_mixed_with_new_ones(tmp_path):
    write_cases(tmp_path, "train", {"image": column(tmp_path)})
    for cases in ({"image": column(tmp_path)}, {"x": np.ones(3)}):
        with pytest.raises(UserError, match="train holds the cases of an earlier handout; choose an empty folder"):
            write_cases(tmp_path, "train", cases)
    assert not (tmp_path / "train.npz").exists()


def test_a_broken_file_is_named(tmp_path):
    write_cases(tmp_path, "train", {"image": column(tmp_path)})
    (tmp_path / "train" / "0001.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"train/0001.npz: cannot be read"):
        read_cases(tmp_path, "train")


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: data[:60] + b"\xff" * 40 + data[100:]])
@pytest.mark.parametrize("many", [False, True])
def test_a_file_that_is_cut_off_or_damaged_is_named(tmp_path, damage, many):
    """The end of an archive is its list of members; what NumPy raises without it is neither OSError nor ValueError."""
    cases = column(tmp_path) if many else np.random.default_rng(0).normal(size=(4, 30))
    path = write_cases(tmp_path, "train", {"image": cases})[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=f"{path.name}: cannot be read"):
        list(read_cases(tmp_path, "train")["image"])
