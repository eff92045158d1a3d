"""Decisions about people and parts that no longer exist are listed by number, with the command to type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders.course.course import load_course
from graders.intake.owners import Record
from graders.marks.unmatched import unmatched_lines
from graders.record.ledger import Observation
from tests.graders.events import event as an_event
from tests.graders.marks.hand_made import write_course_of_mlp

ROSTER = """\
group,member,name,email,repository
g1,s1,Ada,ada@ucl.ac.uk,https://a.org/b/c
g1,s2,Alan,alan@ucl.ac.uk,
team,s3,Grace,grace@ucl.ac.uk,https://a.org/b/d
"""
NAMED = {"g1": "https://a.org/b/c", "old": "https://a.org/b/d"}
"""The roster as it was: `team` was called `old`."""


@pytest.fixture
def lines_of(tmp_path):
    assignment = write_course_of_mlp(tmp_path, ROSTER, report=30)

    def lines_of(*events, looks=NAMED):
        seen = [look(name, address) for name, address in looks.items()]
        course = load_course(tmp_path)
        return unmatched_lines(course, assignment, events, Record.of(course.groups, seen), lambda: ["bodu-kire"])

    return lines_of


def look(name, address):
    return Observation(name, "mlp", address, "main", "a" * 40, "2027-01-15T12:05:00.000+00:00", "tip")


def event(about, kind="override", value="55", number=7):
    return an_event(f"mlp/{about}", kind, value, reason="why", number=number)


@pytest.mark.parametrize(
    "decision",
    [
        event("g1"), event("g1/s1"), event("gone/s1"), event("old"), event("old/s3"), event("s3"), event(""),
        event("g1", "agreed_mark", "report=21"), event("g1", "agreed_mark", "62"), event("", "moderation", "add 2"),
        event("", "void_test", "test_x.py::test_loss"), event("", "void_case", "bodu-kire"),
        event("g1/s1", "peer_factor", "1.2"), event("old/s3", "peer_factor", "1.2"),
    ],
    ids=lambda decision: f"{decision.kind} {decision.group}/{decision.member}",
)  # fmt: skip
def test_a_decision_about_somebody_of_today_is_not_listed(lines_of, decision):
    assert lines_of(decision) == ()


@pytest.mark.parametrize(
    ("decision", "what"),
    [
        (event("group-99"), "is about group group-99, which is not in the roster"),
        (event("g1/s9"), "is about g1/s9, who is not in the roster"),
        (event("g1/s22"), "is about g1/s22, who is not in the roster; did you mean s2?"),
        (event("s3", "late_commit", "a" * 40), "is about group s3, which is not in the roster"),
        (event("g1", "agreed_mark", "paper=3"), "is about the criterion paper, which no person marks now"),
        (event("g1", "agreed_mark", "tests=3"), "is about the criterion tests, which no person marks now"),
        (event("g1", "agreed_mark", "report=31"), "gives 31 of the 30 points that report has now, and does not count"),
        (
            event("", "void_test", "test_x.py::test_los"),
            "is about a test that does not exist now; did you mean test_x.py::test_l",
        ),
        (
            event("", "void_case", "bodu-kira"),
            "is about a hidden case that does not exist now; did you mean bodu-kire?",
        ),
    ],
)
def test_a_decision_that_matches_nobody_is_listed_with_its_number_and_what_to_type(lines_of, decision, what):
    (line,) = lines_of(decision)
    assert line.startswith(f"decision 7 ({decision.kind} {decision.value}) {what}")
    assert line.endswith('To retract it: medmark decide mlp retract 7 --reason "..."')
    assert "?." not in line


def test_a_retracted_decision_is_not_listed(lines_of):
    assert lines_of(event("g9"), event("g9", "retract", "7", 8)) == ()


def test_a_peer_factor_from_another_group_counts_and_is_listed(lines_of):
    (line,) = lines_of(event("g1/s3", "peer_factor", "1.2"))
    assert "comes from the peers in group g1, but s3 is in group team now. It counts; " in line
    assert "to retract it: medmark decide" in line


def test_a_decision_about_a_group_whose_repository_is_anothers_now_is_listed(lines_of):
    exchanged = {"g1": NAMED["old"], "team": NAMED["g1"]}
    (line,) = lines_of(event("g1"), looks=exchanged)
    assert "was made when group g1 handed in at https://a.org/b/d, where group team hands in now. It counts" in line


def test_commits_without_an_owner_and_marks_of_people_who_left_are_listed(lines_of):
    (line,) = lines_of(looks={**NAMED, "left": "https://a.org/gone"})
    assert line.startswith("group left is not in the roster and https://a.org/gone, where 1 of its commits were seen")
    person = '{"group": "g", "commit": null, "status": "marked", "percent": "5", "pass_mark": 40, "level": 6}'
    marks = replace(event("", "marks", f'{{"s1": {person}, "s9": {person}}}'), number=12)
    (line,) = lines_of(marks)
    assert line.startswith("the marks of 2027-01-20 (number 12) hold s9, not in the roster now: put the row back")


@pytest.mark.parametrize(("kind", "value"), [("cap", "half"), ("bonus", "5"), ("extension", "soon"), ("retract", "it")])
def test_a_decision_that_cannot_be_read_is_listed_with_what_to_type(lines_of, kind, value):
    (line,) = lines_of(event("g1", kind, value))
    waits = "retracts nothing" if kind == "retract" else "keeps marks waiting"
    assert line.startswith(f"decision 7 ({kind} {value}) cannot be read and {waits}: ")
    assert 'To retract it: medmark decide mlp retract 7 --reason "..."' in line
