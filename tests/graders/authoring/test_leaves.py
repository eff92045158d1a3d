"""What leaves is what a handout writes: files, fields, counts, and texts that name a subject."""

from types import SimpleNamespace

import numpy as np
import pytest

from assignments.data.folder.cases import CaseRow
from assignments.data.folder.dicom_headers import burned_in_subjects
from assignments.data.folder.open_folder import opened_folder
from assignments.data.published import published_cases
from assignments.data.sources import source_of
from assignments.data.split import new_split, write_split
from graders.authoring.handing_out import PlannedHandout
from graders.authoring.leaves import LeavingArray, NamedSubject, leaves_of
from graders.authoring.splitting import data_assignment
from reports.leaves_lines import leaves_grids, leaves_head, leaves_tail
from tests.assignments.data.finite_source import assignment_of, patients
from tests.assignments.data.folder.files import write_dicom_series


def shared(folder, **settings):
    """Eight patients with three slices each: two hidden, one for validation, five for training."""
    patients(folder / "patients", 8, size=16)
    values = {"val": 1, "test": 2, "share": "students", "permission": "Ethics 12/3", **settings}
    home = assignment_of(folder, **values)
    (home.folder / "brief.md").write_text("# Slices\n")
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in values.items()]
    (home.folder / "assignment.toml").write_text(
        'id = "slices"\ntitle = "Slices"\ntask = "segmentation"\n[data]\nsource = "scans.py"\npath = "../patients"\n'
        + "\n".join(lines)
        + '\n[run]\nmode = "retrain"\n[[criterion]]\nid = "report"\nkind = "person"\npoints = 1\n'
    )
    source = source_of(home)
    subjects = source.subjects(source.open(home))
    write_split(home.split_file, new_split(subjects, home.data)[0])
    return home


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def text_of(leaves):
    grids = [" ".join(row) for grid in leaves_grids(leaves) for row in grid.rows]
    return "\n".join([*leaves_head(leaves), *grids, *leaves_tail(leaves)])


def test_the_list_is_what_the_handout_writes(tmp_path):
    home = shared(tmp_path)
    leaves = leaves_of(home)
    written = PlannedHandout(home, published_cases(home)).write(tmp_path / "out", agreed=True)
    archive = tmp_path / "out" / "slices-data.zip"
    inside = [path for path in written if path != archive]
    sizes = {path.relative_to(tmp_path / "out" / "slices").as_posix(): path.stat().st_size for path in inside}
    sizes[archive.name] = archive.stat().st_size
    assert {file.name: file.size for file in leaves.files} == sizes
    assert {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        file.name.split("/")[-1] for file in leaves.files
    }


def test_each_field_is_listed_with_its_cases_and_subjects(tmp_path):
    leaves = leaves_of(shared(tmp_path))
    *train, val = (file for file in leaves.files if file.arrays)
    assert [file.name for file in train] == [f"data/train/{number:04d}.npz" for number in range(5)]
    assert val.name == "data/val/0005.npz"
    assert train[0].arrays == (
        LeavingArray("image", "float32", (3, 16, 16)),
        LeavingArray("label", "uint8", (3, 16, 16)),
        LeavingArray("spacing", "float32", (3, 2)),
        LeavingArray("subject", "int64", (3,)),
    )
    assert [file.subjects for file in (*train, val)] == [(number,) for number in range(6)]
    assert (leaves.cases, leaves.subjects) == (18, 6)


def test_nothing_is_recorded_and_nothing_is_written(tmp_path):
    home = shared(tmp_path)
    before = files(tmp_path)
    leaves_of(home)
    assert files(tmp_path) == before


def test_the_picture_in_the_brief_is_listed_as_a_picture_that_leaves(tmp_path):
    home = shared(tmp_path)
    assert "Pictures and documents: none." in text_of(leaves_of(home))
    (home.folder / "brief.md").write_text("# Slices\n\n{{ picture }}\n")
    assert "Pictures and documents: brief.png." in text_of(leaves_of(home))


def test_a_text_that_names_a_subject_is_named(tmp_path):
    home = shared(tmp_path)
    (home.folder / "brief.md").write_text("# Slices\n\nLook at P003, and at XP0031.\n")
    leaves = leaves_of(home)
    assert leaves.named == (NamedSubject("brief.md", 3, "P003"),)
    assert "Texts name subjects: P003 (brief.md, line 3)." in text_of(leaves)


