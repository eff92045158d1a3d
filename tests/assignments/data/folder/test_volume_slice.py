"""A row may take one slice of its volumes, with its label, mask and place in the patient."""

import numpy as np
import pytest

from assignments.data.folder.geometry import slice_of
from assignments.data.folder.image import Facts, Image
from assignments.data.prepared import loaded, opened_source
from assignments.data.problem_list import SubjectProblems
from assignments.data.sources import source_of
from tests.example_folders import organ, scan
from tests.other_cases_made import APPLICATIONS, as_a_course_sets


def cases_of(assignment, subject="P0"):
    source = source_of(assignment)
    opened = opened_source(assignment, source)
    return loaded(source, opened, subject, source.arrays(opened))


def test_a_slice_keeps_its_spacing_and_lies_where_it_lay():
    affine = np.diag([4.0, 2.0, 1.0, 1.0])
    volume = Image(np.arange(24).reshape(2, 3, 4), "d h w", affine, (4.0, 2.0, 1.0), "RAS", Facts("NIfTI"))
    taken = slice_of(volume, 1)
    assert (taken.axes, taken.spatial, taken.spacing_mm) == ("h w", (3, 4), (2.0, 1.0))
    assert np.array_equal(taken.array, volume.array[1])
    assert np.allclose(taken.affine @ [0, 2, 3, 1], affine @ [1, 2, 3, 1])


def test_image_target_and_mask_are_of_the_slice_that_the_row_names(tmp_path):
    first, second = cases_of(as_a_course_sets(tmp_path, APPLICATIONS["synthesis"]))
    for case, number in ((first, 2), (second, 3)):
        assert np.array_equal(case["image"], scan(0)[number])
        assert np.array_equal(case["mask"], organ(0)[number])


@pytest.mark.parametrize(
    ("number", "says"),
    [("6", "it has no slice 6"), ("-1", '"-1" is not a whole number'), ("2.5", "not a whole number")],
)
def test_a_slice_that_is_not_there_is_a_problem_of_its_row(tmp_path, number, says):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"])
    table = tmp_path / "patients" / "cases.csv"
    table.write_text(table.read_text().replace("P0_brain.nii.gz,2", f"P0_brain.nii.gz,{number}"))
    source = source_of(assignment)
    opened = opened_source(assignment, source)
    problems = " ".join(str(problem) for problem in source.problems(opened))
    if not problems:
        with pytest.raises(SubjectProblems) as error:
            cases_of(assignment)
        problems = str(error.value) + " ".join(map(str, error.value.problems))
    assert says in problems


def test_a_mask_of_other_numbers_than_0_and_1_is_refused(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"])
    table = tmp_path / "patients" / "cases.csv"
    table.write_text(table.read_text().replace("P0_brain", "P0_T1"))
    with pytest.raises(SubjectProblems) as error:
        cases_of(assignment)
    assert "save 1 where an answer counts, and 0 elsewhere" in " ".join(map(str, error.value.problems))
