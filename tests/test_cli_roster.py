"""`medmark roster import` as a person types it: what it shows, when it writes, and its exit codes."""

from __future__ import annotations

import pytest

from tests.graders.small_roster import COURSE, write_course
from tests.small_course import medmark

LIST = """\
First name,Last name,ID number,Email address,Groups
Ada,Byron,25001234,ada@example.org,Group 7
"""
PATTERN = '[roster]\nrepository = "https://github.com/ORG/{group}.git"\n'
HEADER = "group,member,name,email,repository\n"


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    (tmp_path / "list.csv").write_text(LIST)
    return write_course(folder, COURSE + PATTERN, HEADER)


def imported(course, *options):
    return medmark("roster", "import", course.parent / "list.csv", "-c", course, *options)


def test_a_dry_run_shows_the_difference_and_writes_nothing(course):
    output = imported(course, "--dry-run")
    assert output.code == 0
    assert "1 person added, 0 removed" in output.out
    assert (course / "roster.csv").read_text() == HEADER


def test_without_a_yes_nothing_is_written(course):
    output = imported(course)
    assert output.code == 1
    assert "Not applied: run the same command with --yes" in output.err
    assert (course / "roster.csv").read_text() == HEADER


def test_the_roster_is_replaced_and_the_next_import_changes_nothing(course):
    assert imported(course, "--yes").code == 0
    text = (course / "roster.csv").read_text()
    assert text.splitlines()[1].startswith(
        "group-07,25001234,Ada Byron,ada@example.org,https://github.com/ORG/group-07"
    )
    again = imported(course)
    assert (again.code, "The roster holds all of it already." in again.out) == (0, True)
    assert [path.name for path in course.iterdir() if path.suffix == ".part"] == []


def test_a_row_that_must_be_corrected_is_exit_code_1(course):
    (course.parent / "list.csv").write_text(LIST.replace("ada@example.org", ""))
    output = imported(course, "--yes")
    assert output.code == 1
    assert "Ada Byron: has no e-mail address" in output.err
    assert "25001234" in (course / "roster.csv").read_text()


def test_a_new_course_without_assignments_takes_a_list(tmp_path):
    (tmp_path / "list.csv").write_text(LIST)
    assert medmark("init", tmp_path / "new").code == 0
    output = medmark("roster", "import", tmp_path / "list.csv", "-c", tmp_path / "new", "--yes")
    assert output.code == 1  # there are no repositories yet
    assert "group group-07 has no repository" in output.err
    assert "group-07,25001234" in (tmp_path / "new/roster.csv").read_text()


def test_a_list_that_cannot_be_read_is_a_mistake_of_the_person(course):
    (course.parent / "list.csv").write_text("colour\nred\n")
    output = imported(course, "--yes")
    assert output.code == 2
    assert "no list of people that medmark reads has these columns: colour" in output.err
    assert "Traceback" not in output.err


def test_the_doctor_looks_at_hosts_only_where_somebody_says_so(course):
    (course / "roster.csv").write_text(HEADER + "g1,s1,Ada,a@b.org,file:///nowhere/g1\n")
    (course / "course.toml").write_text(COURSE + PATTERN + "[access]\nallow_file = true\n")
    without = medmark("doctor", "-c", course)
    assert "this machine" not in without.out
    output = medmark("doctor", "--hosts", "-c", course)
    assert output.code == 1
    assert "missing  this machine: none of 1 repository answers without a token" in output.out
    assert "missing  g1: file:///nowhere/g1: there is no repository at this address" in output.out
    assert "looking 1/1 g1" in output.err
    alone = medmark("doctor", "--hosts")
    assert (alone.code, "--hosts belongs to --course" in alone.err) == (2, True)
