"""Facility and discrimination of items, against values worked by hand, SciPy's point-biserial and pandas."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas
import pytest
from scipy.stats import pointbiserialr

from graders.marks.diagnosis import KnownMistake
from graders.marks.item_analysis import FEWEST, CommonFailure, correlation, item_analysis
from graders.marks.mark import Status
from graders.record.documents import Cause
from graders.record.rehearsal import pattern_of
from tests.reports.hand_made import accuracy, assignment, check, mark, not_submitted, person

ONLY_TESTS = assignment(criterion=[{"id": "tests", "kind": "hidden_tests", "points": 10}])


def group(number, *passed, out_of=(5, 5), **more):
    """A group with hidden tests a, b ..., passed or failed; None is not known."""
    checks = [
        check(f"test_{letter}", f"{letter.upper()} holds.", None if ok is None else out_of[i] if ok else 0, out_of[i],
              reason=None if ok else "wrong_answer")
        for i, (letter, ok) in enumerate(zip("abcdef", passed, strict=False))
    ]  # fmt: skip
    whole = mark(f"g{number:02}", checks=checks)
    findings = tuple(finding for finding in whole.findings if finding.kind == "hidden_test")
    return replace(whole, findings=findings, **more)


def ten(pairs):
    return [group(number, *passed) for number, passed in enumerate(pairs)]


FOUR_BOTH = ten([(1, 1)] * 4 + [(1, 0), (0, 1)] + [(0, 0)] * 4)
"""Five pass each test, four of them both."""


def test_facility_is_the_share_of_groups_that_pass_and_discrimination_the_correlation_with_the_rest():
    analysis = item_analysis(FOUR_BOTH, ONLY_TESTS)
    assert [item.id for item in analysis.tests] == ["test_losses.py::test_a", "test_losses.py::test_b"]
    for item in analysis.tests:
        assert (item.groups, item.facility, item.out_of, item.void) == (10, 0.5, 5, False)
        # Of two tests the rest is the other: phi = (10 x 4 - 5 x 5) / sqrt(5 x 5 x 5 x 5) = 15 / 25.
        assert item.discrimination.value == pytest.approx(0.6)
        # Fisher: atanh 0.6 = ln 2 = 0.6931, and 1.96 / sqrt(10 - 3) = 0.7408 to both sides.
        assert item.discrimination.interval == pytest.approx((-0.0476, 0.8925), abs=1e-4)
        assert (item.discrimination.groups, item.discrimination.why) == (10, None)


def random_marks(count=60):
    rng = np.random.default_rng(5)
    marks = []
    for number in range(count):
        ability = rng.normal()
        checks = [
            check(f"test_{i}", "x", 3 + i if rng.random() < 1 / (1 + np.exp(i - 2 - ability)) else 0, 3 + i,
                  reason="wrong_answer")
            for i in range(5)
        ]  # fmt: skip
        points = f"{min(max(20 + 6 * ability, 0), 35):.2f}"
        report = person(None if number % 4 == 0 else f"{min(max(15 + 4 * ability, 0), 30):.1f}")
        marks.append(mark(f"g{number}", checks=checks, accuracy=accuracy(0.7, None, points), person=report))
    return marks


def test_both_numbers_are_those_of_scipy_and_pandas():
    marks = random_marks()
    table = pandas.DataFrame(
        [{f.id: float(f.points) for f in each.findings if f.kind in ("hidden_test", "accuracy")} for each in marks]
    )
    analysis = item_analysis(marks, assignment())
    assert len(analysis.tests) == 5
    for item in analysis.tests:
        points = table[f"tests/{item.id}"]
        rest = table.drop(columns=f"tests/{item.id}").sum(axis=1)
        assert item.facility == pytest.approx((points > 0).mean())
        assert item.discrimination.value == pytest.approx(pointbiserialr(points > 0, rest).statistic)
        assert item.discrimination.value == pytest.approx(points.corr(rest))
        assert item.discrimination.interval[0] < item.discrimination.value < item.discrimination.interval[1]
    tests, score, report = analysis.criteria
    tests_column = [name for name in table if name.startswith("tests/")]
    of_tests = table[tests_column].sum(axis=1)
    assert tests.facility == pytest.approx(of_tests.mean() / 25)  # these tests are worth 3 + 4 + 5 + 6 + 7
    assert tests.discrimination.value == pytest.approx(of_tests.corr(table["accuracy/dice"]))
    assert score.facility == pytest.approx(table["accuracy/dice"].mean() / 35)
    assert score.discrimination.value == pytest.approx(tests.discrimination.value)  # each is all of the other's rest
    marked = [n for n, each in enumerate(marks) if each.findings[-1].points is not None]
    given = pandas.Series([float(marks[n].findings[-1].points) for n in marked])
    assert (report.groups, report.discrimination.groups) == (45, 45)
    assert report.discrimination.value == pytest.approx(given.corr(table.sum(axis=1)[marked].reset_index(drop=True)))


def test_the_hardest_test_comes_first():
    analysis = item_analysis(ten([(1, 0)] * 6 + [(1, 1)] * 4), ONLY_TESTS)
    assert [(item.id.rpartition("_")[2], item.facility) for item in analysis.tests] == [("b", 0.4), ("a", 1.0)]


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        (((1, 1),) * 5 + ((0, 0),) * 4, "few"),
        (((1, 1),) * 5 + ((1, 0),) * 5, "alike"),
        (((0, 1),) * 5 + ((0, 0),) * 5, "alike"),
        (((1, 1),) * 5 + ((0, 1),) * 5, "rest alike"),
        (((1,),) * 5 + ((0,),) * 5, "alone"),
    ],
)
def test_where_a_correlation_says_nothing_there_is_none_and_a_reason(pairs, why):
    analysis = item_analysis(ten(pairs), ONLY_TESTS)
    item = next(item for item in analysis.tests if item.id.endswith("test_a"))
    assert item.facility is not None
    assert (item.discrimination.value, item.discrimination.interval, item.discrimination.why) == (None, None, why)


def test_a_perfect_correlation_has_an_interval_without_width():
    perfect = correlation([0.0, 1.0] * 5, [3.0, 4.0] * 5)
    assert (perfect.value, perfect.interval) == (pytest.approx(1), (perfect.value, perfect.value))
    assert correlation([0.0, 1.0] * 5, [4.0, 3.0] * 5).value == pytest.approx(-1)


def test_a_result_that_the_toolkit_left_open_counts_in_no_number():
    open_result = group(99, None, 1)
    analysis = item_analysis([*FOUR_BOTH, open_result], ONLY_TESTS)
    a, b = sorted(analysis.tests, key=lambda item: item.id)
    assert (a.groups, a.facility) == (10, 0.5)
    assert (b.groups, b.facility) == (11, pytest.approx(6 / 11))
    assert (a.discrimination.groups, b.discrimination.groups) == (10, 10)  # its rest is not known
    assert a.discrimination.value == b.discrimination.value == pytest.approx(0.6)


def test_who_could_not_be_run_or_handed_nothing_in_is_left_out_and_named():
    broken = replace(group(50, 0, 0), group="broken")
    broken = replace(broken, findings=tuple(replace(f, cause=Cause("import_failed")) for f in broken.findings))
    ungraded = group(51, None, None, status=Status.WITHHELD)
    analysis = item_analysis([*FOUR_BOTH, broken, ungraded, not_submitted("none")], ONLY_TESTS)
    assert analysis.not_run == ("broken",)
    assert analysis.groups == tuple(each.group for each in FOUR_BOTH)
    assert all(item.facility == 0.5 and "broken" not in str(item.failed) for item in analysis.tests)


def test_a_void_test_has_no_numbers_and_is_in_no_rest():
    marks = [
        replace(each, findings=(replace(each.findings[0], void=True, points=Decimal(5)), each.findings[1]))
        for each in FOUR_BOTH
    ]
    b, a = item_analysis(marks, ONLY_TESTS).tests
    assert (a.void, a.facility, a.failed) == (True, None, ())
    assert (b.void, b.discrimination.why) == (False, "alone")


def test_who_failed_is_listed_by_the_likely_mistake_else_by_the_reason():
    signs = [group(number, 0, 0) for number in range(3)]
    signs = [
        replace(each, findings=tuple(replace(f, cause=Cause("wrong_answer", "sign")) for f in each.findings))
        for each in signs
    ]
    tests = [finding.id.partition("/")[2] for finding in signs[0].findings]
    pattern = {test: pattern_of(Cause("wrong_answer", "sign"), None) for test in tests}
    mistake = KnownMistake("sign", "The loss has the wrong sign", "Turn it.", frozenset(tests), frozenset(), (pattern,))
    raising = []
    for number, line in ((7, "solution.py:7"), (8, "solution.py:99")):
        a, b = (each := group(number, 0, 1)).findings
        raising.append(replace(each, findings=(replace(a, cause=Cause("raised", "ValueError", line)), b)))
    a, b = item_analysis([*signs, *raising, group(9, 1, 1)], ONLY_TESTS, [mistake]).tests
    assert a.failed == (
        CommonFailure("The loss has the wrong sign", ("g00", "g01", "g02"), True),
        CommonFailure("the call raised an exception (ValueError)", ("g07", "g08"), False),
    )
    assert b.failed == (CommonFailure("The loss has the wrong sign", ("g00", "g01", "g02"), True),)


def test_an_accuracy_lists_who_earned_nothing_and_why():
    none, late = accuracy(0.3, None, "0"), accuracy(None, None, "0", "cpu_limit")
    marks = [mark("none", accuracy=none), mark("late", accuracy=late), mark("some")]
    score = item_analysis(marks, assignment()).criteria[1]
    assert score.facility == pytest.approx(22.4 / 35 / 3)
    assert score.failed == (
        CommonFailure("the score is below the first anchor", ("none",), False),
        CommonFailure("the CPU time limit was reached", ("late",), False),
    )


def test_nothing_to_analyse_is_an_empty_analysis():
    analysis = item_analysis([not_submitted()], assignment())
    assert (analysis.tests, analysis.groups, analysis.not_run) == ((), (), ())
    assert [(item.groups, item.facility) for item in analysis.criteria] == [(0, None)] * 3


def test_the_fewest_groups_are_enough():
    assert len(FOUR_BOTH) == FEWEST
