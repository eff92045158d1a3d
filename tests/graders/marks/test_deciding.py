"""What a person types becomes an event, or is refused with what is wrong; nothing is recorded here."""

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.marks.deciding import DecisionChecks, Proposal, propose
from graders.marks.requests import DecisionRequest, from_file
from graders.record.ledger import Ledger, Observation
from tests.graders.events import about as about_of
from tests.graders.events import event
from tests.graders.marks.hand_made import write_course_of_mlp

ROSTER = """\
group,member,name,email,repository
g1,s1,Ada,ada@ucl.ac.uk,https://a.org/b/c
g1,s2,Alan,alan@ucl.ac.uk,
g9,zcabc07,Emmy,emmy@ucl.ac.uk,https://a.org/b/e
g9,2019/1234,Sofya,sofya@ucl.ac.uk,
solo,s3,Grace,grace@ucl.ac.uk,https://a.org/b/d
"""
A, B = "a" * 40, "b" * 40


@pytest.fixture
def desk(tmp_path):
    assignment = write_course_of_mlp(tmp_path, ROSTER, report=30, contribution=10)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        for group, commit, time in (("g1", A, "11:55"), ("g1", A, "12:05"), ("g1", B, "14:00"),
                                    ("solo", A, "11:30"), ("solo", B, "15:00")):  # fmt: skip
            seen_at = f"2027-01-15T{time}:00.000+00:00"
            ledger.add_observation(Observation(group, "mlp", "r", "main", commit, seen_at, "tip"))
        ledger.add_event(event("mlp/g1", "override", "50", reason="panel"))
        yield DecisionChecks(load_course(tmp_path), assignment, ledger, ledger.events("mlp"),
                   datetime(2027, 1, 20, 10, tzinfo=UTC), lambda: ["bodu-kire"])  # fmt: skip


def proposed(desk, kind, value, about="", reason="because"):
    (event,) = desk.propose(kind, [DecisionRequest("", about, value, reason)], "tutor")
    return about_of(event), event.value


@pytest.mark.parametrize(
    ("kind", "value", "about", "event"),
    [
        ("extension", "5wd", "s1", ("mlp/g1/s1", "5wd")),
        ("extension", "2027-01-22T12:00", "g1", ("mlp/g1", "2027-01-22T12:00")),
        ("extension", "60", "", ("mlp", "60")),
        ("extension", "7d", "s1", ("mlp/g1/s1", "7d")),
        ("extension", "2027-10-31T01:30+01:00", "s1", ("mlp/g1/s1", "2027-10-31T01:30+01:00")),
        ("late_commit", "bbbbbbb", "g1", ("mlp/g1", B)),
        # Nobody looked around the due time of solo: who waits for a person is not late.
        ("late_commit", B, "solo", ("mlp/solo", f"{B} on time")),
        ("agreed_mark", "report = 21.5", "g1", ("mlp/g1", "report=21.5")),
        ("agreed_mark", "contribution=7", "g1/s2", ("mlp/g1/s2", "contribution=7")),
        ("agreed_mark", "62 %", "g1", ("mlp/g1", "62")),
        ("override", "55", "s3", ("mlp/solo/s3", "55")),
        ("override", "55", "2019/1234", ("mlp/g9/2019/1234", "55")),
        ("override", "55", "g9/2019/1234", ("mlp/g9/2019/1234", "55")),
        ("peer_factor", "1.13", "solo", ("mlp/solo/s3", "1.13")),
        ("moderation", "add  2", "", ("mlp", "add 2")),
        ("cap", "40", "", ("mlp", "40")),
        ("cap", "pass_mark", "g1", ("mlp/g1", "pass_mark")),
        ("cap", "40 %", "s1", ("mlp/g1/s1", "40")),
        ("held", "", "s1", ("mlp/g1/s1", "")),
        ("absent", "", "g1", ("mlp/g1", "")),
        ("void_test", "test_loss", "", ("mlp", "test_x.py::test_loss")),
        ("void_test", "tests/test_x.py::test_loss", "", ("mlp", "test_x.py::test_loss")),
        ("void_case", "bodu-kire", "", ("mlp", "bodu-kire")),
        ("dispute", "the third test is wrong", "g1", ("mlp/g1", "the third test is wrong")),
        ("retract", "1", "", ("mlp/g1", "1")),
    ],
)
def test_what_is_decided(desk, kind, value, about, event):
    assert proposed(desk, kind, value, about) == event


