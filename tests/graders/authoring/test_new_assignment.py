"""An assignment from a folder of images: a proposal, and after a yes files that load and split as they are."""

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.hidden import hidden_set
from assignments.data.split import read_split
from assignments.errors import UserError
from assignments.interface import read_interface
from assignments.load import load
from graders.authoring.data_summary import data_summary
from graders.authoring.new_assignment import new_assignment
from graders.authoring.shown_data import shown_data
from graders.authoring.splitting import proposed_split
from graders.authoring.unusual_data import unusual
from graders.metrics import METRICS
from graders.record.manifest import declared_set
from graders.tasks import TASKS
from reports.proposal import proposal_lines
from tests.assignments.data.folder.files import phantom, write_nifti, write_picture

SECRET = b"s" * 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def written(tmp_path, task=None) -> Assignment:
    new = new_assignment("own", tmp_path / "images", tmp_path, task)
    new.write()
    assignment = load(tmp_path / "own", tasks=TASKS, metrics=METRICS, sources=("folder",))
    proposed_split(assignment, "split").write()
    return assignment


def volumes(tmp_path, classes=1):
    (tmp_path / "images").mkdir()
    for i in range(8):
        volume = phantom((3, 4, 5 + i % 2)) + i
        write_nifti(tmp_path / f"images/P{i}_ct.nii.gz", volume)
        write_nifti(tmp_path / f"images/P{i}_seg.nii.gz", (volume % (classes + 1)).astype(np.uint8))


def pictures(tmp_path):
    for name in ("naevus", "melanoma"):
        (tmp_path / "images" / name).mkdir(parents=True)
    for i in range(12):
        picture = np.full((9, 9), 20 * i, np.uint8) + np.eye(9, dtype=np.uint8)
        write_picture(tmp_path / f"images/{('naevus', 'melanoma')[i % 2]}/p{i}_a.png", picture)


