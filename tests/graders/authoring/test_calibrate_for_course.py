"""Anchors for the cases that a course sets are measured on these, and stored with the course."""

import json

import pytest

from assignments.errors import UserError
from assignments.load import load
from graders.authoring.calibrate import calibrate_for_course
from graders.record.calibration import calibration_path
from tests.example_folders import EXAMPLES
from tests.other_cases_made import APPLICATIONS, write_assignment
from tests.small_course import medmark, write_roster

COURSE = """\
title = "Own"
year = "2027"
[access]
allow_file = true
[assignments.own]
source = "own"
deadline = 2027-01-15T12:00:00
"""
PATIENTS = """\
[assignments.own.data]
source = "folder"
path = "patients"
test = 2
share = "students"
permission = "committee"
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    folder = tmp_path / "course"
    assert medmark("init", folder).code == 0
    write_assignment(folder, APPLICATIONS["synthesis"])
    write_roster(folder, {"g1": {"README.md": "Nothing yet.\n"}})
    EXAMPLES["paired_mr"](folder / "patients")
    (folder / "course.toml").write_text(COURSE + PATIENTS)
    assert medmark("data", "own", "-c", folder, "--split", "--yes").code == 0
    return folder


def test_the_scores_are_those_on_the_patients_and_the_assignments_own_stay(course):
    lines = calibrate_for_course("own", course)
    stored = json.loads((course / "hidden" / "own.calibration.json").read_text())
    scores = stored["references"]["numpy"]["accuracy"]
    assert len(set(scores)) == 1  # the same hidden patients in each draw, and an answer that never varies
    # The reference answers 0.9; the target is 1, or 0.7 where T1 is bright: every error is 0.1 or 0.2.
    assert 0.1 <= scores[0] <= 0.2
    assert any(line.startswith("calibration of accuracy in numpy: ") for line in lines)
    assert lines[-1].endswith("course.toml: [assignments.own.anchors.accuracy]")
    assert not (course / "own" / "proofs").exists()
    assert calibration_path(load(course / "own")) == course / "own" / "proofs" / "calibration.json"


def test_a_course_without_cases_of_its_own_has_nothing_to_measure(course):
    (course / "course.toml").write_text(COURSE)
    with pytest.raises(UserError, match="sets no other cases for own, so its anchors are those of the assignment"):
        calibrate_for_course("own", course)


@pytest.mark.parametrize("others", [[], ["--calibrate", "--record"], ["--calibrate", "--only", "starter"]])
def test_the_command_measures_anchors_for_a_course_and_does_nothing_else(course, others):
    output = medmark("rehearse", "own", "-c", course, *others)
    assert output.code == 2
    assert "write it with --calibrate, and with no other option but --framework" in " ".join(output.err.split())
