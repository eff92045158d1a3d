"""Decisions, differences and corrections, typed as a person would, on a course of three groups and four people."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import sqlite3
from datetime import datetime, timedelta

import pytest

from graders.course.course import assignment_of, load_course
from graders.course.secret import read_secret
from graders.record.ledger import Ledger
from graders.record.manifest import case_ids
from tests.graders.intake.repositories import push
from tests.small_course import SOUND, TURNED, medmark, write_course

TRUSTED = "--trust-submissions"
REPORT = '[[criterion]]\nid = "report"\nkind = "person"\npoints = 20\n'
HALF = SOUND.replace("> model.value", "> 4")
"""Sound but for its threshold: about half of the brighter halves are missed."""


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """40 points of tests, 40 of accuracy, 20 that a person gives; collected and marked once."""
    groups = {"sound": SOUND, "turned": TURNED, "half": HALF}
    folder = write_course(tmp_path_factory.mktemp("courses") / "marked", groups)
    path = folder / "halves/assignment.toml"
    path.write_text(path.read_text().replace("points = 60", "points = 40") + REPORT)
    with (folder / "roster.csv").open("a") as file:
        file.write("sound,m9,Second Student,m9@example.org,\n")
    assert medmark("collect", "halves", "-c", folder).code == 0
    output = medmark("grade", "halves", "-c", folder, TRUSTED)
    assert output.code == 0, output.err
    return folder


@pytest.fixture
def course(marked, tmp_path):
    """A copy of its own; the repositories stay where they were."""
    return shutil.copytree(marked, tmp_path / "course")


@pytest.fixture
def points(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("group,report\nsound,15.5\nturned,7\nhalf,12\n")
    return path


def decide(course, *words, reason="because", yes=True):
    more = ["--yes"] if yes else []
    return medmark("decide", "halves", *words, "--reason", reason, "--by", "prof", "-c", course, *more)


def events(course):
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        return ledger.execute('SELECT kind, who, "group", value, reason FROM event ORDER BY id').fetchall()


def people(course):
    output = medmark("show", "halves", "-c", course, "--json")
    return {person["member"]: person for mark in json.loads(output.out)["marks"] for person in mark["people"]}


def percents(course):
    return {member: person["percent"] for member, person in people(course).items()}


def stages(course):
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        return dict(ledger.execute("SELECT kind, count(*) FROM stage GROUP BY kind").fetchall())


def sheet(course):
    assert medmark("report", "halves", "-c", course).code == 0
    with (course / "reports/halves/marksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["member"]: row for row in csv.DictReader(file)}


def test_points_of_a_file_complete_the_marks_once_their_difference_is_accepted(course, points):
    before = events(course)
    for words in (("--dry-run",), ()):
        output = decide(course, "agreed_mark", "--from", points, *words, yes=False)
        assert output.code == (0 if words else 1)
        assert output.out.splitlines()[3].startswith("4 marks move, none crosses a band, largest +15.5")
        assert events(course) == before
    assert "Not applied: run the same command with --yes." in output.err
    assert {person["status"] for person in people(course).values()} == {"incomplete"}
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert {m: p for m, p in percents(course).items() if m != "m2"} == {"m0": 95.5, "m9": 95.5, "m1": 17.0}
    assert [event[:4] for event in events(course)[1:4]] == [
        ("agreed_mark", "prof", "sound", "report=15.5"),
        ("agreed_mark", "prof", "turned", "report=7"),
        ("agreed_mark", "prof", "half", "report=12"),
    ]
    assert stages(course) == {"test": 6, "answers": 3, "score": 3}


def test_a_personal_mark_is_on_the_sheet_and_on_a_page_of_its_own_and_on_no_page_of_the_group(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert decide(course, "peer_factor", "0.8", "--for", "m9", reason="canary-peers").code == 0
    rows = sheet(course)
    assert (rows["m0"]["percent"], rows["m9"]["percent"], rows["m9"]["group_percent"]) == ("95.5", "76.4", "95.5")
    assert "peer_factor: 95.5 % to 76.4 % (event 6, peer_factor by prof" in rows["m9"]["adjustments"]
    home = course / "reports/halves"
    assert {path.name for path in (home / "personal").iterdir()} == {f"{id}.html" for id in ("m0", "m1", "m2", "m9")}
    page = (home / "personal/m9.html").read_text()
    assert "95.5 % → 76.4 %" in page
    assert "canary-peers" in page
    others = [home / "personal" / f"{id}.html" for id in ("m0", "m1", "m2")]
    for path in [*(home / "feedback").iterdir(), *others, home / "leaderboard.html"]:
        assert "canary-peers" not in path.read_text()
    told = json.loads((home / "marksheet.json").read_text())["people"]
    line = next(person for person in told if person["member"] == "m9")["trace"][0]
    assert (line["kind"], line["from"], line["to"], line["event"]) == ("peer_factor", 95.5, 76.4, 6)
    # Retracted, and the page is that of the group's mark.
    assert decide(course, "retract", "6").code == 0
    assert sheet(course)["m9"]["percent"] == "95.5"
    assert "Nothing was added or taken away for you alone." in (home / "personal/m9.html").read_text()


def test_a_void_test_gives_its_points_and_a_retraction_takes_them_back_and_nothing_is_run(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    before = stages(course)
    output = decide(course, "void_test", "test_difference_of_the_halves", reason="its tolerance was wrong")
    assert "1 mark moves, 1 crosses a band, largest +30.0" in output.out
    assert percents(course)["m1"] == 47.0
    listed = medmark("decide", "halves", "-c", course).out
    number = re.search(r"#(\d+) .*void_test", listed)[1]
    output = decide(course, "retract", number)
    assert "largest -30.0" in output.out
    assert percents(course)["m1"] == 17.0
    assert f"#{number}" in medmark("decide", "halves", "-c", course).out
    assert "(retracted)" in medmark("decide", "halves", "-c", course).out
    assert stages(course) == before


def test_a_void_case_is_left_out_of_every_score_from_stored_answers(course, points, monkeypatch):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    opened = load_course(course)
    assignment = assignment_of(opened, "halves")
    before = {mark["group"]: mark["findings"][2]["score"] for mark in _marks(course)}
    wrong = round(30 * (1 - before["half"]))
    assert 0 < wrong < 30
    moved = {}
    for case in case_ids(assignment, read_secret(opened)):
        output = decide(course, "void_case", case, "--dry-run", "--json", yes=False)
        moved = {m["member"]: m["change"] for m in json.loads(output.out)["moves"]}
        if moved.get("m2", 0) > 0:
            break
    else:
        pytest.fail("no case was wrong for the group with the wrong threshold")
    assert decide(course, "void_case", case, reason="mislabelled").code == 0
    score = {mark["group"]: mark["findings"][2]["score"] for mark in _marks(course)}["half"]
    assert score == pytest.approx((30 - wrong) / 29)
    counts = stages(course)
    assert (counts["test"], counts["answers"]) == (6, 3)
    assert counts["score"] > 3


def _marks(course):
    return json.loads(medmark("show", "halves", "-c", course, "--json").out)["marks"]


def test_a_regrade_shows_what_would_move_and_report_waits_for_it(course):
    path = course / "course.toml"
    before = path.read_text()
    harder = "trivial = 0.5, pass = 0.65, merit = 0.75, distinction = 0.9, reference = 0.95, ceiling = 1.0"
    path.write_text(f"{before}anchors = {{ accuracy = {{ {harder} }} }}\n")
    output = medmark("grade", "halves", "-c", course, TRUSTED)
    assert output.code == 1
    assert "1 mark moves, none crosses a band, largest -" in output.out
    assert "half/m2" in output.out
    told = json.loads(medmark("grade", "halves", "-c", course, TRUSTED, "--json", "--dry-run").out)
    assert [move["member"] for move in told["differences"]["moves"]] == ["m2"]
    assert "1 mark moves" in medmark("show", "halves", "-c", course).err
    for words in (["report"], ["return", "--yes"]):
        output = medmark(words[0], "halves", "-c", course, *words[1:])
        assert output.code == 2
        assert "since they were last applied" in output.err
    output = decide(course, "override", "50", "--for", "turned")
    assert output.code == 2
    # Discarded: what changed is put back.
    path.write_text(before)
    assert medmark("report", "halves", "-c", course).code == 0
    # Applied.
    path.write_text(f"{before}anchors = {{ accuracy = {{ {harder} }} }}\n")
    assert medmark("grade", "halves", "-c", course, TRUSTED, "--yes").code == 0
    assert medmark("report", "halves", "-c", course).code == 0
    assert stages(course) == {"test": 6, "answers": 3, "score": 3}


def test_a_new_commit_is_no_regrade(course, marked):
    repository = marked / "repositories/turned"
    before = (repository / "refs/heads/main").read_text()
    push(repository, {"halves/solution.py": SOUND})
    try:
        assert medmark("collect", "halves", "-c", course).code == 0
        output = medmark("grade", "halves", "-c", course, TRUSTED)
        assert output.code == 0
        assert "move" not in output.out
        assert medmark("report", "halves", "-c", course).code == 0
    finally:
        (repository / "refs/heads/main").write_text(before)


def test_after_the_return_a_change_is_a_correction_with_a_reason_and_the_pages_are_version_2(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert medmark("return", "halves", "-c", course).code == 1  # no question is asked without a terminal
    output = medmark("return", "halves", "-c", course, "--yes", "--by", "prof")
    assert output.code == 0
    assert "4 of 4 people have a whole mark" in output.out
    again = medmark("return", "halves", "-c", course, "--yes")
    assert again.code == 2
    assert "a change is a correction" in again.err
    sheet(course)
    page = course / "reports/halves/feedback/half.html"
    assert "Version" not in page.read_text()

    toml = course / "course.toml"
    anchors = "trivial = 0.4, pass = 0.5, merit = 0.6, distinction = 0.7, reference = 0.75, ceiling = 0.8"
    toml.write_text(f"{toml.read_text()}anchors = {{ accuracy = {{ {anchors} }} }}\n")
    output = medmark("grade", "halves", "-c", course, TRUSTED, "--yes")
    assert output.code == 2
    assert "students read its reason" in output.err
    why = "The anchors were those of another year."
    assert medmark("grade", "halves", "-c", course, TRUSTED, "--yes", "--reason", why).code == 0
    assert [event[0] for event in events(course)][-2:] == ["returned", "correction"]
    sheet(course)
    assert "Version 2." in page.read_text()
    assert why in page.read_text()
    assert json.loads((course / "reports/halves/marksheet.json").read_text())["version"] == 2
    # What the students were sent first is still there, and only who was corrected has another version.
    kept = {path.name: path.read_text() for path in (course / "reports/halves/feedback/versions").iterdir()}
    assert set(kept) == {"half-v1.html", "half-v2.html", "sound-v1.html", "turned-v1.html"}
    assert why not in kept["half-v1.html"]
    assert kept["half-v2.html"] == page.read_text()
    assert "Version" not in (course / "reports/halves/feedback/sound.html").read_text()
    # A decision that moves nothing corrects nothing.
    assert decide(course, "dispute", "we disagree", "--for", "half").code == 0
    assert [event[0] for event in events(course)][-1] == "dispute"


def test_marks_are_returned_to_those_who_have_one_and_later_to_the_rest(course, points):
    refused = medmark("return", "halves", "-c", course, "--yes")
    assert refused.code == 2
    assert "Nobody has a whole mark, so there is nothing to return" in refused.err
    points.write_text("group,report\nsound,15.5\nhalf,12\n")
    assert decide(course, "agreed_mark", "--from", points).code == 0
    output = medmark("return", "halves", "-c", course, "--yes", "--for", "half", "--for", "turned")
    assert output.code == 0
    assert output.out.splitlines()[:2] == [
        "1 of 2 people have a whole mark.", "Left out, as a person has not marked their part yet: m1"
    ]  # fmt: skip
    output = medmark("return", "halves", "-c", course, "--yes")
    assert output.out.splitlines()[:2] == ["3 of 4 people have a whole mark.", "Returned before: 1 person."]
    assert decide(course, "held", "--for", "m0").code == 0
    output = medmark("return", "halves", "-c", course)
    assert output.out.splitlines()[0] == "2 of 4 people have a whole mark."
    assert "Returned before, without a whole mark now: m0" in output.out
    kept = course / "reports/halves/feedback/versions"
    assert {path.name for path in kept.iterdir()} == {"half-v1.html", "sound-v1.html"}
    # The first mark of whom no return reached corrects nothing, and wants no reason.
    assert decide(course, "agreed_mark", "report=7", "--for", "turned").code == 0
    assert [event[0] for event in events(course)][-2:] == ["agreed_mark", "marks"]
    assert medmark("return", "halves", "-c", course, "--yes", "--for", "m1").code == 0
    assert medmark("return", "halves", "-c", course, "--yes").code == 2
    assert medmark("return", "halves", "-c", course, "--yes", "--for", "m11").err.count("m1") == 2
    sheet(course)
    assert "Version" not in (course / "reports/halves/feedback/turned.html").read_text()


def test_a_return_is_taken_back_by_its_number_and_then_was_never(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert medmark("return", "halves", "-c", course, "--yes", "--by", "prof").code == 0
    number = str(len(events(course)))
    listed = " ".join(medmark("decide", "halves", "-c", course).out.split())
    assert f"#{number} " in listed
    assert "returned to 4 people, by prof" in listed
    assert decide(course, "retract", number, reason="too early").code == 0
    listed = " ".join(medmark("decide", "halves", "-c", course).out.split())
    assert "returned to 4 people, by prof (retracted)" in listed
    assert decide(course, "override", "50", "--for", "half").code == 0
    assert [event[0] for event in events(course)][-1] == "marks"
    assert medmark("return", "halves", "-c", course, "--yes").code == 0
    names = {path.name for path in (course / "reports/halves/feedback/versions").iterdir()}
    assert names > {"half-v1.html", f"half-v1-return-{len(events(course))}.html"}


def test_a_reference_is_for_staff_alone(course, points):
    points.write_text("group,report,reason,reference\nsound,15.5,Good figures,canary-of-the-row\nhalf,12,,\n")
    assert decide(course, "agreed_mark", "--from", points, "--reference", "canary-of-all").code == 0
    assert decide(course, "override", "50", "--for", "m2", "--reference", "canary-medical").code == 0
    listed = medmark("decide", "halves", "-c", course).out
    for reference in ("[canary-of-the-row]", "[canary-of-all]", "[canary-medical]"):
        assert listed.count(reference) == 1
    sheet(course)
    assert "canary" not in medmark("show", "halves", "-c", course, "--json", "--as", "student").out
    for path in (course / "reports").rglob("*"):
        assert path.is_dir() or "canary" not in path.read_text(), path
    # The reason of points that the group was given is their feedback, and stands on their page.
    pages = {name: (course / f"reports/halves/feedback/{name}.html").read_text() for name in ("sound", "half")}
    assert ["<p>Good figures</p>" in page for page in pages.values()] == [True, False]
    assert "<p>because</p>" in pages["half"]
    assert all("marked by a person" in page for page in pages.values())


def test_who_decides_is_one_of_the_staff_and_two_marks_are_of_two_people(course, points):
    toml = course / "course.toml"
    toml.write_text(toml.read_text() + '[staff]\nucab1 = "Ada Byron"\nucab2 = "Alan Turing"\n')

    def by(name, *words):
        more = ("--by", name) if name else ()
        return medmark("decide", "halves", *words, "--reason", "why", "-c", course, "--yes", *more)

    for name in ("", "prof", "root"):
        output = by(name, "agreed_mark", "--from", points)
        assert output.code == 2
        assert "is not among the staff of" in output.err
    assert medmark("grade", "halves", "-c", course, TRUSTED, "--by", "ucab3").code == 2
    assert by("ada byron", "agreed_mark", "--from", points).code == 0
    assert {event[1] for event in events(course)[1:]} == {"ucab1"}
    again = by("ucab1", "agreed_mark", "report=9", "--for", "half")
    assert again.code == 2
    told = "ucab1 already gave report=12 (number 4), and a second mark must come from another person"
    assert told in " ".join(again.err.split())
    assert "all of it is on record already" in by("ucab1", "agreed_mark", "--from", points).err
    assert by("ucab2", "agreed_mark", "report=9", "--for", "half").code == 0
    assert by("ucab2", "retract", str(len(events(course)) - 1)).code == 0
    assert by("ucab1", "retract", "4").code == 0
    assert by("ucab1", "agreed_mark", "report=9", "--for", "half").code == 0


def test_a_correction_never_lowers_where_the_course_says_so(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    toml = course / "course.toml"
    toml.write_text('on_correction = "never_lower"\n' + toml.read_text())
    assert medmark("return", "halves", "-c", course, "--yes").code == 0
    was = percents(course)
    lower = points.with_name("lower.csv")
    lower.write_text("group,report\nsound,1\nturned,9\n")
    output = decide(course, "agreed_mark", "--from", lower, reason="added up wrongly")
    assert "1 mark moves, none crosses a band, largest +2.0" in output.out
    assert percents(course) == {**was, "m1": was["m1"] + 2}
    assert people(course)["m0"]["trace"][0]["kind"] == "never_lower"


def test_a_late_commit_is_marked_with_the_penalty_of_each_member(course, marked, points):
    repository = marked / "repositories/sound"
    before = (repository / "refs/heads/main").read_text()
    late = push(repository, {"halves/solution.py": SOUND + "# again\n"})
    try:
        assert medmark("collect", "halves", "-c", course).code == 0
    finally:
        (repository / "refs/heads/main").write_text(before)
    # The deadline was a second after the first look, when the same commit was seen again; the next look was late.
    with Ledger.open(course / ".medmark/ledger.sqlite") as ledger:
        first = ledger.observations("halves", "sound")[0]
        due = datetime.fromisoformat(first.seen_at).replace(microsecond=0) + timedelta(seconds=1)
        ledger.add_observation(dataclasses.replace(first, seen_at=due.isoformat(timespec="milliseconds")))
    toml = course / "course.toml"
    text = re.sub(r"deadline = .*", f"deadline = {due:%Y-%m-%dT%H:%M:%S}\ngrace_minutes = 0", toml.read_text())
    toml.write_text('late_policy = "late.toml"\n' + text)
    (course / "late.toml").write_text('title = "Ours"\n[[band]]\nsubtract = 10\nclause = "late: 10 off"\n')

    assert decide(course, "late_commit", late[:12], "--for", "sound").code == 0
    assert "sound: not graded yet: medmark grade halves" in medmark("show", "halves", "-c", course).out
    assert medmark("grade", "halves", "-c", course, TRUSTED).code == 0
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert (percents(course)["m0"], percents(course)["m9"]) == (85.5, 85.5)
    output = decide(course, "extension", "1wd", "--for", "m9")
    assert re.search(r"^m9: due \d\d \w{3} \d{4}, \d\d:\d\d (UTC|GMT|BST)$", output.out, re.M)
    assert "1 mark moves, none crosses a band, largest +10.0" in output.out
    told = people(course)
    assert (told["m0"]["percent"], told["m9"]["percent"]) == (85.5, 95.5)
    assert [(line["kind"], line["why"]) for line in told["m0"]["trace"]] == [("late", "late.toml: late: 10 off")]
    assert "1 working day late" in told["m0"]["trace"][0]["what"]
    (line,) = told["m9"]["trace"]
    assert (line["kind"], line["from"], line["to"]) == ("extension", 95.5, 95.5)
    assert "within your extension to" in line["what"]
    assert "without it this would be 10 points less" in sheet(course)["m9"]["adjustments"]
    assert "within your extension" in (course / "reports/halves/personal/m9.html").read_text()


def test_what_a_person_should_know_is_printed_before_a_decision_is_recorded(course, tmp_path):
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("from,to,rating\nm0,m9,3\n")
    words = ("peer_factor", "--from", ratings, "--method", "webpa", "--without-self", "--dry-run")
    output = decide(course, *words, reason="week 9")
    told = "peer_factor 1 for sound/m9, by prof: webpa without self, 1 of 2 rated: week 9"
    assert told in " ".join(output.out.split())
    assert "sound: 1 of 2 rated; no ratings from m9" in output.out
    # Before the deadline, which an extension never shortens: the due time that is told is the one that holds.
    output = decide(course, "extension", "2026-01-01T12:00", "--dry-run")
    assert "all: due 01 Jan 2026" not in output.out
    assert "all: due" in output.out
    output = decide(course, "held", "--for", "m9", "--dry-run")
    assert re.search(r"sound/m9 +80.0 so far -> held", output.out)
    assert [event[0] for event in events(course)] == ["marks"]


def test_events_are_listed_and_a_typing_mistake_is_reported(course):
    (only,) = medmark("decide", "halves", "-c", course).out.splitlines()
    assert re.fullmatch(r"#1 [0-9-]{10} [0-9:]{5} marks: 4 marks new, by \w+", only)
    output = decide(course, "overide", "5", "--for", "sound")
    assert output.code == 2
    assert 'did you mean "override"?' in output.err
    assert medmark("decide", "halves", "override", "5", "--for", "sound", "-c", course).code == 2
    output = decide(course, "override", "5", "--for", "sound", "--from", course / "roster.csv")
    assert output.code == 2


def test_a_mark_is_explained_with_the_numbers_that_the_record_has(course, points):
    assert decide(course, "agreed_mark", "--from", points).code == 0
    assert decide(course, "peer_factor", "0.8", "--for", "m9").code == 0
    output = medmark("explain", "halves", "m9", "-c", course)
    assert output.code == 0
    assert max(map(len, output.out.splitlines())) <= 80
    assert "peer_factor: 95.5 % to 76.4 %" in output.out
    assert "on the sheet: 76.4 of 100 points, 76.4 %, marked" in output.out
    assert "(event 6," in " ".join(output.out.split())
    assert "group sound has several members: name one of m0, m9" in medmark(
        "explain", "halves", "sound", "-c", course
    ).err  # fmt: skip
    assert 'no member "m99"; did you mean "m9"?' in medmark("explain", "halves", "m99", "-c", course).err
