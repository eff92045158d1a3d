"""Below the table staff read in one line why nothing came of a group's work."""

import pytest

from graders.failures import ImportFailed, Raised, WrongShape
from graders.record.documents import Cause, FailedCases
from reports.table import CAUSE, why_nothing_scored
from tests.graders.marks.hand_made import cases_of, measured
from tests.reports.hand_made import accuracy, check, mark

NO_MODULE = "ModuleNotFoundError: No module named 'matplotlib'"


def failed(name, reason=ImportFailed.reason, line="solution.py:2", cause_detail=NO_MODULE):
    return check(name, "It is 0.", 0, 5, reason=reason, line=line, cause_detail=cause_detail)


def unanswered(reason=ImportFailed.reason, line="solution.py:2", cause_detail=NO_MODULE):
    cause = Cause(reason, line=line, function="fit")
    of_none = measured(0.0, (0.0, 0.0), cases=cases_of([0.0, 0.0], failed=(0, 1)))
    failed = (FailedCases(cause, 2),)
    return accuracy(0.0, None, "0", reason, failed=failed, cause_detail=cause_detail, measured=of_none)


def test_one_cause_of_all_tests_and_of_the_accuracy_is_one_line_with_all_groups_that_share_it():
    marks = [mark(group, checks=(failed("a"), failed("b")), accuracy=unanswered()) for group in ("g3", "g4")]
    assert list(why_nothing_scored(marks)) == [
        "g3, g4: nothing could be scored: ModuleNotFoundError: No module named 'matplotlib', at solution.py:2 "
        "(2 tests, accuracy)"
    ]


def test_an_accuracy_without_any_answer_is_listed_alone():
    fit = unanswered(Raised.reason, "solution.py:28", "IndexError: too many indices")
    assert list(why_nothing_scored([mark("g1", accuracy=fit)])) == [
        "g1: nothing could be scored: IndexError: too many indices, at solution.py:28 (accuracy)"
    ]


def test_without_an_exception_the_reason_is_shown():
    shape = [failed(name, WrongShape.reason, None, "") for name in "ab"]
    assert list(why_nothing_scored([mark("g1", checks=shape)])) == [
        "g1: nothing could be scored: the answer has the wrong shape (2 tests)"
    ]


@pytest.mark.parametrize(
    "checks",
    [
        (failed("a"), check("b", "It is 1.", 5, 5)),
        (failed("a"), failed("b", Raised.reason, None, "")),
        tuple(check(name, "It is 1.", 0, 5, reason="wrong_answer") for name in "ab"),
    ],
    ids=["one passed", "two causes", "wrong answers"],
)
def test_what_has_more_than_one_cause_or_ran_and_was_wrong_is_no_line(checks):
    assert list(why_nothing_scored([mark("g1", checks=checks)])) == []


def test_what_a_student_wrote_is_one_plain_line_of_bounded_length():
    cause_detail = "ValueError: \x1b[2J" + "W" * 5000
    (line,) = why_nothing_scored([mark("g1", checks=(failed("a", cause_detail=cause_detail),), person=None)])
    assert line.isprintable()
    assert len(line) < CAUSE + 100
