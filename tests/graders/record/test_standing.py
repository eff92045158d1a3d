"""An assignment's standing: the stored rehearsal, and what makes it old."""

from __future__ import annotations

from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.folders import CATALOGUE, catalogue
from assignments.load import load
from graders.authoring import calibrate as calibration
from graders.record.rehearsal import Gap, Rehearsal
from graders.record.standing import record, standing

TOML = """\
id = "essay"
title = "Essay"
task = "classification"
[data]
source = "breast_cancer"
train = 1
test = 1
[run]
mode = "weights"
[[criterion]]
id = "essay"
kind = "person"
points = 100
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "assignment.toml").write_text(TOML)
    (tmp_path / "brief.md").write_text("Write.\n")
    (tmp_path / "points.py").write_text("A = 1\n")
    return load(tmp_path)


def rehearsal(*gaps: Gap) -> Rehearsal:
    return Rehearsal("essay", "Essay", False, "", {}, (), {}, {}, gaps)


def test_an_assignment_that_was_never_rehearsed_does_not_stand(assignment: Assignment) -> None:
    found = standing(assignment)
    assert (found.rehearsed_at, found.holds, found.gaps) == (None, False, ("it has not been rehearsed",))


def test_a_rehearsed_assignment_stands_and_tells_its_gaps(assignment: Assignment) -> None:
    record(assignment, rehearsal(Gap("mutant", "test_a", "passes", "ask more")))
    found = standing(assignment)
    assert found.holds
    assert found.as_json()["gaps"] == ["test_a: passes; ask more"]


def test_a_rehearsal_that_did_not_pass_does_not_stand(assignment: Assignment) -> None:
    record(assignment, rehearsal(Gap("starter", "starter", "is missing", "write it", "every assignment")))
    assert (standing(assignment).fresh, standing(assignment).holds) == (True, False)


def test_code_makes_a_rehearsal_old_and_words_do_not(assignment: Assignment) -> None:
    record(assignment, rehearsal())
    (assignment.folder / "brief.md").write_text("Write well.\n")
    (assignment.folder / "points.py").write_text("# One.\nA = 1\n")
    assert standing(assignment).fresh
    (assignment.folder / "points.py").write_text("A = 2\n")
    assert not standing(assignment).fresh


@pytest.mark.parametrize("text", ["{", "[]", '{"key": "x"}'])
def test_a_damaged_record_proves_nothing(assignment: Assignment, text: str) -> None:
    (assignment.folder / "rehearsal.json").write_text(text)
    assert not standing(assignment).holds


@pytest.mark.parametrize("name", catalogue())
def test_what_the_catalogue_hands_out_was_calibrated_and_rehearsed_as_it_is(name: str) -> None:
    assignment = load(CATALOGUE / name)
    assert standing(assignment).holds
    assert calibration.gaps(assignment) == []
