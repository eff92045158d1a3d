"""`medmark status` and the cohort's page on a real course: collected, marked, and before both."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.reports.pages import Page
from tests.small_course import CRASHES, SOUND, TURNED, medmark, write_course

GROUPS = {"sound": SOUND, "turned": TURNED, "crashes": CRASHES, "gone": SOUND}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A course of four groups, of which one has no repository; nothing was collected."""
    return write_course(tmp_path_factory.mktemp("courses") / "fresh", GROUPS, gone=("gone",))


@pytest.fixture(scope="module")
def marked(fresh, tmp_path_factory):
    folder = shutil.copytree(fresh, tmp_path_factory.mktemp("courses") / "marked")
    assert medmark("collect", "halves", "-c", folder).code == 1
    graded = medmark("grade", "halves", "-c", folder, "--trust-submissions")
    assert graded.code == 0, graded.err
    return folder


def test_before_the_first_collection_it_names_the_command_and_the_dates(fresh):
    output = medmark("status", "-c", fresh)
    assert output.code == 0, output.err
    lines = output.out.splitlines()
    assert lines[0] == "Which half is brighter (halves)"
    assert lines[1].startswith("due           ")
    assert lines[1].endswith("7 days left")
    assert lines[2].startswith("feedback due  ")
    assert lines[3] == f"Nothing was collected yet: medmark collect halves -c {fresh}"
    assert not (fresh / ".medmark/data.json").exists()  # no hidden case was drawn


def test_it_counts_groups_and_says_who_needs_a_person(marked):
    output = medmark("status", "halves", "-c", marked)
    assert output.code == 0, output.err
    assert max(len(line) for line in output.out.splitlines() if "medmark" not in line and ": " not in line) <= 80
    numbers = [line.split() for line in output.out.splitlines() if re.fullmatch(r"[\s\d]+( of \d+)?\s*", line)]
    assert numbers == [["4", "3", "3", "3", "0", "of", "4"], ["1"]]
    assert f"medmark collect halves --only gone -c {marked}" in output.out
    assert "gone: no commit so far" in output.out


def test_as_json_it_is_one_document_for_all_assignments(marked):
    output = medmark("status", "-c", marked, "--json")
    assert output.code == 0, output.err
    (halves,) = json.loads(output.out)["assignments"]
    counts = halves["counts"]
    assert (counts["groups"], counts["marked"], counts["nothing"], counts["people"]) == (4, 3, 1, 4)
    assert {need["kind"] for need in halves["needs"]} == {"unread", "silent"}
    one = json.loads(medmark("status", "halves", "-c", marked, "--json").out)
    assert [each["assignment"] for each in one["assignments"]] == ["halves"]


def test_an_assignment_that_cannot_be_read_stops_no_other(marked, tmp_path):
    folder = shutil.copytree(marked, tmp_path / "course")
    with (folder / "course.toml").open("a") as file:
        file.write('[assignments.thirds]\nsource = "thirds"\ndeadline = 2027-01-15T12:00:00\n')
    shutil.copytree(folder / "halves", folder / "thirds")
    (folder / "thirds/assignment.toml").write_text('id = "thirds"\n')
    output = medmark("status", "-c", folder)
    assert output.code == 1
    assert "Which half is brighter (halves)" in output.out
    assert "thirds/assignment.toml" in output.err
    alone = medmark("status", "thirds", "-c", folder)
    assert (alone.code, alone.out) == (2, "")
    unknown = medmark("status", "halfs", "-c", folder)
    assert unknown.code == 2
    assert 'did you mean "halves"?' in unknown.err


def test_report_writes_the_cohorts_page_and_names_it_first(marked, tmp_path):
    output = medmark("report", "halves", "-c", marked, "--out", tmp_path)
    assert output.code == 0, output.err
    home = tmp_path / "halves"
    assert output.out.splitlines()[:2] == [str(home), "  index.html        the cohort, for staff: open this first"]
    html = (home / "index.html").read_text(encoding="utf-8")
    page = Page(html)
    links = {value for tag, name, value in page.attributes if (tag, name) == ("a", "href") if not value.startswith("#")}
    assert len(links) >= 4 * 3  # staff, feedback and one person's page of each group, and the sheets
    assert [link for link in sorted(links) if not (home / link).is_file()] == []
    for words in ("halves", "sound", "turned", "opening the container, until the framework is there", "3 jobs"):
        assert words in page.text
    assert "not on record" not in page.text
    assert "canary-hidden-source" not in html  # a test's source is no page's
    before = (home / "index.html").stat().st_mtime_ns
    assert medmark("report", "halves", "-c", marked, "--out", tmp_path).code == 0
    assert (home / "index.html").stat().st_mtime_ns == before


def test_the_cohorts_page_links_what_other_commands_wrote_beside_it(marked, tmp_path):
    course = shutil.copytree(marked, tmp_path / "course")
    assert medmark("return", "halves", "-c", course, "--yes").code == 0
    home = course / "reports/halves"
    (home / "cases").mkdir()
    for other in ("audit.html", "cases/sound.html"):
        (home / other).write_text("Another command wrote this.")
    assert medmark("report", "halves", "-c", course).code == 0
    html = (home / "index.html").read_text(encoding="utf-8")
    links = [value for tag, name, value in Page(html).attributes if (tag, name) == ("a", "href") if value[0] != "#"]
    pages = {path.relative_to(home).as_posix() for path in home.rglob("*.html")} - {"index.html"}
    assert {"audit.html", "cases/sound.html", "feedback/versions/sound-v1.html"} <= pages
    assert {link for link in links if link.endswith(".html")} == pages


def test_an_unknown_sandbox_is_refused(marked):
    output = medmark("status", "halves", "-c", marked, "--sandbox", "locl")
    assert (output.code, output.out) == (2, "")
    assert "locl" in output.err
