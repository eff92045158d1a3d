"""Marks that stand in ledgers of older medmarks: the same numbers, from their own stages, until `grade` runs."""

from __future__ import annotations

import csv
import json
import sqlite3

import pytest

from graders.course.course import assignment_of, load_course
from graders.course.secret import read_secret
from graders.record.manifest import case_ids
from graders.runs.marking import recorded
from tests.fixtures.ledgers.stored import HERE, OLDER, restored
from tests.small_course import medmark

EARLIER = "an earlier medmark, or with another assignment, image, data or NumPy; run medmark grade to renew it"
PLAIN = ("member", "status", "points", "out_of", "percent", "group_percent", "commit",
         "criterion_tests", "criterion_accuracy", "criterion_report")  # fmt: skip


@pytest.fixture(params=OLDER)
def older(request, tmp_path):
    """The name of an older medmark, and the course that it recorded."""
    return request.param, restored(request.param, tmp_path / "course")


@pytest.fixture
def course(tmp_path):
    return restored("002d686", tmp_path / "course")


def results(course):
    return recorded(load_course(course), "halves").results


def marks(course):
    return {mark.group: mark for mark in results(course).marks}


def points(course):
    """By group; None where a mark is withheld."""
    return {group: mark.points for group, mark in marks(course).items()}


def percents(course):
    return {person.member: person.percent for person in results(course).people}


def number(value):
    return None if value is None else float(value)


def sheet(text):
    return [{name: row[name] for name in PLAIN} for row in csv.DictReader(text.splitlines())]


def decide(course, *words):
    return medmark("decide", "halves", *words, "-c", course, "--by", "prof", "--reason", "because", "--yes")


def execute(course, *statements):
    """Change the ledger as no program of medmark's would."""
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        for statement in statements:
            ledger.execute(statement)
    ledger.close()


def stage_count(course):
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        return ledger.execute("SELECT count(*) FROM stage").fetchone()[0]


def test_show_and_report_give_the_numbers_that_the_older_medmark_gave(older):
    name, course = older
    then = json.loads((HERE / name / "show.json").read_text())["marks"]
    before = stage_count(course)
    now = results(course)
    assert [
        (mark.group, str(mark.status), float(mark.points), mark.commit,
         [(finding.id, str(finding.verdict), number(finding.points), finding.score) for finding in mark.findings])
        for mark in now.marks
    ] == [
        (mark["group"], mark["status"], mark["points"], mark["commit"],
         [(finding["id"], finding["verdict"], finding["points"], finding["score"]) for finding in mark["findings"]])
        for mark in then
    ]  # fmt: skip
    assert [(p.member, str(p.status), float(p.percent), float(p.points), p.pass_mark) for p in now.people] == [
        (p["member"], p["status"], p["percent"], p["points"], p["pass_mark"]) for mark in then for p in mark["people"]
    ]
    assert {mark.provenance["made_by"] for mark in now.marks} == {EARLIER}
    # What it was marked with then is not recorded, and nothing of today is put in its place.
    assert {mark.provenance["image_digest"] for mark in now.marks} == {None}
    process = medmark("report", "halves", "-c", course)
    assert process.code == 0, process.err
    written = (course / "reports/halves/marksheet.csv").read_text(encoding="utf-8-sig")
    assert sheet(written) == sheet((HERE / name / "marksheet.csv").read_text())
    assert stage_count(course) == before


def test_explain_and_show_say_that_an_earlier_medmark_made_the_mark(older):
    _, course = older
    # twin: its files are sound's, and were run and recorded under sound's name only.
    process = medmark("explain", "halves", "m3", "-c", course)
    assert "made by an earlier medmark" in " ".join(process.out.split())
    assert "in per cent: 100 x 92 / 100 = 92 %" in process.out
    assert "on the sheet: 92.3 of 100 points, 92.3 %, marked" in process.out
    table = " ".join(medmark("show", "halves", "-c", course).out.split())
    assert f"sound, twin, turned, late, waited: made by {EARLIER}" in table


def test_grade_renews_the_marks_and_shows_that_none_moves(older):
    _, course = older
    before = stage_count(course)
    process = medmark("grade", "halves", "-c", course, "--trust-submissions", "--yes")
    assert process.code == 0, process.err
    # Four different solutions, each with two tests, its answers and their score.
    assert stage_count(course) == before + 4 * 4
    assert not any("made_by" in mark.provenance for mark in marks(course).values())
    assert "move" not in process.out
    listed = medmark("decide", "halves", "-c", course).out
    assert listed.count("correction:") == 1  # that which was recorded then


def test_grade_shows_a_difference_where_the_earlier_mark_came_from_something_else(course):
    source = course / "halves/hidden_tests/test_difference.py"
    strict = source.read_text().replace("abs(student.difference(x)).max() < 1e-5", "student.difference(x).max() > 1")
    source.write_text(strict)
    assert points(course)["sound"] == 97  # until it is graded, what stands is what was applied
    process = medmark("grade", "halves", "-c", course, "--trust-submissions", "--dry-run")
    # All five groups had passed the second test, which none passes now.
    assert "6 marks move" in process.out


