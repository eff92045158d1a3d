"""What `status` prints: the days that are left, the numbers in 80 columns, and the to-do list with its commands."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from graders.intake.feedback_due import feedback_due
from graders.marks.differences import Differences
from graders.record.in_force import Decisions
from graders.runs.marking import Change
from graders.runs.overview import Overview
from reports.cohort_counts import CohortCounts, counts_of
from reports.need import Need
from reports.status import (
    GROUPS,
    REASONS,
    counts_table,
    due_lines,
    heading,
    need_lines,
    needs_of,
    others_table,
    progress_lines,
    status_as_json,
    typed_in,
    working_days_left,
)
from tests.reports.cohort_made import DUE, ID, course_of, event, group_of, twenty

FEEDBACK = datetime(2026, 12, 18, 17, tzinfo=UTC)
"""Twenty working days after the due time."""


def overview_of(cohort):
    due = feedback_due(cohort.course, Decisions.of(ID, cohort.results.events))
    change = Change(cohort.course, cohort.results, Differences((), (), ""), sandbox="docker", command="")
    return Overview(cohort.course, ID, cohort.assignment.title, due, change, cohort.record, cohort.ends)


def dated(*events, **settings):
    """An assignment of which nothing was collected, with its dates."""
    course = course_of([group_of(1, 2)], **settings)
    return Overview(course, ID, "Prostate", feedback_due(course, Decisions.of(ID, events)))


@pytest.mark.parametrize(
    ("now", "work", "feedback"),
    [
        (DUE - timedelta(days=12), "12 days left", "40 days left, 30 working days"),
        (DUE - timedelta(hours=1), "today", "28 days left, 20 working days"),
        (DUE + timedelta(hours=1), "earlier today", "28 days left, 20 working days"),
        (datetime(2026, 11, 22, 9, tzinfo=UTC), "2 days ago", "26 days left, 20 working days"),  # a Sunday
        (datetime(2026, 12, 14, 23, tzinfo=UTC), "24 days ago", "4 days left, 4 working days"),
        (datetime(2026, 12, 17, 9, tzinfo=UTC), "27 days ago", "1 day left, 1 working day"),
        (FEEDBACK - timedelta(hours=1), "28 days ago", "today"),
        (FEEDBACK + timedelta(days=3), "31 days ago", "3 days ago"),
    ],
)
def test_the_days_that_are_left_are_those_of_a_calendar_on_the_wall(now, work, feedback):
    first, second = due_lines(dated(), now)
    assert first == f"due           20 November 2026, 17:00 GMT, {work}"
    assert second == f"feedback due  18 December 2026, 17:00 GMT, {feedback}"


def test_whoever_has_an_extension_is_counted_with_the_last_date():
    own = event("extension", "7d", "group-001", 1, member="zc001b")
    lines = list(due_lines(dated(own), DUE))
    expected = "later for 1 person with an extension, at the latest 29 December 2026, 17:00 GMT"
    assert lines[2] == f"              {expected}"


def test_a_date_beyond_the_known_bank_holidays_is_to_be_checked():
    far = event("extension", "2031-01-10T12:00", "", 1)
    assert "check the date" in list(due_lines(dated(far), DUE))[-1]


def test_once_feedback_was_due_no_working_day_is_left():
    assert working_days_left(dated(), FEEDBACK + timedelta(days=30)) == 0


def printed(table):
    stream = io.StringIO()
    Console(file=stream, width=80, markup=False, highlight=False).print(table)
    return stream.getvalue()


def test_the_numbers_fit_into_80_columns_and_empty_columns_are_left_out():
    counts = counts_of(twenty().results)
    names, _, numbers = printed(counts_table(counts)).strip("\n").splitlines()
    assert names.split("  ") == ["groups", "with a commit", "graded", "marked", "returned to people "]
    assert numbers.split() == ["20", "19", "18", "16", "0", "of", "41"]
    names, _, numbers = printed(others_table(counts)).strip("\n").splitlines()
    assert names.split("  ") == ["in part", "withheld", "waiting", "nothing handed in "]
    assert numbers.split() == ["1", "1", "1", "1"]
    most = CohortCounts(*[88888] * 13)
    for table in (counts_table(most), others_table(most)):
        assert max(map(len, printed(table).splitlines())) <= 80
        assert "\u2026" not in printed(table)
    assert others_table(replace(most, incomplete=0, withheld=0, ungraded=0, waiting=0, nothing=0, decided=0)) is None


def test_marks_term_and_cost_have_a_line_each_in_80_columns():
    lines = list(progress_lines(overview_of(twenty())))
    marks, classes, term, marking = (line.split(maxsplit=1) for line in lines)
    assert marks == ["marks", "mean 50.3 %, median 51.8 %"]
    assert classes == ["classes", "Fail 6, Third 10, 2:2 7, 2:1 4, First 6"]
    assert term[0] == "term"
    assert re.fullmatch(r"\d+ commits of 19 groups, \d+ Oct 2026 to \d+ Nov 2026", term[1])
    assert marking == ["marking", "9 min of CPU time by the groups' code"]
    assert max(map(len, lines)) <= 80
    assert list(progress_lines(dated())) == []


def lines_of(*found, in_course=""):
    return [line for line, _ in need_lines(found, ID, in_course)]


def test_a_kind_is_named_once_and_each_reason_has_its_groups_and_its_command():
    found = [Need("withheld", "engine: away", ("a", "b"), ("medmark grade x",)), Need("withheld", "data", ("c",), ())]
    assert lines_of(*found) == [
        "Withheld by a failure of the toolkit or the machine",
        "  a, b: engine: away",
        "    medmark grade x",
        "  c: data",
    ]


def test_of_many_groups_commands_and_reasons_the_first_are_shown_and_where_the_rest_is():
    many = tuple(f"g{number}" for number in range(50))
    found = [Need("silent", "since May", many, tuple(f"medmark explain x {name}" for name in many))]
    text = lines_of(*found)
    assert f"g{GROUPS - 1} and {50 - GROUPS} more: since May" in text[1]
    assert text[-1] == f"    and so on, 50 commands: medmark status {ID} --json"
    rows = [Need("roster", f"line {number}", (), ("medmark doctor -c .",)) for number in range(9)]
    assert lines_of(*rows)[-1] == f"  and {9 - REASONS} more: medmark status {ID} --json"
    assert sum("line " in line for line in lines_of(*rows)) == REASONS


def test_commands_name_the_course_where_it_is_not_the_folder_of_the_terminal():
    need = Need("roster", "line 3", (), ("medmark doctor -c .",))
    assert lines_of(need, in_course=" -c dl")[-1] == "    medmark doctor -c dl"
    assert typed_in("medmark grade mlp", " -c dl") == "medmark grade mlp -c dl"
    assert typed_in("medmark rehearse mlp -c . --calibrate", " -c dl") == "medmark rehearse mlp --calibrate -c dl"
    assert typed_in("medmark doctor -c .", "") == "medmark doctor -c ."


def test_a_command_is_not_wrapped():
    need = Need("open", "report: not marked yet", ("a",), ("medmark decide x",))
    assert [hanging for _, hanging in need_lines([need], ID)] == ["  ", "  ", None]


def test_the_json_holds_every_group_and_command():
    overview = overview_of(twenty())
    plain = json.loads(json.dumps(status_as_json(overview, DUE + timedelta(days=2))))
    assert plain["counts"]["groups"] == 20
    assert (plain["days_left"], plain["working_days_left"], plain["collected"]) == (26, 20, True)
    assert plain["feedback_due"] == FEEDBACK.isoformat()
    assert [need["kind"] for need in plain["needs"]] == [need.kind for need in needs_of(overview)]
    assert plain["marks"]["classes"] == {"Fail": 6, "Third": 10, "2:2": 7, "2:1": 4, "First": 6}
    assert (plain["marks"]["mean"], plain["marks"]["median"]) == (50.28, 51.8)
    assert plain["term"]["groups"] == 19
    assert plain["spending"]["jobs"] == 20
    silent = next(need for need in plain["needs"] if need["kind"] == "silent")
    assert silent["title"] == "Silent: no commit, or none for two weeks"
    assert len(silent["groups"]) == len(silent["commands"]) > 0


def test_before_a_collection_and_where_an_assignment_cannot_be_read_there_are_no_numbers():
    plain = status_as_json(dated(), DUE)
    assert plain["collected"] is False
    assert "counts" not in plain
    unread = replace(dated(), due=None, problem="assignment.toml: is missing")
    assert status_as_json(unread, DUE)["problem"] == "assignment.toml: is missing"
    assert (list(due_lines(unread, DUE)), needs_of(unread)) == ([], ())


def test_an_assignment_is_named_by_title_and_id():
    assert heading(dated()) == f"Prostate ({ID})"
    assert heading(replace(dated(), title=ID)) == ID