@pytest.mark.parametrize(
    ("kind", "value", "about", "message"),
    [
        ("overide", "5", "g1", 'KIND "overide": did you mean "override"?'),
        ("extension", "soon", "g1", "cannot be read: write minutes, days as 7d, working days as 5wd"),
        ("extension", "2027-10-31T01:30", "g1", "the clocks of Europe/London show 2027-10-31 01:30:00 twice"),
        ("extension", "2027-03-28T01:30", "g1", "the clocks of Europe/London show 2027-03-28 01:30:00 never"),
        ("extension", "999wd", "g1", "medmark does not know the bank holidays of 2030: write the extension as"),
        ("extension", "9999-12-31T23:59", "g1", "the year 9999 is not one of 2000 to 2099"),
        ("extension", "0001-01-01T00:00+14:00", "g1", "the year 1 is not one of 2000 to 2099"),
        ("late_commit", "cccccccc", "g1", "seen: aaaaaaaaaa, bbbbbbbbbb"),
        ("late_commit", B, "", "late_commit is about a group: say --for WHO"),
        ("late_commit", B, "s1", "late_commit is about group, not a person"),
        ("agreed_mark", "reprot=3", "g1", 'is called "reprot"; did you mean "report"?'),
        ("agreed_mark", "report=31", "g1", 'report: "31" is not a number from 0 to 30'),
        ("agreed_mark", "report=NaN", "g1", "is not a number from 0 to 30"),
        ("agreed_mark", "tests=3", "g1", 'is called "tests"'),
        ("override", "101", "g1", "not a mark in per cent"),
        ("override", "5e1", "g1", "not a mark in per cent"),
        ("peer_factor", "-1", "s1", "not a factor of 0 or more"),
        ("peer_factor", "1", "g1", "peer_factor is about person, not a group"),
        ("cap", "passmark", "g1", '"passmark" is not a mark in per cent from 0 to 100, nor pass_mark'),
        ("held", "s1", "", "held is about a group or a person: say --for WHO"),
        ("held", "yes", "s1", "takes no VALUE"),
        ("moderation", "add 2", "g1", "moderation is about all, not a group"),
        ("moderation", "plus 2", "", "is not a moderation"),
        ("void_test", "test_los", "", 'no hidden test is called "test_los"'),
        ("void_case", "bodu-kira", "", 'did you mean "bodu-kire"?'),
        ("dispute", "", "g1", "say what is disputed"),
        ("retract", "9", "", 'there is no decision number "9"'),
        ("override", "50", "g3", 'has no group and no member "g3"; its groups: g1, g9, solo'),
        ("override", "50", "g1/s9", 'group g1 has no member "s9"'),
        ("override", "50", "sol", 'has no group and no member "sol"; did you mean "solo"?'),
        ("override", "50", "zcabc7", 'no member "zcabc7"; did you mean "zcabc07"?'),
        ("override", "50", "solo/s1", '"s1" is in group g1, not in solo; write --for s1'),
        ("void_test", "tset_loss", "", 'did you mean "test_x.py::test_loss"?'),
        ("void_test", "test_y.py::test_lss", "", 'did you mean "test_x.py::test_loss"?'),
    ],
)
def test_what_is_refused_says_why(desk, kind, value, about, message):
    with pytest.raises(UserError) as caught:
        proposed(desk, kind, value, about)
    assert message in str(caught.value)


def test_a_decision_needs_a_reason(desk):
    with pytest.raises(UserError, match=r'needs a reason: --reason "\.\.\."'):
        proposed(desk, "override", "50", "g1", reason="  ")


