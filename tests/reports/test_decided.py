"""What decisions leave on sheets and pages: no number of someone without a mark, and the group's page as it was."""

import csv
import json
import re
from decimal import Decimal

import pytest

from graders.marks.applying import snapshot_event, snapshot_of
from graders.marks.differences import compare
from reports.difference_lines import difference_lines
from reports.explain import explained
from reports.table import marks_table
from reports.write import write_reports
from tests.graders.marks.test_differences import results
from tests.graders.marks.test_mark import assignment, mark
from tests.graders.marks.test_personal import course_with, event

REPORT = mark(persons={"report": Decimal("25.7")})
"""35 + 14 + 25.7 points: 74.7 of 100."""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return course_with(tmp_path_factory.mktemp("course"))


def written(folder, of, members):
    """The reports of some results: paths, and the rows of the mark sheet by member."""
    names = {group.name: f"Amber {group.name}" for group in members.groups}
    reports = write_reports(folder, assignment(), of.marks, members.groups, {}, names, people=of.people)
    with reports.marksheet_csv.open(encoding="utf-8-sig", newline="") as file:
        return reports, {row["member"]: row for row in csv.DictReader(file)}


def text_of(path):
    return re.sub(r"<style>.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.S)


def test_of_someone_who_is_held_no_number_is_left_and_the_others_keep_their_page(course, tmp_path):
    reports, _ = written(tmp_path, results(course, g1=REPORT), course)
    pages = [*reports.feedback.values(), reports.staff["solo"], reports.personal["s2"], reports.leaderboard]
    before = {path: path.read_bytes() for path in pages}
    held = results(course, event("held", "", "g1/s1"), g1=REPORT)
    reports, rows = written(tmp_path, held, course)
    assert {path: path.read_bytes() for path in before} == before
    row = rows["s1"]
    assert row["status"] == "held"
    rest = set(row) - {"member", "name", "group", "status", "out_of", "pass_mark", "adjustments", "notes"}
    assert {row[name] for name in rest} == {""}
    why = "event 1, held by prof on 2027-01-20: because"
    assert row["adjustments"] == f"held: The mark is held: there is none for now. ({why})"
    assert row["notes"] == "no mark by a decision: not the same as 0"
    sheet = json.loads(reports.marksheet_json.read_text())
    own = next(person for person in sheet["people"] if person["member"] == "s1")
    assert {own["percent"], own["points"], own["group_percent"], *own["criteria"].values()} == {None}
    page = text_of(reports.personal["s1"])
    assert "The mark is held: there is none for now." in page
    assert "74" not in page
    assert rows["s2"]["percent"] == "74.7"
    snapshot = json.loads(snapshot_event(held, at="", who="", reason="").value)
    assert (snapshot["s1"]["percent"], snapshot["s1"]["status"]) == (None, "held")
    assert "74.7" not in json.dumps(snapshot["s1"])
    (_, line) = difference_lines(compare(snapshot_of(results(course, g1=REPORT)), snapshot_of(held), strict=True))
    assert re.search(r"g1/s1 +74.7 -> held$", line)


def test_the_explanation_of_someone_who_is_held_leaves_no_number_either(course):
    of = results(course, event("override", "51", "g1/s1"), event("held", "", "g1/s1", 2), g1=REPORT)
    first, second = course.group("g1").members
    text = "\n".join(explained(of, first))
    assert "The mark is held: there is none for now." in text
    assert not re.search(r"74|25\.7|51", text)
    assert "74.7" in "\n".join(explained(of, second))


@pytest.mark.parametrize("code", ["deferred", "absent", "excused", "held"])
def test_where_nobody_of_a_group_has_a_mark_its_pages_and_the_leaderboard_are_without_numbers(course, tmp_path, code):
    of = results(course, event(code, "", "solo"), solo=REPORT)
    reports, rows = written(tmp_path, of, course)
    assert rows["s3"]["status"] == code
    for path in (reports.feedback["solo"], reports.staff["solo"]):
        page = text_of(path)
        assert "By a decision there is no mark" in page
        assert "This is the mark of the group" not in page
        assert not re.search(r"74|25\.7|0\.7", page)
    board = text_of(reports.leaderboard)
    assert "no mark" in board
    assert not re.search(rf"\b{code}\b", board)  # which decision it was is nobody else's
    assert (of.marks[1].status, of.marks[1].points, of.marks[1].findings) == (code, None, ())
    assert [cell._text for cell in marks_table(of.marks).columns[-1]._cells][1] == [code]
    # Taken back, everything is as it was.
    again = results(course, event(code, "", "solo"), event("retract", "1", "solo", 2), solo=REPORT)
    assert written(tmp_path, again, course)[1]["s3"]["percent"] == "74.7"


def test_a_course_that_rounds_to_whole_marks_does_so_on_the_sheet_the_pages_and_in_differences(course, tmp_path):
    whole = course_with(tmp_path, 'round = "1"')
    of = results(whole, event("cap", "69.5", "g1/s2"), g1=REPORT)
    reports, rows = written(tmp_path, of, whole)
    assert (rows["s1"]["percent"], rows["s1"]["points"], rows["s1"]["group_percent"]) == ("75", "75", "75")
    assert rows["s2"]["percent"] == "70"
    assert "cap: 74.7 % to 69.5 %" in rows["s2"]["adjustments"]  # steps are exact
    assert '<span class="figure">75<small>' in text_of(reports.feedback["g1"])
    assert '<span class="figure">70<small>' in text_of(reports.personal["s2"])
    lines = list(difference_lines(compare(snapshot_of(results(course, g1=REPORT)), snapshot_of(of), strict=True)))
    assert re.search(r"g1/s1 +74.7 -> 75 +\+0.3", lines[2])


def test_a_groups_page_says_that_it_is_before_what_concerns_one_person(course, tmp_path):
    sentence = "before moderation, lateness, peer factors, caps and marks decided as a whole"
    for events in ((), (event("override", "50", "g1/s2"),)):
        reports, _ = written(tmp_path, results(course, *events), course)
        # On every page alike, so that it tells nobody about the others.
        assert [sentence in text_of(path) for path in reports.feedback.values()] == [True, True]
    assert sentence not in text_of(reports.personal["s2"])


def test_an_extension_that_was_needed_stands_on_the_sheet_and_on_the_persons_page(course, tmp_path):
    late = event("extension", "5wd", "g1/s1")
    of = results(course, late, late_since="2027-01-18T12:00:00+00:00")
    reports, rows = written(tmp_path, of, course)
    sentence = "within your extension to 22 Jan 2027, 12:00 GMT; without it this would be 10 points less."
    assert sentence in rows["s1"]["adjustments"]
    assert sentence in text_of(reports.personal["s1"])
    assert (rows["s1"]["percent"], rows["s2"]["percent"]) == ("70", "60")
