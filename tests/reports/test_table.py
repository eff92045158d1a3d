"""Below the table staff read in one line why nothing came of a group's work."""

import pytest

from graders.failures import ImportFailed, Raised, WrongShape
from graders.marks.mark import Verdict
from reports.table import CAUSE, why_nothing_came
from tests.reports.hand_made import accuracy, check, mark

NO_MODULE = "builtins.ModuleNotFoundError: No module named 'matplotlib'\nTraceback"
AT = "solution.py could not be imported (ModuleNotFoundError), at solution.py:2"


def failed(name, reason=ImportFailed.reason, told=AT, evidence=f"ImportFailed: {NO_MODULE}"):
    return check(name, f"It is 0.\n{told}", 0, 5, reason=reason, evidence=evidence)


def unanswered(told=f"dice 0.000. in fit: {AT} (30).", reason=ImportFailed.reason, evidence=f"30 cases: {NO_MODULE}"):
    cases = [{"id": "a", "state": "failed"}, {"id": "b", "state": "failed"}]
    return accuracy(
        0.0, None, "0", verdict=Verdict.FAILED, told=told, reason=reason, evidence=evidence, detail={"cases": cases}
    )


def test_one_cause_of_all_tests_and_of_the_accuracy_is_one_line_with_all_groups_that_share_it():
    marks = [mark(group, checks=(failed("a"), failed("b")), accuracy=unanswered()) for group in ("g3", "g4")]
    assert list(why_nothing_came(marks)) == [
        "g3, g4: nothing could be scored: ModuleNotFoundError: No module named 'matplotlib', at solution.py:2 "
        "(2 tests, accuracy)"
    ]


def test_an_accuracy_without_any_answer_is_told_alone():
    fit = unanswered("dice 0.000. in fit: the call raised an exception (IndexError), at solution.py:28 (2).",
                     Raised.reason, "2 cases: builtins.IndexError: too many indices\nTraceback")  # fmt: skip
    assert list(why_nothing_came([mark("g1", accuracy=fit)])) == [
        "g1: nothing could be scored: IndexError: too many indices, at solution.py:28 (accuracy)"
    ]


def test_without_an_exception_the_reason_is_told():
    shape = [failed(name, WrongShape.reason, WrongShape.reason, "") for name in "ab"]
    assert list(why_nothing_came([mark("g1", checks=shape)])) == [
        "g1: nothing could be scored: the answer has the wrong shape (2 tests)"
    ]


@pytest.mark.parametrize(
    "checks",
    [
        (failed("a"), check("b", "It is 1.", 5, 5)),
        (failed("a"), failed("b", Raised.reason, "the call raised an exception", "")),
        tuple(check(name, "It is 1.", 0, 5, reason="the answer is not the expected one") for name in "ab"),
    ],
    ids=["one passed", "two causes", "wrong answers"],
)
def test_what_has_more_than_one_cause_or_ran_and_was_wrong_is_no_line(checks):
    assert list(why_nothing_came([mark("g1", checks=checks)])) == []


def test_what_a_student_wrote_is_one_plain_line_of_bounded_length():
    evidence = "ImportFailed: builtins.ValueError: \x1b[2J" + "W" * 5000
    (line,) = why_nothing_came([mark("g1", checks=(failed("a", evidence=evidence),), person=None)])
    assert line.isprintable()
    assert len(line) < CAUSE + 100