def test_a_retracted_decision_is_not_retracted_twice(desk):
    gone = event("mlp/g1", "retract", "1", number=2)
    again = DecisionChecks(desk.course, desk.assignment, desk.ledger, [*desk.events, gone], desk.now, desk.cases)
    with pytest.raises(UserError, match="event 1 is retracted already"):
        proposed(again, "retract", "1")
    assert proposed(again, "retract", "2") == ("mlp/g1", "2")


def read(desk, text, kind="agreed_mark", method=None, name="points.csv", with_self=None):
    path = desk.course.folder / name
    path.write_text(text)
    requests, _ = from_file(path, kind, desk.assignment, desk.course, "the papers", method, with_self)
    return [(about_of(event), event.value, event.reason) for event in desk.propose(kind, requests, "tutor")]


def test_a_workbook_of_points_decides_what_its_csv_decides(desk):
    rows = ["group", "member", "report", "reason"], ["g1", None, 21, None], ["g1", "s1", 8.5, "did more"]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path := desk.course.folder / "points.xlsx")
    requests, _ = from_file(path, "agreed_mark", desk.assignment, desk.course, "the papers")
    of_csv = desk.course.folder / "points.csv"
    of_csv.write_text("group,member,report,reason\ng1,,21,\ng1,s1,8.5,did more\n")
    same, _ = from_file(of_csv, "agreed_mark", desk.assignment, desk.course, "the papers")
    assert [request.where for request in requests] == ["points.xlsx:2", "points.xlsx:3"]
    assert requests == [dataclasses.replace(request, where=request.where.replace(".csv", ".xlsx")) for request in same]
    book.active["C3"], book.active["C3"].number_format = 0.4, "0%"
    book.save(path)
    with pytest.raises(UserError, match=r'points\.xlsx:3: cell C3 is shown in the format "0%"'):
        from_file(path, "agreed_mark", desk.assignment, desk.course, "the papers")


def test_a_csv_of_points_by_criterion_with_empty_cells(desk):
    text = "\ufeffGroup;Member;report;contribution;reason\r\ng1;;21;;\r\ng1;s1;;8;did more\r\nsolo;;;;\r\n"
    assert read(desk, text) == [
        ("mlp/g1", "report=21", "the papers"),
        ("mlp/g1/s1", "contribution=8", "did more"),
    ]


def test_a_csv_of_values_for_persons_by_member_alone(desk):
    assert read(desk, "member,value\ns1,5wd\ns3,60\n", "extension") == [
        ("mlp/g1/s1", "5wd", "the papers"),
        ("mlp/solo/s3", "60", "the papers"),
    ]


def test_a_csv_of_a_kind_without_value_decides_row_by_row(desk):
    text = "member,reason\ns1,board of 3 June\ns3,\n"
    assert read(desk, text, "deferred") == [
        ("mlp/g1/s1", "", "board of 3 June"),
        ("mlp/solo/s3", "", "the papers"),
    ]


def test_all_problems_of_a_csv_are_reported_with_lines_and_nothing_is_proposed(desk):
    with pytest.raises(UserError) as caught:
        read(desk, "group,report\ng1,31\ng7,3\nsolo,x\ng1,4\ng1,5\n")
    assert str(caught.value).splitlines()[0].startswith('points.csv:2: report: "31" is not a number')
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "points.csv:2", "points.csv:3", "points.csv:4", "points.csv:6",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group,paper\ng1,3\n", "needs a header with group or member (or both), and value, or the criteria"),
        ("report\n3\n", "needs a header with group or member"),
        ("group,report\n", "has no row below its header"),
        ("group,report\ng1,3,4\n", "points.csv:2: has 3 cells under 2 columns"),
        ("group,report,Report\ng1,3,4\n", "points.csv:1 Report: columns 2 and 3 both have this name"),
        ("group,report,criterion_report\ng1,3,4\n", "points.csv:1: holds a column report and a column criterion_rep"),
        ("group,member,report\n,,3\n", "points.csv:2: has a value but neither a group nor a member"),
        ("group,report\ng1,\n", "there is nothing to decide"),
    ],
)
def test_a_csv_that_is_not_one_says_what_it_needs(desk, text, message):
    with pytest.raises(UserError) as caught:
        read(desk, text)
    assert message in str(caught.value)


