"""Hidden cases with returned marks: never early, the same for all, and their patients are spent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assignments.data.split import Split, read_split, write_split
from assignments.errors import UserError
from graders.course.course import load_course
from graders.runs import showing as showing_cases
from graders.runs.marking import recorded, returnable
from graders.runs.showing import planned_showing
from reports.cases_page import cases_page
from reports.leaving import showing_lines
from tests.patients_course import write_course
from tests.small_course import medmark


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("courses") / "slices", due=timedelta(days=7))
    assert medmark("collect", "slices", "-c", folder).code == 0
    output = medmark("grade", "slices", "-c", folder, "--trust-submissions")
    assert output.code == 0, output.err
    return folder


@pytest.fixture
def course(marked, tmp_path):
    return shutil.copytree(marked, tmp_path / "slices")


@pytest.fixture
def closed(monkeypatch):
    """Time has moved past every deadline."""
    monkeypatch.setattr(showing_cases, "clock", lambda: datetime.now(UTC) + timedelta(days=8))


def planned(course, count=2, who=()):
    change = recorded(load_course(course), "slices")
    return planned_showing(change, returnable(change, who), count)


def test_every_group_is_shown_the_same_cases_with_its_own_answers(course, closed):
    showing = planned(course)
    assert (showing.groups, len(showing.cases), showing.of) == (("beech", "alder"), 2, 6)
    beech, alder = (showing.answers(group) for group in showing.groups)
    for shown, right, wrong in zip(showing.cases, beech, alder, strict=True):
        image, label = shown.inputs["image"], shown.truth["label"]
        assert (label == (image > 0)).all()
        assert (right.prediction == (image > 0)).all()
        assert (wrong.prediction == (image > 1)).all()
        assert right.values == {"dice": 1.0}
        both, either = (image > 1).sum(), (image > 1).sum() + (image > 0).sum()
        assert wrong.values["dice"] == pytest.approx(2 * both / either)


def test_the_cases_follow_from_the_secret_and_more_of_them_are_the_same_and_others(course, closed):
    two, again, four = planned(course), planned(course), planned(course, 4)
    ids = [[shown.case.id for shown in each.cases] for each in (two, again, four)]
    assert ids[0] == ids[1] == ids[2][:2]
    assert set(ids[2]) > set(ids[0])


def test_their_patients_are_spent_before_a_page_is_written(course, closed):
    showing = planned(course)
    path = course / "slices" / "split.csv"
    hidden = read_split(path).of("test")
    slices = {image.tobytes(): id for id in hidden for image in np.load(course / "patients" / f"{id}.npz")["image"]}
    assert set(showing.subjects) == {slices[shown.inputs["image"].tobytes()] for shown in showing.cases}
    assert not any(row.shown for row in read_split(path).rows), "planning records nothing"
    showing.record()
    today = datetime.now().date().isoformat()
    assert {row.subject: row.shown for row in read_split(path).rows if row.shown} == dict.fromkeys(
        showing.subjects, today
    )
    lines = list(showing_lines(showing))
    assert lines[0] == "2 hidden cases of 6 will be shown to every group."
    assert f"recorded as shown in {path}" in lines[1]
    assert planned(course, 6).left == ()
    assert "No hidden subject is left whom students have not seen." in list(showing_lines(planned(course, 6)))[2]


def test_a_split_made_while_a_person_reads_the_question_shows_nobody(course, closed):
    path = course / "slices" / "split.csv"
    showing = planned(course)
    rows = [replace(row, part="train") if row.subject in showing.subjects else row for row in read_split(path).rows]
    other = next(row for row in rows if row.part == "train" and row.subject not in showing.subjects)
    changed = Split(tuple(replace(row, part="test") if row == other else row for row in rows))
    write_split(path, changed)
    with pytest.raises(UserError, match=r"split\.csv: was changed meanwhile, so nothing is shown"):
        showing.record()
    assert read_split(path) == changed


def test_who_was_shown_in_another_course_is_shown_again_before_anybody_else_is_spent(course, closed):
    path = course / "slices" / "split.csv"
    first = set(planned(course, 1).subjects)
    split = read_split(path)
    other = next(id for id in split.of("test") if id not in first)
    write_split(path, split.marked([other], shown="2025-05-01"))
    assert planned(course, 1).subjects == (other,)


def test_nothing_is_shown_while_somebody_may_hand_in(course, monkeypatch):
    with pytest.raises(UserError, match=r"beech/m0 may hand in until .* UTC\. Hidden cases are shown when nobody can"):
        planned(course)
    words = ("decide", "slices", "extension", "20d", "--for", "alder", "--reason", "ill", "--yes", "-c", course)
    assert medmark(*words).code == 0
    monkeypatch.setattr(showing_cases, "clock", lambda: datetime.now(UTC) + timedelta(days=8))
    with pytest.raises(UserError, match="alder/m1 may hand in until"):
        planned(course)
    monkeypatch.setattr(showing_cases, "clock", lambda: datetime.now(UTC) + timedelta(days=28))
    assert planned(course).cases


def test_cases_of_patients_who_stay_are_shown_to_nobody(course, closed):
    path = course / "slices" / "assignment.toml"
    path.write_text(path.read_text().replace('share = "students"\n', 'share = "none"\n'))
    with pytest.raises(UserError, match='share is "none", so no case of these subjects leaves this machine'):
        planned(course)


def test_more_cases_than_there_are_cannot_be_shown(course, closed):
    with pytest.raises(UserError, match="--show-cases 7: slices has 6 hidden cases that count"):
        planned(course, 7)


def test_without_stored_answers_nothing_is_shown(course, closed):
    for file in (course / ".medmark" / "answers").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"stored answers of beech, alder are gone.*: medmark grade slices"):
        planned(course)


def test_a_void_case_is_not_shown(course, closed):
    first = planned(course, 1).cases[0].case.id
    words = ("decide", "slices", "void_case", first, "--reason", "a wrong label", "--yes", "-c", course)
    assert medmark(*words).code == 0
    assert first not in [shown.case.id for shown in planned(course, 5).cases]


def test_a_page_names_its_group_and_nobody_else(course, closed):
    showing = planned(course)
    page = cases_page(showing, "alder")
    assert "alder" in page
    assert "beech" not in page
    for subject in read_split(course / "slices" / "split.csv").rows:
        assert subject.subject not in page
    assert page.count("<image href=") == 2
    assert "your marks rest on all 6" in page
    assert "These are all hidden cases." in cases_page(planned(course, 6), "alder")
    assert page.count('<path class="truth"') >= 3
    assert page.count('<path class="yours"') >= 3


def test_the_command_refuses_early_and_records_nothing(course):
    output = medmark("return", "slices", "-c", course, "--show-cases", "2", "--yes")
    assert output.code == 2
    assert "may hand in until" in " ".join(output.err.split())
    assert not any(row.shown for row in read_split(course / "slices" / "split.csv").rows)
    assert medmark("show", "slices", "-c", course).code == 0
    assert "returned" not in medmark("decide", "slices", "-c", course).out