def test_a_decision_is_made_on_the_marks_that_stand(course):
    process = decide(course, "override", "70", "--for", "m3")
    assert process.code == 0, process.err
    assert process.err.count("was a ledger of an older medmark") == 1
    assert {member: float(percent) for member, percent in percents(course).items()} == {
        "m0": 97.1, "m9": 87.4, "m3": 70.0, "m1": 75.8, "m2": 88.1, "m4": 21.0,
    }  # fmt: skip


def test_a_case_cannot_be_left_out_of_marks_of_an_earlier_medmark(course):
    loaded = load_course(course)
    case = case_ids(assignment_of(loaded, "halves"), read_secret(loaded))[0]
    process = decide(course, "void_case", case)
    assert process.code == 2
    assert "Renew them first: medmark grade halves" in " ".join(process.err.split())


def test_a_commit_that_was_never_graded_has_no_mark_of_an_earlier_one(course):
    execute(
        course,
        'INSERT INTO observation SELECT NULL, "group", assignment, repository, branch, '
        "'7ad652d23a2bbdc77f6857dfe5459702289f2199', '2026-11-26T22:24:00.000+00:00', how, detail "
        "FROM observation WHERE \"group\" = 'late' LIMIT 1",
        "INSERT INTO event (at, who, about, kind, value, reason) VALUES ('2026-11-26T22:50:00.000+00:00', 'prof', "
        "'halves/late', 'late_commit', '7ad652d23a2bbdc77f6857dfe5459702289f2199', 'the first commit')",
    )
    assert "made_by" not in marks(course)["late"].provenance
    assert points(course) == {"sound": 97, "twin": 92, "turned": 75, "late": None, "waited": 20}


def test_files_that_another_group_handed_in_first_are_found_though_it_hands_in_others_now(course):
    assert points(course)["twin"] == 92  # by the stages of sound
    execute(
        course,
        'INSERT INTO observation SELECT NULL, "group", assignment, repository, branch, '
        "'7ad652d23a2bbdc77f6857dfe5459702289f2199', '2026-11-26T22:50:00.000+00:00', how, detail "
        "FROM observation WHERE \"group\" = 'sound' LIMIT 1",
        "INSERT INTO event (at, who, about, kind, value, reason) VALUES ('2026-11-26T22:51:00.000+00:00', 'prof', "
        "'halves/sound', 'late_commit', '7ad652d23a2bbdc77f6857dfe5459702289f2199', 'another')",
    )
    assert points(course) == {"sound": None, "twin": 92, "turned": 75, "late": 98, "waited": 20}


def test_of_several_stages_those_that_give_the_standing_mark_are_taken(older):
    name, course = older
    # As after a case was declared void and that was retracted: a later score of 0.5, which the standing mark is not of.
    later = (
        "INSERT INTO stage SELECT NULL, run, '2026-11-26T22:26:30.000+00:00', 'k' || key, kind, \"group\", assignment, "
        '"commit", name, status, reason, cpu_s, wall_s, replace(document, \'"score":1.0,\', \'"score":0.5,\'), blob '
        "FROM stage WHERE kind = 'score' AND \"group\" = 'sound'"
    )
    execute(course, later)
    before = {mark["group"]: mark["points"] for mark in json.loads((HERE / name / "show.json").read_text())["marks"]}
    assert points(course) == before
    assert before["sound"] == 97


def test_marks_stand_without_the_image_that_they_were_made_with(course, monkeypatch, tmp_path):
    text = (course / "course.toml").read_text()
    (course / "course.toml").write_text(text.replace('"local"', '"docker"'))
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "nothing"))
    assert points(course) == {"sound": 97, "twin": 92, "turned": 75, "late": 98, "waited": 20}


def test_a_group_with_another_name_now_keeps_its_mark(older):
    _, course = older
    roster = course / "roster.csv"
    roster.write_text(roster.read_text().replace("sound,m", "tone,m"))
    assert {group: points(course)[group] for group in ("tone", "twin")} == {"tone": 97, "twin": 92}


def test_a_standing_mark_whose_stages_cannot_be_known_is_withheld(course):
    other = "replace(document, '\"score\":1.0,', '\"score\":0.5,')"
    execute(
        course,
        "DROP TRIGGER stage_update",
        "INSERT INTO stage SELECT NULL, run, '2026-11-26T22:26:30.000+00:00', 'k' || key, kind, \"group\", assignment, "
        f'"commit", name, status, reason, cpu_s, wall_s, {other}, blob '
        "FROM stage WHERE kind = 'score' AND \"group\" = 'sound'",
        f"UPDATE stage SET document = {other} WHERE kind = 'score' AND \"group\" = 'sound'",
    )
    assert points(course) == {"sound": None, "twin": None, "turned": 75, "late": 98, "waited": 20}
