"""Cases that a course sets fit the assignment's interface, or are refused with a cure before anything runs on them."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from assignments.data.misfits import refuse_misfits
from assignments.data.prepared import opened_source
from assignments.data.published import published_cases
from assignments.data.sources import source_of
from assignments.data.stand_ins import small_cases
from assignments.derived.interface import interface_text, solution_interface
from assignments.errors import UserError
from graders.authoring.splitting import proposed_split
from tests.other_cases_made import APPLICATIONS, as_a_course_sets, write_assignment


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def arrays_of(assignment):
    source = source_of(assignment)
    return source.arrays(opened_source(assignment, source))


def edit_table(folder, edit):
    table = folder / "patients" / "cases.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text("\n".join(",".join(row) for row in edit(rows)) + "\n")


def without(name):
    def edit(rows):
        at = rows[0].index(name)
        return [row[:at] + row[at + 1 :] for row in rows]

    return edit


@pytest.mark.parametrize("name", APPLICATIONS)
def test_true_formats_of_another_size_fit_and_are_published(tmp_path, name):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS[name], val=1)
    refuse_misfits(assignment, arrays_of(assignment))
    proposed_split(assignment, "split").write()
    published = published_cases(assignment)
    assert published.kind == "shared"
    assert set(published.train) >= set(source_of(assignment.as_written).declared) - {"spacing"}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_interface_and_small_cases_stay_those_of_the_assignment(tmp_path, name):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS[name])
    assert interface_text(assignment) == interface_text(assignment.as_written)
    drawn = [
        small_cases(each, solution_interface(each), (), 3, np.random.default_rng(0))
        for each in (assignment, assignment.as_written)
    ]
    assert drawn[0].keys() == drawn[1].keys()
    assert all(np.array_equal(drawn[0][key], drawn[1][key]) for key in drawn[0])


def test_volumes_in_place_of_slices_are_refused_with_the_column_that_picks_one(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"])
    edit_table(tmp_path, without("volume_slice"))
    edit_table(tmp_path, lambda rows: [rows[0], *rows[1::2]])
    with pytest.raises(UserError) as error:
        refuse_misfits(assignment, arrays_of(assignment))
    assert "image has the axes (d, h, w) float32, and (h, w) float32 is needed: add the column volume_slice" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("name", "column", "says"),
    [
        ("synthesis", "target_mask", "mask is missing: add the column target_mask"),
        ("registration", "landmarks", "landmarks is missing: add the column landmarks"),
    ],
)
def test_a_missing_column_is_named_when_the_subjects_are_split(tmp_path, name, column, says):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS[name])
    edit_table(tmp_path, without(column))
    with pytest.raises(UserError, match=f"do not fit own, whose interface stays as it is:\n  {says}"):
        proposed_split(assignment, "split")
    assert not assignment.split_file.exists()


def test_cases_of_several_sizes_are_refused_where_fit_receives_no_lists(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["segmentation"])
    for kind in ("image", "label"):
        path = tmp_path / "patients" / f"{kind}_train00.npy"
        np.save(path, np.load(path)[:, :64])
    proposed_split(assignment, "split").write()
    with pytest.raises(UserError, match=r"image has several sizes, 32 x 64 x 128 to 32 x 128 x 128: write size = \["):
        published_cases(assignment)
    sized = as_a_course_sets(tmp_path, APPLICATIONS["segmentation"], size=(16, 32, 32))
    assert published_cases(sized).train["image"].shape[1:] == (16, 32, 32)


def test_a_size_that_the_interface_fixes_is_needed(tmp_path):
    text = APPLICATIONS["synthesis"].files()["drawn.py"].replace('"h w"', '"8 8"')
    write_assignment(tmp_path, APPLICATIONS["synthesis"], **{"drawn.py": text})
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"])
    proposed_split(assignment, "split").write()
    with pytest.raises(UserError, match=r"image is 20 x 24, and \(8, 8\) is needed: write size"):
        published_cases(assignment)
    assert published_cases(as_a_course_sets(tmp_path, APPLICATIONS["synthesis"], size=(8, 8))).kind == "shared"


def test_a_target_beyond_the_range_of_its_metric_is_refused(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"])
    for path in (tmp_path / "patients").glob("*_T2.nii.gz"):
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(1200 * image.get_fdata(dtype=np.float32), image.affine), path)
    proposed_split(assignment, "split").write()
    with pytest.raises(UserError, match=r"target ranges from 0 to 1200, and mae@1 is for a range of 1: write window"):
        published_cases(assignment)
    windowed = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"], window=(600.0, 1200.0))
    assert published_cases(windowed).train["target"].max() == 1


@pytest.mark.parametrize("own", [False, True])
def test_a_metric_in_mm_needs_files_with_a_spacing(tmp_path, own):
    pairs = APPLICATIONS["registration"]
    arrays = pairs.arrays + '\n    "spacing": Axes("float32", "2"),'
    drawn = pairs.drawn + ', "spacing": np.ones((n, 2), np.float32)'
    assignment = as_a_course_sets(tmp_path, replace(pairs, metric="tre", arrays=arrays, drawn=drawn))
    arrays = {key: axes for key, axes in arrays_of(assignment).items() if key != "spacing"}
    refuse_misfits(assignment, arrays_of(assignment))
    if own:
        assignment = assignment.model_copy(update={"own_data": None})
    with pytest.raises(UserError, match=r"spacing is missing(, and tre measures by it)?: save the images"):
        refuse_misfits(assignment, arrays)


def test_another_number_of_classes_is_refused(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["classification"], classes=("head", "other"))
    with pytest.raises(UserError, match="classes names 2 classes, and own has 4"):
        refuse_misfits(assignment, {})


def test_without_leave_to_share_students_get_the_phantoms_that_the_assignment_draws(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["registration"], run={"mode": "retrain"}, share="none")
    proposed_split(assignment, "split").write()
    published = published_cases(assignment)
    assert published.kind == "phantoms"
    assert sum(published.counts[:1]) == 8  # as many as the assignment draws to train on
    assert published.train["fixed"].shape[1:] == (8, 8)