def test_pairs_with_landmarks_and_no_labels_are_judged_by_their_distance(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    rows = ["subject,fixed,moving,landmarks"]
    for i in range(6):
        for name in ("in", "ex"):
            write_nifti(images / f"L{i}_{name}.nii.gz", phantom((3, 4, 5)) + i)
        (images / f"L{i}.csv").write_text("fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n1,2,3,1,2,4\n")
        rows.append(f"L{i},L{i}_in.nii.gz,L{i}_ex.nii.gz,L{i}.csv")
    (images / "cases.csv").write_text("\n".join(rows) + "\n")
    assignment = written(tmp_path)
    assert (assignment.task, assignment.criterion("accuracy").metric) == ("registration", "tre")
    hidden = declared_set(assignment, read_interface(assignment.folder / "interface.py"), SECRET, 0)
    assert "labels" not in hidden.inputs
    assert not [note for note in unusual(data_summary(shown_data(assignment))) if "labels" in note]


@pytest.mark.parametrize(("classes", "task"), [(1, "segmentation"), (3, "label_maps")])
def test_volumes_with_labels_become_an_assignment_whose_cases_fit_its_interface(tmp_path, classes, task):
    volumes(tmp_path, classes)
    assignment = written(tmp_path)
    assert assignment.task == task
    interface = read_interface(assignment.folder / "interface.py")
    assert interface.functions["fit"].signature.parameters["log"].default is None
    hidden = declared_set(assignment, interface, SECRET, 0)
    assert len(hidden.cases) == 2
    assert hidden.inputs["image"][0].shape[:2] == (3, 4)


def test_pictures_in_folders_of_classes_are_a_layout_that_needs_no_table(tmp_path):
    pictures(tmp_path)
    assignment = written(tmp_path)
    assert assignment.task == "classification"
    assert not (tmp_path / "images" / "cases.csv").exists()
    hidden = hidden_set(assignment, SECRET, 0, ("image",), "y")
    assert len(hidden.cases) == 3


def test_nothing_is_written_before_it_is_agreed_to(tmp_path):
    volumes(tmp_path)
    new = new_assignment("own", tmp_path / "images", tmp_path)
    assert new.new_table == new.table.folder / "cases.csv"
    assert any("is P0_seg.nii.gz the label of P0_ct.nii.gz?" in question for question in new.table.questions)
    assert not (tmp_path / "own").exists()
    assert not (tmp_path / "images" / "cases.csv").exists()


def test_images_without_labels_get_a_table_to_fill_in_and_no_assignment(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(3):
        write_picture(tmp_path / f"images/P{i}.png", np.full((9, 9), 20 * i, np.uint8))
    new = new_assignment("own", tmp_path / "images", tmp_path)
    lines = list(proposal_lines(new))
    assert lines[0].endswith("3 cases of 3 subjects; no ground truth was recognised")
    assert lines[-1] == f"With your yes, this writes {tmp_path / 'images' / 'cases.csv'}"
    with pytest.raises(UserError, match="has no ground truth: fill in a column label"):
        new.write()
    assert (tmp_path / "images/cases.csv").is_file()
    assert not (tmp_path / "own").exists()


def unusual_lines(tmp_path, table):
    (tmp_path / "images/cases.csv").write_text(table)
    new_assignment("own", tmp_path / "images", tmp_path).write()
    assignment = load(tmp_path / "own", tasks=TASKS, metrics=METRICS, sources=("folder",))
    return list(unusual(data_summary(shown_data(assignment))))


def test_a_target_that_is_its_image_or_constant_or_one_number_is_unusual(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(4):
        write_nifti(tmp_path / f"images/a{i}.nii.gz", phantom() + i)
        write_nifti(tmp_path / f"images/b{i}.nii.gz", (phantom() + i) * (0 if i == 3 else 2))
    rows = "".join(f"P{i},a{i}.nii.gz,{'a' if i == 1 else 'b'}{i}.nii.gz\n" for i in range(4))
    lines = unusual_lines(tmp_path, "subject,image,target_image\n" + rows)
    assert lines == ["target has one value only in 1 case: P3, case 0", "target equals image in 1 case: P1, case 0"]


def test_a_regression_to_one_number_is_unusual(tmp_path):
    (tmp_path / "images").mkdir()
    rows = "".join(f"P{i},{40 + i},2.5\n" for i in range(4))
    assert unusual_lines(tmp_path, "subject,feature:age,target\n" + rows) == ["y is 2.5 in all 4 cases"]


def test_a_table_that_is_there_is_never_replaced(tmp_path):
    volumes(tmp_path)
    own = "subject,image,label\n" + "".join(f"P{i},P{i}_ct.nii.gz,P{i}_seg.nii.gz\n" for i in range(6))
    (tmp_path / "images" / "cases.csv").write_text(own)
    written(tmp_path)
    assert (tmp_path / "images" / "cases.csv").read_text() == own


def test_a_table_that_is_there_says_the_cases_and_the_task(tmp_path):
    pictures(tmp_path)
    rows = [f"P{i},melanoma/p{i}_a.png,{i / 2}\n" for i in (1, 3, 5)]
    (tmp_path / "images" / "cases.csv").write_text("subject,image,target\n" + "".join(rows))
    new = new_assignment("own", tmp_path / "images", tmp_path)
    assert [row.subject for row in new.table.rows] == ["P1", "P3", "P5"]
    assert (new.task, new.new_table) == ("regression", None)


def test_all_that_is_wrong_with_a_table_that_is_there_is_shown(tmp_path):
    volumes(tmp_path)
    (tmp_path / "images" / "cases.csv").write_text("subject,image,label\nP0,P0_ct.nii.gz,gone.nii.gz\n")
    questions = new_assignment("own", tmp_path / "images", tmp_path).table.questions
    assert "cases.csv:2 label: gone.nii.gz is missing; copy it there, or delete the row" in questions


def test_an_empty_table_is_deleted_before_a_proposal_is_asked_for(tmp_path):
    volumes(tmp_path)
    (tmp_path / "images" / "cases.csv").write_text("")
    questions = new_assignment("own", tmp_path / "images", tmp_path).table.questions
    assert any("or delete it and run `medmark new ID --data" in question for question in questions)


def test_nothing_is_unusual_about_volumes_of_a_new_assignment_that_differ_in_size(tmp_path):
    volumes(tmp_path)
    assert not [line for line in unusual(data_summary(shown_data(written(tmp_path)))) if "interface.py" in line]


@pytest.mark.parametrize(
    ("id", "task", "says"),
    [
        ("My Data", None, '"My Data" cannot be an id'),
        ("own", "segmentaton", 'did you mean "segmentation"'),
        ("own", "instances", "cannot start the task instances"),
    ],
)
def test_what_cannot_be_started_is_said(tmp_path, id, task, says):
    volumes(tmp_path)
    with pytest.raises(UserError, match=says):
        new_assignment(id, tmp_path / "images", tmp_path, task)


def test_an_assignment_that_is_there_is_not_overwritten(tmp_path):
    volumes(tmp_path)
    written(tmp_path)
    with pytest.raises(UserError, match="is there already; choose another id"):
        new_assignment("own", tmp_path / "images", tmp_path)


def test_a_published_split_without_a_validation_part_leaves_none(tmp_path):
    volumes(tmp_path)
    rows = [f"P{i},P{i}_ct.nii.gz,P{i}_seg.nii.gz,{'test' if i < 2 else 'train'}" for i in range(8)]
    (tmp_path / "images/cases.csv").write_text("\n".join(["subject,image,label,part", *rows]) + "\n")
    assignment = written(tmp_path)
    assert assignment.data.val == 0
    assert set(read_split(assignment.split_file).of("test")) == {"P0", "P1"}