def test_ratings_become_one_factor_a_person(desk):
    ratings = "from,to,rating\ns1,s1,3\ns1,s2,1\ns2,s1,1\ns2,s2,1\n"
    # WebPA: s1 has 3/4 + 1/2, s2 1/4 + 1/2.
    assert read(desk, ratings, "peer_factor", "webpa") == [
        ("mlp/g1/s1", "1.25", "webpa: the papers"),
        ("mlp/g1/s2", "0.75", "webpa: the papers"),
    ]
    # Buddycheck without self: 1 and 1.
    assert [value for _, value, _ in read(desk, ratings, "peer_factor", "buddycheck")] == ["1", "1"]
    # With self s1 has (3 + 1) / 2 and s2 1: over their mean of 3/2. One option is for both methods.
    with_self = ("mlp/g1/s1", "1.333333333", "buddycheck with self: the papers")
    assert read(desk, ratings, "peer_factor", "buddycheck", with_self=True)[0] == with_self
    assert read(desk, ratings, "peer_factor", "webpa", with_self=False) == [
        ("mlp/g1/s1", "1", "webpa without self: the papers"),
        ("mlp/g1/s2", "1", "webpa without self: the papers"),
    ]


def test_who_did_not_rate_is_named_and_the_reason_says_how_many_did(desk):
    path = desk.course.folder / "ratings.csv"
    for silent in ("", "s2,s1,0\ns2,s2,5\n"):  # no row at all, or nothing for anybody else
        path.write_text(f"from,to,rating\ns1,s1,3\ns1,s2,1\n{silent}")
        requests, notes = from_file(path, "peer_factor", desk.assignment, desk.course, "week 9", "webpa")
        assert [(row.about, row.value, row.reason) for row in requests] == [
            ("g1/s1", "1.5", "webpa, 1 of 2 rated: week 9"),
            ("g1/s2", "0.5", "webpa, 1 of 2 rated: week 9"),
        ]
        assert notes == ["g1: 1 of 2 rated; no ratings from s2", "no row rates g9: its factors do not change"]


def test_each_persons_reason_is_their_own_and_several_are_nobody_elses():
    def reason(*reasons):
        return Proposal(tuple(event("mlp", "override", "50", reason=reason) for reason in reasons)).reason()

    assert reason("the papers", "the papers") == "the papers"
    assert reason("Ada was ill", "a viva in May") == "decided by the course's staff"


def test_a_persons_reason_is_not_for_others_whose_marks_move_by_it():
    # Where group_extension is max, one member's extension moves the commit of the whole group.
    proposal = Proposal((event("mlp/g1/s1", "extension", "7d", reason="Ada was ill"),))
    assert proposal.reason(["s1"], "Ada was ill") == "Ada was ill"
    assert proposal.reason(["s1", "s2"], "Ada was ill") == "decided by the course's staff"


STAFF = {"a": "Ada Byron", "b": "Alan Turing"}


def marked_by(desk, *marks):
    """The desk after some people gave g1's report some points, each as `who points`."""
    given = [
        event("mlp/g1", "agreed_mark", f"report={mark.split()[1]}", who=mark.split()[0], number=number)
        for number, mark in enumerate(marks, 10)
    ]
    return replace(desk, course=desk.course.model_copy(update={"staff": STAFF}), events=given)


def test_a_second_mark_by_the_first_marker_is_refused_after_another_persons_too(desk):
    requests = [DecisionRequest("", "g1", "report=25", "second marking")]
    for marks in (("a 20",), ("a 20", "b 22")):
        with pytest.raises(UserError, match=r"a already gave report=20 \(number 10\)"):
            marked_by(desk, *marks).propose("agreed_mark", requests, "a")
    back = [DecisionRequest("", "g1", "report=20", "as it was")]
    with pytest.raises(UserError, match="a already gave report=20"):  # b's 22 holds
        marked_by(desk, "a 20", "b 22").propose("agreed_mark", back, "a")
    assert len(marked_by(desk, "a 20").propose("agreed_mark", requests, "b")) == 1