def test_bytes_of_the_wheel_that_spell_a_subject_are_no_text(tmp_path, monkeypatch):
    """In half a megabyte of compressed bytes, nearly every course of 100 patients with short names finds one."""

    def wheel(folder):
        (folder / "medmark.whl").write_bytes(b"\x00 P003 \xff")
        return folder / "medmark.whl"

    monkeypatch.setattr("graders.authoring.handing_out.student_wheel", wheel)
    leaves = leaves_of(shared(tmp_path))
    assert "medmark.whl" in {file.name for file in leaves.files}
    assert leaves.named == ()


def test_what_is_not_checked_is_said(tmp_path):
    text = text_of(leaves_of(shared(tmp_path)))
    assert 'share = "students": 18 cases of 6 subjects leave this machine, for students.' in text
    assert "Permitted: Ethics 12/3" in text
    assert "no case, but for hidden ones that you show with medmark return slices --show-cases N" in text
    assert "NOT CHECKED: faces, burned-in text, and whether the pixels themselves identify anybody." in text
    assert "What files say of burned-in text is not known" in text
    assert "No text of the handout names a subject." in text
    assert "P00" not in text


def test_where_nobody_may_have_the_cases_none_leaves(tmp_path):
    home = shared(tmp_path, share="none", permission="")
    leaves = leaves_of(home)
    text = text_of(leaves)
    assert leaves.kind == "phantoms"
    assert 'share = "none": no case of scans.py leaves this machine.' in text
    assert f"In their place the handout holds {leaves.cases} phantoms." in text
    assert "NOT CHECKED" not in text
    assert "Pages for students and leaderboards: no case, and no picture of one." in text


def test_cases_of_many_shapes_are_one_line(tmp_path):
    home = shared(tmp_path)
    for number in range(8):
        image = np.random.default_rng(number).normal(size=(1, 16 + number, 16)).astype(np.float32)
        np.savez(tmp_path / "patients" / f"P00{number}.npz", image=image, label=(image > 0).astype(np.uint8))
    files, fields = leaves_grids(leaves_of(home))
    [row] = [row for row in files.rows if row[0] == "data/train/*.npz, 5 files"]
    assert row[2:] == ("5", "5")
    [image] = [row for row in fields.rows if row[:2] == ("data/train/*.npz, 5 files", "image")]
    assert image[3].endswith("x 16, 5 shapes")


def test_a_file_of_one_case_counts_as_one_whatever_its_first_axis(tmp_path):
    home = shared(tmp_path)
    for number in range(8):
        image = np.random.default_rng(number).normal(size=(1, 16 + number, 16)).astype(np.float32)
        np.savez(tmp_path / "patients" / f"P00{number}.npz", image=image, label=(image > 0).astype(np.uint8))
    files, _ = leaves_grids(leaves_of(home))
    [row] = [row for row in files.rows if row[0] == "data/val/0005.npz"]
    assert row[2:] == ("1", "1")


@pytest.mark.parametrize("flag", ["YES", "NO", None])
def test_what_dicom_says_of_burned_in_text_is_repeated(tmp_path, flag):
    for number in range(6):
        image = np.random.default_rng(number).integers(0, 99, (3, 16, 16)).astype(np.int16)
        fields = {"BurnedInAnnotation": flag} if flag and number == 2 else {}
        write_dicom_series(tmp_path / "patients" / f"P{number}", image, **fields)
    rows = "".join(f"PAT{number},P{number},{number % 2}\n" for number in range(6))
    (tmp_path / "patients" / "cases.csv").write_text("subject,image,class\n" + rows)
    home = assignment_of(tmp_path, share="students", permission="Ethics 12/3")
    settings = home.data.model_copy(update={"source": "folder", "classes": ("well", "ill")})
    home = home.model_copy(update={"data": settings, "task": "classification"})
    says = burned_in_subjects(opened_folder(home))
    assert says == {f"PAT{number}": flag == "YES" and number == 2 for number in range(6)}


def test_an_index_of_a_disc_does_not_hide_what_the_slices_say(tmp_path):
    """`DICOMDIR` comes first in the order of names, is DICOM, and says nothing of a picture."""
    image = np.zeros((3, 16, 16), np.int16)
    names = ["IM0", "IM1", "IM2"]
    folder = write_dicom_series(tmp_path / "P0", image, names=names, BurnedInAnnotation="YES")
    index = write_dicom_series(tmp_path / "other", image) / "000.dcm"
    index.rename(folder / "DICOMDIR")
    row = CaseRow("P0", "P0", {"image": "P0"})
    opened = SimpleNamespace(rows={"P0": (row,)}, table=SimpleNamespace(folder=tmp_path))
    assert burned_in_subjects(opened) == {"P0": True}


def test_a_catalogue_assignment_has_no_patients():
    leaves = leaves_of(data_assignment("mlp_classifier", None))
    assert not leaves.of_patients
    assert "which are public or drawn by a program" in text_of(leaves)
