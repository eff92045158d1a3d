"""Which public cases a solution predicts: a few that every group has, and images alone."""

from pathlib import Path

import numpy as np
import pytest

from assignments.data.published import published_cases
from assignments.derived.interface import solution_interface
from assignments.folders import find
from assignments.load import load
from graders.asking.ceiling import ceiling
from graders.tasks.hidden_cases import drawn_set
from graders.tasks.public_set import MOST, may_have_public_set, public_set
from tests.assignments.data.scans_folder import write_folder
from tests.patients_course import PERMITTED
from tests.small_course import medmark

PROSTATE = load(find("prostate_unet", Path.cwd()))
FEW = PROSTATE.model_copy(update={"data": PROSTATE.data.model_copy(update={"train": 10, "test": 2})})
INTERFACE = solution_interface(PROSTATE)


def test_they_are_the_validation_cases_of_the_handout():
    public, handout = public_set(FEW, INTERFACE), published_cases(FEW)
    assert np.array_equal(public.set.inputs["image"], handout.val["image"])
    assert np.array_equal(public.set.truth, handout.val["label"])
    assert set(public.set.inputs) == set(INTERFACE.fields("predict", "inputs"))


def test_training_cases_that_were_drawn_already_give_the_same_ones():
    hidden = drawn_set(FEW, INTERFACE, b"of this test", 0)
    again = public_set(FEW, INTERFACE, hidden=hidden)
    assert again.inputs_digest == public_set(FEW, INTERFACE).inputs_digest
    of_a_draw = FEW.model_copy(update={"data": FEW.data.model_copy(update={"redraw": True})})
    redrawn = drawn_set(of_a_draw, INTERFACE, b"of this test", 0)
    assert public_set(of_a_draw, INTERFACE, hidden=redrawn).inputs_digest == again.inputs_digest


def test_no_hidden_case_is_among_them():
    hidden = drawn_set(FEW, INTERFACE, b"of this test", 0)
    images = {image.tobytes() for image in hidden.inputs["image"]}
    assert images.isdisjoint({image.tobytes() for image in public_set(FEW, INTERFACE).set.inputs["image"]})


def test_of_many_cases_a_dozen_spread_over_all():
    many = PROSTATE.model_copy(update={"data": PROSTATE.data.model_copy(update={"train": 20, "val": 14, "test": 2})})
    public, val = public_set(many, INTERFACE), published_cases(many).val
    assert (len(val["image"]), len(public.set.cases)) == (14, MOST)
    assert np.array_equal(public.set.inputs["image"][[0, -1]], val["image"][[0, -1]])


def test_rows_of_a_table_are_no_pictures():
    mlp = load(find("mlp_classifier", Path.cwd()))
    assert not may_have_public_set(mlp)
    assert public_set(mlp, solution_interface(mlp)) is None


@pytest.fixture
def slices(tmp_path):
    def slices(data):
        write_folder(tmp_path, data=data)
        assert medmark("data", tmp_path / "slices", "--split").code == 0
        return load(tmp_path / "slices")

    return slices


def test_of_patients_that_students_have_there_are_some(slices):
    of = slices(PERMITTED)
    public = public_set(of, solution_interface(of))
    assert 0 < len(public.set.cases) <= MOST


def test_of_patients_whom_nobody_may_have_there_is_none(slices):
    of = slices("")
    assert public_set(of, solution_interface(of)) is None


def test_the_ceiling_holds_a_worker_that_public_cases_end():
    limit = PROSTATE.limits.cpu_s
    assert ceiling(PROSTATE, []).cpu_s == limit + 1.25 * limit
