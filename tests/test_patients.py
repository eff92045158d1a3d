"""A course on patients by the command line: refusals, questions, and hidden subjects that are spent."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from assignments.data.split import read_split, write_split
from graders.runs import showing
from tests.assignments.data.test_sharing import DRAWN
from tests.patients_course import write_course
from tests.small_course import medmark

TRUSTED = "--trust-submissions"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("courses") / "template", due=timedelta(days=7))
    assert medmark("collect", "slices", "-c", folder).code == 0
    return folder


@pytest.fixture
def course(template, tmp_path):
    return shutil.copytree(template, tmp_path / "course")


def flat(text):
    return " ".join(text.split())


def spoil(course, trouble):
    """Make the cases unusable; what the refusal must say."""
    folder, patients = course / "slices", course / "patients"
    split = read_split(folder / "split.csv")
    hidden, trained = split.of("test")[0], split.of("train")[0]
    if trouble == "no split":
        (folder / "split.csv").unlink()
        return [f"has no split yet ({folder / 'split.csv'})", f"medmark data {folder} --split"]
    if trouble == "gone":
        (patients / f"{hidden}.npz").unlink()
        return [f"names subjects that {patients} lacks: {hidden} (test)", f"medmark data {folder} --split"]
    shutil.copy(patients / f"{hidden}.npz", patients / f"{trained}.npz")
    return ["equal arrays in two parts", hidden, trained, f"medmark data {folder} --resplit"]


@pytest.mark.parametrize("trouble", ["no split", "gone", "leak"])
@pytest.mark.parametrize("command", ["handout", "rehearse", "grade"])
def test_unusable_cases_are_refused_with_the_command_to_type(course, typed, trouble, command):
    says = spoil(course, trouble)
    words = {
        "handout": ["handout", course / "slices", course / "out", "--yes"],
        "rehearse": ["rehearse", course / "slices"],
        "grade": ["grade", "slices", "-c", course, TRUSTED],
    }[command]
    output = typed(*words)
    assert output.code == 2, output.err
    for text in says:
        assert text.replace(" ", "") in output.err.replace("\n", "").replace(" ", "")
    assert "is proven" not in output.out
    assert not (course / "out").exists()


@pytest.mark.parametrize("trouble", ["no split", "gone", "leak"])
def test_the_doctor_lists_unusable_cases_as_missing(course, typed, trouble):
    says = spoil(course, trouble)
    output = typed("doctor", "-c", course)
    assert output.code == 1
    assert "missing  assignment slices:" in output.out
    for text in says:
        assert text.replace(" ", "") in output.out.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("command", ["handout", "rehearse", "grade", "doctor"])
def test_a_generator_that_draws_patients_from_a_pool_is_refused(course, typed, command):
    folder = course / "slices"
    fixed = "image = np.random.default_rng(1).normal(size=(n, 12, 12))"
    (folder / "scans.py").write_text(DRAWN.replace("image = rng.normal(size=(n, 12, 12))", fixed))
    toml = folder / "assignment.toml"
    toml.write_text(toml.read_text().replace("split_seed = 1", "train = 5"))
    words = {
        "handout": ["handout", folder, course / "out", "--yes"],
        "rehearse": ["rehearse", folder],
        "grade": ["grade", "slices", "-c", course, TRUSTED],
        "doctor": ["doctor", "-c", course],
    }[command]
    output = typed(*words)
    assert output.code == (1 if command == "doctor" else 2)
    assert "draws the same cases for train and test: image of cases 0 and 0" in flat(output.out + output.err)
    assert "is proven" not in output.out
    assert not (course / "out").exists()


def test_the_doctor_counts_subjects_by_part_and_those_who_are_spent(course, typed):
    path = course / "slices" / "split.csv"
    assert "ok       assignment slices: 8 subjects, 6 for training, 2 hidden" in typed("doctor", "-c", course).out
    hidden = read_split(path).of("test")[0]
    rows = [line + ("2026-05-06" if line.startswith(f"{hidden},") else "") for line in path.read_text().splitlines()]
    path.write_text("\n".join(rows) + "\n")
    assert read_split(path).rows != ()
    out = flat(typed("doctor", "-c", course).out)
    assert "ok assignment slices: 1 of 2 hidden subjects were shown to students, the last on 2026-05-06" in out


def test_a_hidden_row_that_was_lost_is_said_by_the_doctor_and_while_marking(course, typed):
    """The hidden set is then another one, and marks move."""
    path = course / "slices" / "split.csv"
    lost = read_split(path).of("test")[0]
    path.write_text("".join(row for row in path.read_text().splitlines(True) if not row.startswith(f"{lost},")))
    says = f"split.csv: does not name {lost}, so they are in no part. If they are new, add them: medmark data"
    assert says in flat(typed("doctor", "-c", course).out)
    assert says in flat(typed("grade", "slices", "-c", course, TRUSTED).err)


@pytest.mark.parametrize("command", ["handout", "rehearse", "grade", "doctor"])
def test_a_split_that_hides_nobody_is_refused(course, typed, command):
    path = course / "slices" / "split.csv"
    path.write_text(path.read_text().replace(",test,", ",train,"))
    words = {
        "handout": ["handout", course / "slices", course / "out", "--yes"],
        "rehearse": ["rehearse", course / "slices"],
        "grade": ["grade", "slices", "-c", course, TRUSTED],
        "doctor": ["doctor", "-c", course],
    }[command]
    output = typed(*words)
    assert output.code == (1 if command == "doctor" else 2)
    assert "split.csv: has no subject to hide. Restore it from a copy, or make it anew" in flat(output.out + output.err)


def test_the_doctor_says_how_many_hidden_subjects_were_handed_out(course, typed):
    path = course / "slices" / "split.csv"
    hidden = read_split(path).of("test")[0]
    write_split(path, read_split(path).marked([hidden], handed_out="2026-05-06"))
    out = flat(typed("doctor", "-c", course).out)
    assert "1 of 2 hidden subjects were handed out before, the last on 2026-05-06: students may have their" in out


def test_shared_patients_leave_only_with_a_yes(course, typed):
    folder = course / "slices"
    output = typed("handout", folder, course / "out")
    assert output.code == 1
    question = flat(output.err)
    assert "18 cases of 6 subjects would leave this machine, for students." in question
    assert "Permitted: Ethics committee, 2026-03-04" in question
    assert "Faces and burned-in text are not checked" in question
    assert "Not applied: run the same command with --yes." in question
    assert not (course / "out").exists()
    assert not any(row.handed_out for row in read_split(folder / "split.csv").rows)
    output = typed("handout", folder, course / "out", "--yes")
    assert output.code == 0
    assert str(course / "out" / "slices" / "data" / "train" / "0000.npz") in output.out


def test_hidden_cases_are_shown_with_the_return_and_can_be_shown_later(course, typed, monkeypatch):
    assert medmark("grade", "slices", "-c", course, TRUSTED).code == 0
    assert medmark("return", "slices", "-c", course, "--yes").code == 0
    path = course / "slices" / "split.csv"
    monkeypatch.setattr(showing, "clock", lambda: datetime.now(UTC) + timedelta(days=8))
    words = ("return", "slices", "-c", course, "--show-cases", "2")
    assert typed(*words).code == 1, "nobody agreed"
    assert not any(row.shown for row in read_split(path).rows)
    output = typed(*words, "--yes")
    assert output.code == 0, output.err
    assert "2 hidden cases of 6 will be shown to every group." in output.out
    pages = course / "reports" / "slices" / "cases"
    assert sorted(os.listdir(pages)) == ["alder.html", "beech.html"]
    assert {row.part for row in read_split(path).rows if row.shown} == {"test"}
    first = (pages / "beech.html").read_text()
    assert typed(*words, "--yes").code == 0
    assert (pages / "beech.html").read_text() == first, "the same cases each time"


def test_without_marks_to_return_no_case_is_shown(course, typed, monkeypatch):
    monkeypatch.setattr(showing, "clock", lambda: datetime.now(UTC) + timedelta(days=8))
    output = typed("return", "slices", "-c", course, "--show-cases", "2", "--yes")
    assert (output.code, "Nobody has a whole mark" in output.err) == (2, True)
