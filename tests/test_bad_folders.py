"""Bad folders, as a teacher meets them: `medmark data` says what is wrong, in which file, whose case, and the cure."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import nibabel
import numpy as np
import pytest

import cli
from tests.assignments.data.folder.files import (
    cut,
    edit,
    phantom,
    write_dicom_series,
    write_nifti,
    write_nifti_as_stored,
    write_npz,
    write_picture,
)
from tests.commands import typed

ASSIGNMENT = """\
id = "own"
title = "Own"
task = "{task}"
data = {{ source = "folder", path = "../data", test = 1, split_seed = 1 }}
run = {{ mode = "retrain" }}
[[criterion]]
id = "report"
kind = "person"
points = 1
"""


@pytest.fixture
def folder(tmp_path):
    """The folder of images, beside the assignment that reads it."""
    (tmp_path / "data").mkdir()
    write_assignment(tmp_path)
    return tmp_path / "data"


def write_assignment(home, task="segmentation"):
    (home / "own").mkdir(exist_ok=True)
    (home / "own" / "brief.md").write_text("Segment.\n")
    (home / "own" / "assignment.toml").write_text(ASSIGNMENT.format(task=task))


def data(folder, *words):
    """What `medmark data own` prints, without the lines that say how far it is."""
    home = folder.parent
    output = typed(["data", "own", *words], home, {**os.environ, "MEDMARK_HOME": str(home / "home")})
    message = [line for line in output.err.splitlines() if not line.startswith(("reading ", "looking "))]
    assert "Traceback" not in output.err
    assert "ARRAYS" not in output.err
    return output.code, output.out, "\n".join(message)


def refused(folder, *words):
    """The lines of a refusal, without the folder that its first line names."""
    code, _, message = data(folder, *words)
    assert code == 2, message
    first, *others = message.splitlines()
    assert str(folder) in first
    return [first.replace(str(folder), "data"), *(line.strip() for line in others)]


def doubts(folder, task):
    """What is printed as assumed of a folder that can be used."""
    write_assignment(folder.parent, task)
    code, out, message = data(folder)
    assert (code, message) == (0, "")
    assumed = out.split("Assumed; please check:\n")[1].splitlines()
    return [line.removeprefix("- ") for line in takewhile(lambda line: line.startswith("- "), assumed)]


def volume(i):
    return np.random.default_rng(i).integers(-1000, 2000, (4, 16, 24)).astype(np.int16)


def label(i):
    return (volume(i) > 500).astype(np.uint8)


def table(folder, *rows):
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")


def volumes(folder, count=4):
    """Images and labels with their table; the tests spoil one or two of them."""
    for i in range(count):
        write_nifti(folder / f"im{i}.nii.gz", volume(i))
        write_nifti(folder / f"seg{i}.nii.gz", label(i))
    table(folder, "subject,image,label", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz" for i in range(count)))


HEADING = "data cannot be used as it is (1 problem):"


# The folder


def test_a_folder_that_is_not_there_is_named(folder):
    folder.rmdir()
    (line,) = refused(folder)
    cure = "connect its drive, or correct it. It is relative to the file that names it."
    assert line == f"[data] path: there is no folder data: {cure}"


def test_a_file_in_place_of_the_folder_is_said(folder):
    folder.rmdir()
    folder.write_text("a file")
    (line,) = refused(folder)
    assert "there is no folder data: that is a file; name the folder that it lies in" in line


def test_an_empty_folder_is_said(folder):
    assert refused(folder) == ["data is empty. Copy the images there, or correct [data] path."]


def test_images_without_table_and_layout_get_the_command_that_proposes_a_table(folder):
    write_nifti(folder / "im0.nii.gz", volume(0))
    lines = refused(folder)
    assert lines[0] == "data has no cases.csv, and no layout fits: it has 1 .nii.gz."
    assert lines[2] == f"medmark new ID --data {folder}"
    assert len(lines) == 11  # one for each layout, and three that say what they are


def test_a_folder_without_labels_says_what_the_task_needs(folder):
    volumes(folder)
    table(folder, "subject,image", *(f"P{i},im{i}.nii.gz" for i in range(4)))
    code, _, message = data(folder)
    assert code == 2
    assert f'task = "segmentation" needs label, but {folder}/cases.csv has image.' in message
    assert "Add the ground truth of each case, or name another task." in message


def test_a_folder_that_one_may_not_read_is_said_with_the_command_that_cures_it(monkeypatch, capsys):
    """Root may read everything: so the effective user is nobody, in a folder of its own."""
    nobody = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="medmark-unreadable-") as name:
        images = Path(name, "data")
        images.mkdir()
        write_assignment(images.parent)
        for path in (images.parent, *images.parent.rglob("*")):
            path.chmod(0o755)
        monkeypatch.setattr("sys.argv", ["medmark", "data", str(images.parent / "own")])
        monkeypatch.setenv("MEDMARK_HOME", str(images.parent / "home"))
        with pytest.raises(SystemExit):
            cli.main()  # it imports what nobody may not
        assert "is empty" in capsys.readouterr().err
        images.chmod(0)
        try:
            if nobody:
                os.seteuid(65534)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        finally:
            if nobody:
                os.seteuid(0)
            images.chmod(0o755)
        message = capsys.readouterr().err
        assert ended.value.code == 2
        assert "you may not read this folder or file" in message
        assert f"chmod -R u+rX {images}" in " ".join(message.split())


# The table


def test_columns_that_nobody_knows_are_strata_and_said(folder):
    volumes(folder)
    table(folder, "subject,image,label,site,age", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz,A,{i // 2}" for i in range(4)))
    assert doubts(folder, "segmentation") == ["strata, which the split can balance and reports name: site, age"]


def test_a_stratum_that_no_column_is_named_after_is_said_before_the_split(folder):
    volumes(folder)
    table(folder, "subject,image,label,Site", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz,A" for i in range(4)))
    write_assignment(folder.parent)
    settings = folder.parent / "own" / "assignment.toml"
    settings.write_text(settings.read_text().replace("test = 1", 'test = 1, stratify = ["site"]'))
    code, _, message = data(folder)
    assert code == 2
    assert "stratify names site, but P0 has no such stratum; it has Site" in " ".join(message.split())


def test_columns_that_look_like_reserved_ones_are_all_named_and_nothing_else(folder):
    volumes(folder)
    table(folder, "patient,Image,lable", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz" for i in range(4)))
    lines = refused(folder)
    cures = [("patient", "subject"), ("Image", "image"), ("lable", "label")]
    assert len(lines) == 4
    for line, (column, meant) in zip(lines[1:], cures, strict=True):
        assert line.startswith(f'cases.csv:1 {column}: is not a column that medmark reads, but looks like "{meant}"')
        assert f"name it {meant}" in line


def test_a_subject_in_two_published_parts_is_refused(folder):
    volumes(folder)
    rows = [f"{subject},im{i}.nii.gz,seg{i}.nii.gz,{part}" for i, (subject, part) in enumerate(PARTS)]
    table(folder, "subject,image,label,part", *rows)
    assert refused(folder) == [
        HEADING,
        "cases.csv:3 part: P0 is in test, but in train on line 2; put all cases of a subject into one part; if they "
        "are two patients, give them two names",
    ]


PARTS = [("P0", "train"), ("P0", "test"), ("P2", "train"), ("P3", "test")]


def test_one_file_under_two_subjects_is_refused(folder):
    volumes(folder)
    table(folder, "subject,image,label", "P0,im0.nii.gz,seg0.nii.gz", "P1,im0.nii.gz,seg1.nii.gz")
    assert refused(folder) == [
        HEADING,
        "cases.csv:3 image: im0.nii.gz is a file of P1, and of P0 on line 2; give both the same subject, or correct "
        "the file",
    ]


def test_a_link_that_leads_out_of_the_folder_is_refused(folder):
    volumes(folder)
    elsewhere = folder.parent / "elsewhere.nii.gz"
    (folder / "im1.nii.gz").rename(elsewhere)
    (folder / "im1.nii.gz").symlink_to(elsewhere)
    _, line = refused(folder)
    assert line.startswith("cases.csv:3 image: im1.nii.gz leads outside the folder of the data; copy the file into ")


def test_one_patient_in_two_classes_is_a_doubt(folder):
    pictures = ("benign/P1_a", "malignant/P1_b", "benign/P2_a", "malignant/P3_a", "benign/P4_a")
    for number, name in enumerate(pictures):
        (folder / name).parent.mkdir(exist_ok=True)
        write_picture(folder / f"{name}.png", np.eye(9, dtype=np.uint8) * np.uint8(40 + number))
    write_assignment(folder.parent, "classification")
    _, out, _ = data(folder)
    assert "- subject P1 is in 2 classes (benign, malignant): is this meant?" in out
    assert "more than one class" not in out  # it is said once
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["0"], ["1"])]
    assert [row[:2] for row in rows] == [["0", "benign"], ["1", "malignant"]]  # as the folders name them


# The files


def test_unreadable_files_among_good_ones_are_all_listed_and_reading_goes_on(folder):
    volumes(folder, 8)
    cut(folder / "im0.nii.gz", 600)  # the first case, too
    (folder / "seg2.nii.gz").write_text("no image")
    (folder / "im3.nii.gz").unlink()
    (folder / "im4.nii.gz").write_bytes(b"")
    write_nifti(folder / "seg7.nii.gz", 2 * label(7))
    lines = refused(folder)
    assert lines[0] == "data cannot be used as it is (5 problems):"
    assert lines[1] == "cases.csv:5 image: im3.nii.gz is missing; copy it there, or delete the row"
    assert lines[2] == "cases.csv:6 image: im4.nii.gz is empty; copy it again, or delete the row"
    for line, file, what in zip(
        lines[3:],
        ("im0.nii.gz P0: ", "seg2.nii.gz P2: ", "seg7.nii.gz P7: "),
        ("copy or download it again", "not a gzip file", "holds 0, 2; the classes are 0 to 1; correct the label"),
        strict=True,
    ):
        assert line.startswith(file)
        assert what in line


def test_images_of_which_none_can_be_read_are_listed(folder):
    volumes(folder)
    for i in range(4):
        (folder / f"im{i}.nii.gz").write_text("no image")
    lines = refused(folder)
    assert lines[0] == "data: no image can be read:"
    assert [line.split(":")[0] for line in lines[1:]] == [f"im{i}.nii.gz P{i}" for i in range(4)]


def test_a_spacing_that_is_not_a_number_is_refused(folder):
    volumes(folder)
    edit(write_nifti(folder / "im1.nii", volume(1)), 80, "<f", float("nan"))  # pixdim[1]
    edit(folder / "im1.nii", 252, "<hh", 0, 0)  # without qform and sform it alone says how large a voxel is
    table(folder, "subject,image,label", "P0,im0.nii.gz,seg0.nii.gz", "P1,im1.nii,seg1.nii.gz")
    _, line = refused(folder)
    assert line.startswith("im1.nii P1: its spacing is 3 x 2 x nan mm; correct the header, or convert the original")


def test_a_flipped_label_is_refused(folder):
    volumes(folder)
    affine = nibabel.load(folder / "im1.nii.gz").affine.copy()
    affine[0, 0] *= -1
    write_nifti_as_stored(folder / "seg1.nii.gz", label(1).transpose(2, 1, 0), affine)
    _, line = refused(folder)
    assert line.startswith("seg1.nii.gz P1: ")
    assert "left and right are reversed" in line
    assert line.endswith("resample it to the image, or export both again from one series")


def test_a_4d_file_is_refused_with_the_address_of_one_volume(folder):
    volumes(folder)
    four = np.stack([volume(1).transpose(2, 1, 0)] * 3, axis=-1)
    write_nifti_as_stored(folder / "im1.nii.gz", four, np.diag([1.0, 2.0, 3.0, 1.0]))
    _, line = refused(folder)
    assert line.startswith("im1.nii.gz P1: it has 4 axes (24 x 16 x 4 x 3): a series of volumes, not one; ")
    assert line.endswith("name one volume, such as im1.nii.gz[0]")


def dicom(folder):
    for i, compression in enumerate([None, "RLE", "JPEG2000"]):
        write_dicom_series(folder / f"P{i}", volume(i), compression=compression)
        write_nifti(folder / f"seg{i}.nii.gz", label(i))
    table(folder, "subject,image,label", *(f"P{i},P{i},seg{i}.nii.gz" for i in range(3)))


def test_compressed_dicom_is_read(folder):
    dicom(folder)
    code, out, _ = data(folder)
    assert code == 0
    assert "4 x 16 x 24" in out


def test_compressed_dicom_that_is_damaged_is_refused_with_the_program_that_undoes_it(folder):
    dicom(folder)
    cut(folder / "P2" / "001.dcm", 300)
    _, line = refused(folder)
    assert line.startswith("P2 P2: 001.dcm")
    assert "gdcmconv --raw 001.dcm OUT.dcm" in line, line


def test_an_archive_of_python_objects_is_refused(folder):
    volumes(folder)
    objects = np.empty(2, object)
    objects[:] = [{"a": 1}, "b"]
    write_npz(folder / "im1.npz", images=objects)
    table(folder, "subject,image,label", "P0,im0.nii.gz,seg0.nii.gz", "P1,im1.npz:images[0],seg1.nii.gz")
    _, line = refused(folder)
    assert line.startswith("im1.npz:images[0] P1: it holds Python objects, which could run code when they are read; ")
    assert "save plain numbers" in line


def test_a_label_with_an_unknown_class_is_refused(folder):
    volumes(folder)
    write_nifti(folder / "seg2.nii.gz", 3 * label(2))
    assert refused(folder) == [
        HEADING,
        'seg2.nii.gz P2: holds 0, 3; the classes are 0 to 1; correct the label, or write task = "label_maps"',
    ]


def test_a_slice_among_volumes_is_refused(folder):
    volumes(folder)
    write_picture(folder / "im1.png", np.eye(9, dtype=np.uint8))
    table(folder, "subject,image,label", "P0,im0.nii.gz,seg0.nii.gz", "P1,im1.png,seg1.nii.gz")
    lines = refused(folder)
    assert lines[-1].startswith(
        "im1.png P1: gives image with the axes 9 x 9, and other cases have d h w; all cases need"
    )


def test_equal_pixels_of_two_subjects_in_two_parts_are_named_and_refused(folder):
    volumes(folder)
    shutil.copy(folder / "im0.nii.gz", folder / "im1.nii.gz")  # another label, the same patient
    rows = [f"P{i},im{i}.nii.gz,seg{i}.nii.gz,{'test' if i == 1 else 'train'}" for i in range(4)]
    table(folder, "subject,image,label,part", *rows)
    assert "- equal images of two subjects: P0 and P1; give both one subject" in data(folder)[1]
    assert data(folder, "--split")[0] == 0
    code, out, _ = data(folder)
    assert "equal images of two subjects" not in out  # it is refused now
    assert code == 0
    assert "P0 (train, case 0) and P1 (test, case 0): image" in out
    assert "refused by handout and grade: equal arrays in two parts" in out
    home = folder.parent
    output = typed(["handout", "own", "out"], home, {**os.environ, "MEDMARK_HOME": str(home / "home")})
    assert output.code == 2
    assert "P0 (train, case 0) and P1 (test, case 0): image" in output.err


# Many of them


def test_300_cases_with_50_bad_ones_make_a_short_list_in_a_minute(folder):
    small, mask = phantom((3, 4, 5)), (phantom((3, 4, 5)) > 100).astype(np.uint8)
    for i in range(300):
        write_nifti(folder / f"im{i}.nii.gz", small + np.int16(i))
        write_nifti(folder / f"seg{i}.nii.gz", (3 if i < 40 else 1) * mask)
    for i in range(40, 50):
        cut(folder / f"im{i}.nii.gz", 60)
    table(folder, "subject,image,label", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz" for i in range(300)))
    start = time.monotonic()
    lines = refused(folder)
    assert time.monotonic() - start < 60
    assert lines[0] == "data cannot be used as it is (50 problems):"
    assert len(lines) < 20
    text = " ".join(lines)
    assert all(f"P{i}" in text for i in range(50))
