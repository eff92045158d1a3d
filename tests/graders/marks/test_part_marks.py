"""Whose mark of a part stands: the first marker's, until a second one differs by more than the course allows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from assignments.assignment import Person
from assignments.errors import UserError
from assignments.rubric import Level, RubricLine
from graders.course.course import load_course
from graders.marks.deciding import DecisionChecks, Proposal
from graders.marks.part_marks import disputed_lines, part_mark
from graders.marks.requests import DecisionRequest
from graders.record.decisions import LineMark, UnreadableDecision, decision_of
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger
from tests.graders.events import event
from tests.graders.marks.hand_made import write_course_of_mlp
from tests.graders.marks.test_deciding import ROSTER

LEVELS = (
    Level(title="Good", points=(Decimal(5), Decimal(8)), descriptor="It can be repeated."),
    Level(title="Weak", points=(Decimal(0), Decimal("4.5")), descriptor="It cannot."),
)
REPORT = Person(
    kind="person", id="report", points=10,
    lines=(RubricLine(id="method", title="Method", points=8, levels=LEVELS),
           RubricLine(id="writing", title="Writing", points=2)),
)  # fmt: skip


def part(*values, tolerance=5, more=()):
    """The mark of g1 by these values of line marks; a tuple adds a comment and who wrote it."""
    events = [
        event("mlp/g1", "line_mark", value[0], reason=value[1], who=value[2] if len(value) > 2 else "ann")
        for value in ((each, "") if isinstance(each, str) else each for each in values)
    ]
    return part_mark(REPORT, Decisions.of("mlp", [*events, *more]), "g1", Decimal(tolerance))


def test_a_part_without_marks_is_open_and_shows_its_lines():
    mark = part()
    assert (mark.points, mark.waits_for) == (None, "not marked yet")
    assert [(line.line.id, line.points, line.level) for line in mark.lines] == [
        ("method", None, None), ("writing", None, None),
    ]  # fmt: skip


def test_a_part_of_which_some_lines_are_marked_is_open_and_shows_none_of_them():
    mark = part(("first report/method=7", "sound"))
    assert (mark.points, mark.waits_for) == (None, "1 of 2 lines are not marked yet: writing")
    assert [(line.points, line.comment) for line in mark.lines] == [(None, ""), (None, "")]


def test_the_first_markers_points_add_up_with_levels_and_comments():
    mark = part(("first report/method=6.5", "sound"), "first report/writing=1", ("first report", "well done"))
    assert (mark.points, mark.comment, mark.waits_for) == (Decimal("7.5"), "well done", "")
    assert [(line.points, line.comment) for line in mark.lines] == [(Decimal("6.5"), "sound"), (Decimal(1), "")]
    assert mark.lines[0].level.descriptor == "It can be repeated."


def test_nothing_is_not_blank():
    mark = part("first report/method=0", "first report/writing=0")
    assert (mark.points, mark.lines[0].level.title) == (Decimal(0), "Weak")


def test_the_last_of_several_marks_of_a_line_counts():
    assert part("first report/method=7", "first report/writing=1", "first report/method=6").points == 7


@pytest.mark.parametrize(("second", "points"), [("6.5", Decimal(8)), ("6", None), ("7.5", Decimal(8)), ("8", None)])
def test_a_second_mark_beyond_the_tolerance_opens_the_part_again(second, points):
    """5 % of 10 points are half a point: as much is within the tolerance."""
    mark = part("first report/method=7", "first report/writing=1",
                f"second report/method={second}", "second report/writing=1")  # fmt: skip
    assert mark.points == points
    assert (mark.waits_for == "") == (points is not None)
    assert disputed_lines(mark, Decimal(5)) == (() if points else ("method",))


def test_while_it_is_disputed_nobody_reads_either_mark():
    mark = part(("first report/method=7", "sound"), "first report/writing=1",
                ("second report/method=3", "poor"), "second report/writing=1")  # fmt: skip
    assert mark.waits_for == (
        "the two markers gave 8 and 4 of 10, which differ by more than 5 %: an agreed mark is needed for method"
    )
    assert [(line.points, line.comment) for line in mark.lines] == [(None, ""), (None, "")]


def test_a_second_marker_who_has_not_finished_disputes_nothing():
    assert part("first report/method=7", "first report/writing=1", "second report/method=1").points == 8


def test_an_agreed_mark_of_the_disputed_lines_settles_it():
    mark = part(("first report/method=7", "sound"), "first report/writing=1", "second report/method=3",
                "second report/writing=1", ("agreed report/method=5", "figures are missing"))  # fmt: skip
    assert (mark.points, mark.lines[0].comment) == (Decimal(6), "figures are missing")


def test_points_agreed_for_the_whole_part_stand_in_place_of_the_lines():
    whole = event("mlp/g1", "agreed_mark", "report=9", reason="as a whole")
    marked = part("first report/method=7", "first report/writing=1", more=[whole])
    assert (marked.points, marked.comment, len(marked.lines)) == (Decimal(9), "as a whole", 2)
    assert part(more=[whole]).lines == ()


def test_a_mark_of_a_line_that_is_gone_or_has_fewer_points_now_does_not_count():
    assert part("first report/style=1", "first report/writing=3").waits_for == "not marked yet"


@pytest.mark.parametrize("value", ["third report/method=7", "report/method", "report/method=", "report=7", ""])
def test_a_value_that_is_not_a_mark_of_a_line_cannot_be_read(value):
    assert isinstance(decision_of(event("mlp/g1", "line_mark", value)), UnreadableDecision)


def test_without_a_role_it_is_the_first_markers():
    mark = decision_of(event("mlp/g1", "line_mark", "report/method=7"))
    assert isinstance(mark, LineMark)
    assert (mark.role, mark.criterion, mark.line, mark.points) == ("first", "report", "method", Decimal(7))


@pytest.fixture
def checks(tmp_path):
    """Checks of decisions on a course whose report has the rubric, after these events."""
    assignment = write_course_of_mlp(tmp_path, ROSTER, report=10)
    assignment = assignment.model_copy(update={"criteria": (REPORT,)})
    ledger = Ledger.open(tmp_path / "ledger.sqlite")

    def of(*events):
        for each in events:
            ledger.add_event(each)
        return DecisionChecks(load_course(tmp_path), assignment, ledger, ledger.events("mlp"), None, lambda: ())

    with ledger:
        yield of


def proposed(checks, *values, reason="", by="ann"):
    checks = DecisionChecks(checks.course, checks.assignment, checks.ledger, checks.events,
                            datetime(2027, 1, 20, tzinfo=UTC), checks.cases)  # fmt: skip
    return checks.propose("line_mark", [DecisionRequest("", "g1", value, reason) for value in values], by)


def test_a_comment_keeps_its_lines_and_may_be_left_out(checks):
    (event_,) = proposed(checks(), "report/method=7", reason="- sound\n- short\n")
    assert (event_.value, event_.reason, event_.who) == ("first report/method=7", "- sound\n- short", "ann")
    assert proposed(checks(), "report/writing=1")[0].reason == ""


def test_several_lines_are_decided_at_once_but_one_line_not_twice(checks):
    assert len(proposed(checks(), "report/method=7", "report/writing=1", "second report/method=7")) == 3
    with pytest.raises(UserError, match="decided twice"):
        proposed(checks(), "report/method=7", "report/method=6")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("report/metod=7", 'report has no line "metod"; did you mean "method"?'),
        ("reprt/method=7", 'no criterion with a rubric is called "reprt"; did you mean "report"?'),
        ("report/method=9", "report/method: 9 is not a number from 0 to 8"),
        ("report/method=4.7", "report/method: 4.7 points belong to no level"),
        ("report/method=x", 'report/method: "x" is not a number'),
        ("agreed report/method=7", "an agreed mark needs a reason"),
        ("report", "a comment on the whole part needs a text"),
        ("report=7", '"report=7" is not a mark of a line: write it as report/method=7'),
    ],
)
def test_a_wrong_mark_of_a_line_is_refused_with_the_reason(checks, value, words):
    with pytest.raises(UserError) as error:
        proposed(checks(), value)
    assert words in str(error.value)


def test_the_same_mark_is_recorded_once_and_another_comment_is_a_new_one(checks):
    before = checks(event("mlp/g1", "line_mark", "first report/method=7", reason="sound", who="ann"))
    with pytest.raises(UserError, match="nothing to decide: all of it is on record already"):
        proposed(before, "report/method=7.0", reason="sound")
    assert len(proposed(before, "report/method=7", reason="sound, but short")) == 1


def test_a_second_mark_comes_from_another_person(checks):
    before = checks(event("mlp/g1", "line_mark", "first report/method=7", who="ann"))
    with pytest.raises(UserError, match="ann gave the first mark"):
        proposed(before, "second report/method=6")
    assert len(proposed(before, "second report/method=6", by="ben")) == 1


def test_a_comment_never_says_why_marks_moved(checks):
    events = proposed(checks(), "report/method=7", reason="canary")
    assert Proposal(tuple(events)).reason() == ""
    assert Proposal(tuple(events)).reason(of_all="the reports") == "the reports"
