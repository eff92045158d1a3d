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


def test_rows_of_numbers_are_one_file(tmp_path):
    x = np.arange(12, dtype=np.int64).reshape(4, 3)
    assert write_cases(tmp_path, "train", {"x": x}) == (tmp_path / "train.npz",)
    with np.load(tmp_path / "train.npz") as data:
        assert data.files == ["x"]
        assert (data["x"] == x).all()
    read = read_cases(tmp_path, "train")
    assert (read["x"] == x).all()


def test_images_are_a_file_for_each_subject_with_a_leading_axis_over_its_cases(tmp_path):
    image, subject = np.arange(24, dtype=np.int16).reshape(4, 2, 3), np.array([7, 2, 7, 7])
    files = write_cases(tmp_path, "train", {"image": image, "subject": subject})
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["train/0002.npz", "train/0007.npz"]
    with np.load(files[1]) as data:
        assert (data["image"] == image[[0, 2, 3]]).all()
        assert data["subject"].tolist() == [7, 7, 7]
    read = read_cases(tmp_path, "train")
    assert (read["image"] == image[[1, 0, 2, 3]]).all()
    assert read["subject"].tolist() == [2, 7, 7, 7]


def test_a_case_without_a_subject_is_its_own(tmp_path):
    files = write_cases(tmp_path, "val", {"image": np.zeros((2, 4, 4))})
    assert [file.name for file in files] == ["0000.npz", "0001.npz"]


def test_cases_of_one_subject_that_differ_in_shape_are_a_file_each(tmp_path):
    files = write_cases(tmp_path, "train", {"image": column(tmp_path), "subject": np.array([3, 3])})
    assert [file.name for file in files] == ["0003-1.npz", "0003-2.npz"]
    for file, image in zip(files, IMAGES, strict=True):
        with np.load(file) as data:
            assert (data["image"] == image[None]).all()
            assert data["subject"].tolist() == [3]
    read = read_cases(tmp_path, "train")
    assert isinstance(read["image"], Column)
    assert [case.shape for case in read["image"].cases] == [(2, 3), (4, 1)]
    assert all((a == b).all() for a, b in zip(read["image"], IMAGES, strict=True))
    assert [int(number) for number in read["subject"]] == [3, 3]


def test_more_than_fits_in_memory_is_read_one_case_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("assignments.data.case_files.TOGETHER", 100)
    image = np.arange(48, dtype=np.int64).reshape(2, 4, 6)
    write_cases(tmp_path, "train", {"image": image})
    read = read_cases(tmp_path, "train")
    assert isinstance(read["image"], Column)
    assert (np.stack(list(read["image"])) == image).all()


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
