"""People as the world has them, typed as a person would: odd rows, moves and renames between two commands."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from tests.small_course import SOUND, TURNED, medmark, write_course

TRUSTED = "--trust-submissions"


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Three groups of one, collected and marked once."""
    folder = write_course(tmp_path_factory.mktemp("people") / "course", {"one": SOUND, "two": TURNED, "three": SOUND})
    assert medmark("collect", "halves", "-c", folder).code == 0
    assert medmark("grade", "halves", "-c", folder, TRUSTED, "--yes").code == 0
    return folder


@pytest.fixture
def course(marked, tmp_path):
    """A copy of its own; the repositories stay where they were."""
    return shutil.copytree(marked, tmp_path / "course")


def rewrite(course, *pairs):
    path = course / "roster.csv"
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def shown(course):
    output = medmark("show", "halves", "-c", course, "--json")
    return {mark["group"]: mark for mark in json.loads(output.out)["marks"]}


def percents(course):
    return {person["member"]: person["percent"] for mark in shown(course).values() for person in mark["people"]}


def sheet(course):
    assert medmark("report", "halves", "-c", course).code == 0
    with (course / "reports/halves/marksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["member"]: row for row in csv.DictReader(file)}


def test_one_odd_row_withholds_its_groups_mark_and_the_other_groups_go_on(course):
    rewrite(course, ("m1@example.org", "m1 at example.org"))
    output = medmark("collect", "halves", "-c", course)
    assert output.code == 1
    assert "roster.csv:3 email:" in output.err
    assert "Set aside until these rows are corrected: two. All other groups go on." in output.err
    assert "set aside" in output.out
    output = medmark("grade", "halves", "-c", course, TRUSTED, "--yes")
    assert output.code == 3
    assert "no mark yet: two. The lines below the table say why." in output.err
    assert "toolkit failure" not in output.err
    assert "two: set aside: the course's staff must correct this group's rows of the roster first" in output.out
    assert {name: mark["status"] for name, mark in shown(course).items()} == {
        "one": "marked", "two": "withheld", "three": "marked",
    }  # fmt: skip
    output = medmark("doctor", "-c", course)
    assert output.code == 1
    assert "roster.csv:3 email:" in output.out
    row = sheet(course)["m1"]
    assert (row["status"], row["percent"]) == ("withheld", "")
    assert row["notes"].startswith("no mark yet: The course's staff must correct this group's rows of the roster first")
    page = (course / "reports/halves/feedback/two.html").read_text()
    assert "No mark yet, for the reason above." in page
    assert "at example.org" not in page  # a member's cell is staff's to read
    assert "at example.org" in (course / "reports/halves/staff/two.html").read_text()
    rewrite(course, ("m1 at example.org", "m.o'1@example.org"))
    assert medmark("grade", "halves", "-c", course, TRUSTED, "--yes").code == 0
    assert percents(course)["m1"] is not None


def decide(course, *words):
    return medmark("decide", "halves", *words, "--by", "prof", "--reason", "board 12", "-c", course, "--yes")


def test_an_override_follows_its_person_into_another_group(course):
    rewrite(course, ("one,m0,Student 0,m0@example.org,", "one,m8,Student 8,m8@example.org,"))
    rewrite(course, ("two,m1,", "two,m0,Student 0,m0@example.org,\ntwo,m1,"))
    assert decide(course, "override", "55", "--for", "m0").code == 0
    rewrite(course, ("two,m0,", "three,m0,"))
    assert percents(course)["m0"] == 55
    output = medmark("grade", "halves", "-c", course, TRUSTED, "--yes")
    assert output.code == 0
    assert "decision" not in output.err
    # Gone from the roster, the decision is told by its number wherever marks are made or told.
    rewrite(course, ("three,m0,", "three,m00,"))
    for words in (("grade", TRUSTED, "--yes"), ("show",), ("report",), ("decide",)):
        output = medmark(words[0], "halves", *words[1:], "-c", course)
        assert "(override 55) is about two/m0, who is not in the roster; did you mean m00?" in output.err
        assert "medmark decide halves retract" in output.err
    assert "is about two/m0" in medmark("doctor", "-c", course).out


def test_a_renamed_group_keeps_its_commit_its_mark_and_what_was_decided_about_it(course):
    assert decide(course, "override", "61", "--for", "one").code == 0
    before = percents(course)
    rewrite(course, ("one,m0,", "team,m0,"))
    output = medmark("grade", "halves", "-c", course, TRUSTED, "--yes")
    assert output.code == 0
    assert "decision" not in output.err
    assert percents(course) == before
    assert shown(course)["team"]["commit"]
    told = medmark("explain", "halves", "m0", "-c", course).out
    assert f"seen {shown(course)['team']['commit'][:10]}: " in told
    assert "1 commit by 1 author" in told  # from the mirror that has the old name
    assert medmark("collect", "halves", "-c", course).code == 0
    assert percents(course) == before


def test_two_groups_that_exchange_their_names_keep_their_own_work(course):
    before = percents(course)
    rewrite(course, ("one,m0,", "x,m0,"), ("two,m1,", "one,m1,"), ("x,m0,", "two,m0,"))
    assert percents(course) == before


def test_other_columns_of_the_roster_stand_on_the_mark_sheet(course):
    rewrite(course, ("repository\n", "repository,Programme,Status\n"))
    lines = (course / "roster.csv").read_text().splitlines()
    rows = [lines[0], *(f"{line},MSc Ä {at},=A{at}" for at, line in enumerate(lines[1:]))]
    (course / "roster.csv").write_text("\n".join(rows), encoding="utf-8")
    rows = sheet(course)
    assert rows["m1"]["Programme"] == "MSc Ä 1"
    assert rows["m1"]["status"] == "marked"
    # A cell that a spreadsheet would run is quoted by an apostrophe, as every other.
    assert rows["m1"]["roster_Status"] == "'=A1"
    people = json.loads((course / "reports/halves/marksheet.json").read_text())["people"]
    assert people[1]["roster"] == {"Programme": "MSc Ä 1", "Status": "=A1"}