def test_the_same_points_written_otherwise_stand_already(desk):
    with pytest.raises(UserError, match="all of it is on record already"):
        marked_by(desk, "a 20").propose("agreed_mark", [DecisionRequest("", "g1", "report=20.0", "again")], "a")


def test_who_works_alone_is_marked_as_the_group_and_as_a_person_alike(desk):
    solo = marked_by(desk, "a 20")
    (first,) = solo.propose("agreed_mark", [DecisionRequest("", "solo", "report=20", "papers")], "a")
    with pytest.raises(UserError, match="a already gave report=20"):
        replace(solo, events=[replace(first, number=9)]).propose(
            "agreed_mark", [DecisionRequest("", "s3", "report=25", "again")], "a"
        )


@pytest.mark.parametrize("method", ["webpa", "buddycheck"])
def test_a_rater_without_a_row_for_a_member_is_refused_by_name_and_line(desk, method):
    with pytest.raises(UserError) as caught:
        read(desk, "from,to,rating\ns1,s1,3\ns2,s1,3\ns2,s2,1\n", "peer_factor", method, "ratings.csv")
    assert str(caught.value).startswith("ratings.csv:2: s1 has no rating for s2: s1 must rate everyone")


def test_ratings_of_oneself_may_be_missing_where_they_do_not_count(desk):
    others = "from,to,rating\ns1,s2,3\ns2,s1,3\n"
    assert [value for _, value, _ in read(desk, others, "peer_factor", "webpa", with_self=False)] == ["1", "1"]
    with pytest.raises(UserError, match=r"ratings\.csv:2: s1 has no rating for s1: .* --without-self") as caught:
        read(desk, others, "peer_factor", "webpa", "ratings.csv")
    assert "ratings.csv:3: s2 has no rating for s2" in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("s1,s9,3", 'ratings.csv:2: "s9" is not in a group'),
        ("s1,s3,3", "s1 and s3 are not in the same group"),
        ("s1,s2,-3", 'the rating "-3" is not a number of 0 or more'),
        ("s1,s2,3\ns1,s2,4", "ratings.csv:3: s1 rates s2 twice"),
    ],
)
def test_impossible_ratings_are_reported_with_lines(desk, rows, message):
    with pytest.raises(UserError) as caught:
        read(desk, f"from,to,rating\n{rows}\n", "peer_factor", "webpa", "ratings.csv")
    assert message in str(caught.value)


def test_ratings_need_a_method(desk):
    with pytest.raises(UserError, match="--method webpa or buddycheck"):
        read(desk, "from,to,rating\ns1,s2,3\n", "peer_factor")


def test_a_file_that_is_not_there_is_named(desk):
    with pytest.raises(UserError, match=r"nowhere\.csv: is missing"):
        from_file(Path("nowhere.csv"), "override", desk.assignment, desk.course, "why")


def test_a_method_without_ratings_is_refused_and_not_forgotten(desk):
    results = SimpleNamespace(assignment=desk.assignment, events=())
    request = DecisionRequest("", "g1/s1", "1.1", "the ratings")
    with pytest.raises(UserError, match=r"--method webpa makes factors from a file .*: name the file with --from FILE"):
        propose(desk.course, results, "peer_factor", request, by="ada", method="webpa")


def test_an_unknown_method_is_reported_with_the_nearest(desk):
    with pytest.raises(UserError, match=r'--method "webp": did you mean "webpa"\?'):
        read(desk, "from,to,rating\ns1,s2,3\n", "peer_factor", "webp")


@pytest.mark.parametrize(
    ("kind", "header", "what"),
    [
        ("peer_factor", "member,value", "needs a header with from, to and rating; it lacks from, to, rating"),
        ("peer_factor", "from,to,points", "needs a header with from, to and rating; it lacks rating"),
        ("agreed_mark", "member,value", "--method is for peer_factor and a file of ratings, not for agreed_mark"),
    ],
)
def test_a_file_that_holds_no_ratings_is_not_taken_for_one(desk, kind, header, what):
    with pytest.raises(UserError, match=what):
        read(desk, f"{header}\n" + ",".join(["s1"] * (header.count(",") + 1)) + "\n", kind, "webpa")
