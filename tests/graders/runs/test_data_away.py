"""Recorded marks can be read while the patients are away: a drive is not connected when the exam board meets."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.patients_course import write_course
from tests.small_course import medmark


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course that was marked; its patients are away since."""
    folder = write_course(tmp_path_factory.mktemp("courses") / "slices", due=timedelta(days=7))
    assert medmark("collect", "slices", "-c", folder).code == 0
    graded = medmark("grade", "slices", "-c", folder, "--trust-submissions", "--json")
    assert graded.code == 0, graded.err
    (folder / "patients").rename(folder / "away")
    return folder, json.loads(graded.out)["marks"]


def test_marks_are_shown_as_they_were_recorded_and_the_absence_is_said(course):
    folder, marks = course
    shown = medmark("show", "slices", "-c", folder, "--json")
    now = json.loads(shown.out)["marks"]
    for before, after in zip(marks, now, strict=True):
        assert (after["group"], after["points"], after["status"]) == (
            before["group"],
            before["points"],
            before["status"],
        )
        assert after["provenance"]["data_digest"] is None
        assert "made_by" in after["provenance"]
    assert "marks are shown as they were recorded" in " ".join(shown.err.split())
    assert "patients" in shown.err


@pytest.mark.parametrize("words", [["report", "slices"], ["explain", "slices", "m0"]])
def test_pages_and_explanations_are_made_of_the_record(course, words):
    folder, _ = course
    output = medmark(*words, "-c", folder)
    assert output.code == 0, output.err


def test_nothing_is_marked_while_they_are_away(course):
    folder, _ = course
    output = medmark("grade", "slices", "-c", folder, "--trust-submissions")
    assert output.code == 2
    assert "patients" in output.err
