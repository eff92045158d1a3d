"""What a cell of a table can name: no file, a folder, a circle of links, a missing package."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assignments.data.folder.addresses import address
from assignments.data.folder.image import UnreadableImage
from assignments.data.folder.location import Location
from assignments.errors import UserError
from tests.assignments.data.folder.files import (
    phantom,
    read_image,
    write_dicom,
    write_itk,
    write_nifti,
    write_npy,
    write_npz,
    write_picture,
)


def faults(path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    return " | ".join(f"{fault.what}; {fault.cure}" for fault in caught.value.faults)


@pytest.mark.parametrize(
    "text", ["a/scan.nii.gz", "scan.nii.gz[2]", "set.npz:images[7]", "set.h5:/group/frame:1", "p:1.2.3.4"]
)
def test_a_location_is_written_as_in_the_table(text):
    written = address(text)
    assert str(Location(Path(written.file), written.key, written.index)) == text


def test_a_missing_file_is_said_with_the_nearest(tmp_path):
    write_nifti(tmp_path / "patient_01.nii.gz", phantom())
    assert faults(tmp_path / "Patient_01.nii.gz") == 'there is no such file; did you mean "patient_01.nii.gz"?'
    assert "there is no such file" in faults(tmp_path / "none" / "a.png")


def test_a_link_to_nothing_and_a_circle_of_links_are_said(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert "a link to a file that is not there" in faults(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "c.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "b.png")
    assert "its links lead round in a circle" in faults(tmp_path / "b.png")
    (tmp_path / "d").symlink_to(tmp_path / "d")
    assert "circle" in faults(tmp_path / "d" / "a.png")


@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.png", "a.npy", "a.npz", "a.h5", "a.dcm", "a"])
def test_an_empty_file_is_empty(name, tmp_path):
    (tmp_path / name).touch()
    assert "it is empty" in faults(tmp_path / name)


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "a.nii.gz").mkdir()
    assert faults(tmp_path / "a.nii.gz") == "it is a folder, not a .nii.gz file; name the file itself"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.nii")
    assert "a device or a pipe" in faults(tmp_path / "a.nii")


@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.png", "a.npy", "a.h5", "a.dcm"])
def test_what_may_not_be_read_is_said_with_the_cure(name, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(b"x" * 400)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: the disk's answer is put in its mouth

        def denied(self, *args, **kwargs):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(type(path), "open", denied)
    assert faults(path) == f"you may not read it; chmod u+r {path}"


def test_an_unknown_kind_lists_the_known_ones(tmp_path):
    (tmp_path / "a.docx").write_text("a text")
    assert "medmark reads .nii, .nii.gz" in faults(tmp_path / "a.docx")


def test_dicom_is_known_by_its_mark(tmp_path):
    path = write_dicom(tmp_path / "1.3.12.2.1107.5", np.ones((4, 5), np.int16))
    assert read_image(path).array.tolist() == [[1.0] * 5] * 4


@pytest.mark.parametrize(
    ("name", "package"),
    [("a.nii", "nibabel"), ("a.mha", "SimpleITK"), ("a.dcm", "pydicom"), ("a.png", "PIL"), ("a.h5", "h5py")],
)
def test_a_missing_package_is_said_with_what_to_install(name, package, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(b"x" * 400)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r'pip install "medmark\[formats\]"') as caught:
        read_image(tmp_path / name)
    assert not isinstance(caught.value, UnreadableImage)  # no fault of the file: reading stops


def test_reading_imports_no_format_that_it_does_not_need(tmp_path):
    path = write_npy(tmp_path / "a.npy", phantom())
    code = (
        "import sys; from pathlib import Path; from assignments.data.folder.location import Location; "
        "from assignments.data.folder.reading import read_image; "
        f"read_image(Location(Path({str(path)!r}))); "
        "print(sorted({'nibabel', 'SimpleITK', 'pydicom', 'h5py', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NOISE = np.random.default_rng(1).integers(0, 900, (4, 16, 24)).astype(np.int16)
WRITERS = {
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "a.mha": write_itk,
    "a.nrrd": write_itk,
    "a.dcm": lambda path, volume: write_dicom(path, volume[0]),
    "a.png": lambda path, volume: write_picture(path, volume[0].astype(np.uint8)),
    "a.tif": lambda path, volume: write_picture(path, volume[0].astype(np.uint16)),
    "a.npy": write_npy,
    "a.npz": lambda path, volume: write_npz(path, image=volume),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_spoiled_header_is_an_image_or_a_sentence(name, tmp_path):
    path = WRITERS[name](tmp_path / name, NOISE)
    sound = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(40):
        data = bytearray(sound)
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(min(len(data), 600))] = rng.integers(256)
        path.write_bytes(data)
        try:
            faults_of_it = [] if read_image(path).array.ndim in (2, 3) else [None]
        except UnreadableImage as error:
            faults_of_it = error.faults
        assert all(fault.what and fault.cure and "\n" not in fault.what for fault in faults_of_it)
