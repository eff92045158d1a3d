"""Addresses of arrays: files, arrays of archives, volumes of stacks; and what leads outside the folder."""

import os
import unicodedata

import pytest

from assignments.data.folder.addresses import Address, WrongAddress, address, file_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("images/P01.nii.gz", Address("images/P01.nii.gz")),
        (r"images\P01.nii.gz", Address("images/P01.nii.gz")),
        ("dicom/P01/T2", Address("dicom/P01/T2")),
        ("imagesTr/BRATS_001.nii.gz[2]", Address("imagesTr/BRATS_001.nii.gz", None, 2)),
        ("bloodmnist.npz:train_images[17]", Address("bloodmnist.npz", "train_images", 17)),
        ("all.npz:image", Address("all.npz", "image")),
        ("fetal.h5:/subject000000_frame00000003", Address("fetal.h5", "/subject000000_frame00000003")),
        ("fetal.hdf5:/site A/P1.scan[0]", Address("fetal.hdf5", "/site A/P1.scan", 0)),
        ("dicom/P01:1.2.840.113619.2", Address("dicom/P01", "1.2.840.113619.2")),
        ("scan_12:30.nii.gz", Address("scan_12:30.nii.gz")),
        ("slices/img[3].png", Address("slices/img[3].png")),
        ("stack.npy[4]", Address("stack.npy", None, 4)),
    ],
)
def test_a_cell_names_a_file_a_key_and_an_index(text, expected):
    assert address(text) == expected


@pytest.mark.parametrize("text", ["a.nii.gz[2]", "a.npz:x[17]", "a.h5:/b/c", "a/b.png"])
def test_an_address_is_written_as_it_is_read(text):
    assert str(address(text)) == text


def refusal(folder, file):
    with pytest.raises(WrongAddress) as caught:
        file_of(folder, file)
    return f"{caught.value.what}; {caught.value.cure}"


def test_what_leads_outside_the_folder_is_refused(tmp_path):
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (tmp_path / "other.png").write_bytes(b"x")
    (data / "link.png").symlink_to(tmp_path / "other.png")
    assert "leads outside" in refusal(data, "../other.png")
    assert "leads outside" in refusal(data, "link.png")
    assert "not a path within" in refusal(data, str(tmp_path / "other.png"))
    assert "not a path within" in refusal(data, "C:/scans/other.png")


def test_dots_and_links_within_the_folder_are_followed(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "images" / "b.png").symlink_to(tmp_path / "a.png")
    assert file_of(tmp_path, "images/../a.png") == (tmp_path / "a.png").resolve()
    assert file_of(tmp_path, "images/b.png") == (tmp_path / "a.png").resolve()


def test_a_missing_file_is_named_with_the_nearest(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "P01.PNG").write_bytes(b"x")
    assert refusal(tmp_path, "images/P01.png") == 'images/P01.png is missing; did you mean "images/P01.PNG"?'
    assert refusal(tmp_path, "gone/P01.png") == "gone/P01.png is missing; copy it there, or delete the row"


def test_a_pipe_is_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert "neither a file nor a folder" in refusal(tmp_path, "a.png")


def test_a_path_that_no_disk_takes_is_cut_in_the_message(tmp_path):
    assert len(refusal(tmp_path, "a" * 5000 + ".png")) < 250


def test_links_in_a_circle_and_empty_files_are_refused(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "series").mkdir()
    assert "a.png cannot be" in refusal(tmp_path, "a.png")
    assert "empty.png is empty" in refusal(tmp_path, "empty.png")
    assert "series is empty" in refusal(tmp_path, "series")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_the_same_however_it_is_composed(tmp_path, form):
    """A Mac writes é as e and an accent, Excel as one letter; both look the same to a person."""
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    (tmp_path / unicodedata.normalize(form, "Gré")).mkdir()
    (tmp_path / unicodedata.normalize(form, "Gré/Pü.png")).write_bytes(b"x")
    found = file_of(tmp_path, unicodedata.normalize(other, "Gré/Pü.png"))
    assert found == (tmp_path / unicodedata.normalize(form, "Gré/Pü.png")).resolve()


def test_other_capitals_of_a_folder_are_named(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "P01.png").write_bytes(b"x")
    assert refusal(tmp_path, "Images/P01.PNG") == 'Images/P01.PNG is missing; did you mean "images/P01.png"?'


def test_a_link_to_a_missing_file_is_not_called_a_slip_of_its_own_name(tmp_path):
    (tmp_path / "P01.png").symlink_to("nowhere.png")
    assert refusal(tmp_path, "P01.png") == "P01.png is a link to a file that is not there; copy the file itself"
