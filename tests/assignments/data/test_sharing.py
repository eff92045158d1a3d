"""Who may have the cases: patients stay by default, and settings that contradict it are errors of loading."""

from __future__ import annotations

import pytest

from assignments.data.sharing import sharing_of, shows_patients
from assignments.errors import UserError
from assignments.load import load, overridden
from graders.tasks import TASKS
from tests.assignments.data.finite_source import assignment_of
from tests.assignments.data.scans_folder import write_folder

DRAWN = """
import numpy as np
from assignments.data.source import Axes
ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth"), "spacing": Axes("float32", "2")}

def draw(n, rng):
    image = rng.normal(size=(n, 12, 12)).astype(np.float32)
    return {"image": image, "label": (image > 0).astype(np.uint8), "spacing": np.ones((n, 2), np.float32)}
"""
PERMITTED = 'share = "students"\npermission = "Ethics committee, 2026-03-04"\n'


def loaded(tmp_path, **changes):
    return load(write_folder(tmp_path, **changes), tasks=TASKS)


def test_patients_of_a_folder_stay_unless_the_author_shares_them(tmp_path):
    assignment = loaded(tmp_path)
    assert (sharing_of(assignment), shows_patients(assignment)) == ("none", True)
    assert sharing_of(loaded(tmp_path, data=PERMITTED)) == "students"


@pytest.mark.parametrize(
    ("source", "share", "patients"), [("prostate_mr", "public", False), ("promise12", "public", False)]
)
def test_phantoms_and_public_cases_are_for_anybody(tmp_path, source, share, patients):
    assignment = assignment_of(tmp_path)
    assignment = assignment.model_copy(update={"data": assignment.data.model_copy(update={"source": source})})
    assert (sharing_of(assignment), shows_patients(assignment)) == (share, patients)


def test_an_author_may_keep_what_is_drawn_too(tmp_path):
    assignment = loaded(tmp_path, source=DRAWN, data='share = "none"\ntrain = 5\n')
    assert sharing_of(assignment) == "none"
    assert sharing_of(loaded(tmp_path, source=DRAWN, data="train = 5\n")) == "public"


@pytest.mark.parametrize("permission", ["", 'permission = "  "\n'])
@pytest.mark.parametrize("share", ["students", "public"])
def test_sharing_patients_needs_a_permission(tmp_path, share, permission):
    folder = write_folder(tmp_path, data=f'share = "{share}"\n{permission}')
    with pytest.raises(UserError) as caught:
        load(folder, tasks=TASKS)
    line = 1 + (folder / "assignment.toml").read_text().splitlines().index(f'share = "{share}"')
    assert str(caught.value) == (
        f'{folder / "assignment.toml"}:{line} data.share: is "{share}", but nothing says who permitted that the cases '
        'of these subjects leave this machine; write permission = "who permitted it, and when", or remove share: the '
        "cases then stay here"
    )


@pytest.mark.parametrize(("data", "says"), [("", "is not set, which means"), ('share = "none"\n', 'is "none"')])
def test_students_without_data_bring_no_weights(tmp_path, data, says):
    with pytest.raises(UserError, match=f'data.share: {says}.*run.mode is "weights".*write mode = "retrain"'):
        loaded(tmp_path, data=data, mode="weights")
    loaded(tmp_path, data=PERMITTED, mode="weights")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"share": "students"}}, r"course.toml assignments.slices.data.share: .*who permitted"),
        ({"run": {"mode": "weights"}}, r"course.toml assignments.slices.data.share: .*mode = \"retrain\""),
    ],
)
def test_a_course_cannot_set_what_an_assignment_may_not(tmp_path, changes, says):
    assignment = loaded(tmp_path)
    with pytest.raises(UserError, match=says):
        overridden(assignment, **changes, file=tmp_path / "course.toml", key="assignments.slices")


def test_a_course_may_permit_it(tmp_path):
    data = {"share": "students", "permission": "The board, 2026-05-01"}
    changed = overridden(loaded(tmp_path), data=data, file=tmp_path / "course.toml", key="assignments.slices")
    assert sharing_of(changed) == "students"
