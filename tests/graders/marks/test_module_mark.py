"""A module mark, worked by hand: exact until one rounding, and only where every part has a mark."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.course.course import CourseError
from graders.marks.mark import Status
from graders.marks.module_mark import module_mark, shares_of
from graders.marks.personal import PersonalMark
from tests.graders.course.two_assignments import write_course

SHARES = {"alpha": Fraction(2, 5), "beta": Fraction(3, 5)}


def part(id, exact, status=Status.MARKED, pass_mark=40, level=6):
    """A person's mark for one assignment; None for a mark that is missing."""
    exact = None if exact is None else Fraction(exact)
    percent = None if exact is None else Decimal(round(exact * 10)) / 10
    return PersonalMark(id, "g1", "s1", status, percent, percent, Decimal(100), pass_mark, level, (), exact=exact)


def of(alpha, beta, shares=SHARES, round_to="0.1", **more):
    return module_mark([part("alpha", alpha, **more), part("beta", beta, **more)], shares, round_to)


@pytest.mark.parametrize(
    ("alpha", "beta", "round_to", "exact", "percent"),
    [
        ("62", "55", "0.1", "57.8", "57.8"),  # 24.8 + 33
        ("50", "49.75", "0.1", "49.85", "49.9"),  # 20 + 29.85: a half goes up
        ("39", "40", "1", "39.6", "40"),
        ("49", "49.8333", "1", "49.49998", "49"),  # 19.6 + 29.89998, just below the half
        ("48.75", "50", "1", "49.5", "50"),  # 19.5 + 30, the half itself
        ("0", "0", "0.1", "0", "0.0"),  # a mark of 0 is a mark
        ("100", "100", "1", "100", "100"),
    ],
)
def test_it_is_the_weighted_mean_and_rounded_once_half_up(alpha, beta, round_to, exact, percent):
    mark = of(alpha, beta, round_to=round_to)
    assert mark.exact == Fraction(exact)
    assert mark.percent == Decimal(percent)


def test_the_marks_enter_before_their_own_rounding():
    """0.4 x 59.4 + 0.6 x 59.5 = 59.46. To a whole these marks are 59 and 60, whose mean 59.6 would make it 60."""
    assert of("59.4", "59.5", round_to="1").percent == 59
    assert of("49.46", "49.46").percent == Decimal("49.5")
    assert of("49.46", "49.46", round_to="1").percent == 49  # and not 50, by way of 49.5


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MARKED])
def test_a_part_without_a_mark_leaves_no_module_mark_whatever_the_reason(status):
    mark = module_mark([part("alpha", "90"), part("beta", None, status)], SHARES, "0.1")
    assert (mark.exact, mark.percent) == (None, None)
    assert [each.assignment for each in mark.missing] == ["beta"]


def test_no_weight_moves_to_the_other_part_of_somebody_who_is_excused():
    assert module_mark([part("alpha", "90"), part("beta", None, Status.EXCUSED)], SHARES, "0.1").percent is None


def test_parts_with_different_pass_marks_have_no_common_one():
    same = of("60", "60", pass_mark=50)
    assert same.pass_mark == 50
    mixed = module_mark([part("alpha", "60"), part("beta", "60", pass_mark=50, level=7)], SHARES, "0.1")
    assert (mixed.percent, mixed.pass_mark, mixed.level) == (Decimal("60.0"), None, 7)


@pytest.mark.parametrize(
    ("alpha", "beta", "shares"),
    [
        (40, 60, {"alpha": Fraction(2, 5), "beta": Fraction(3, 5)}),
        ("0.4", "0.6", {"alpha": Fraction(2, 5), "beta": Fraction(3, 5)}),  # binary 0.4 is not two fifths
        ("1.0", "2.0", {"alpha": Fraction(1, 3), "beta": Fraction(2, 3)}),
        ("0.1", "0.2", {"alpha": Fraction(1, 3), "beta": Fraction(2, 3)}),
    ],
)
def test_weights_count_as_they_are_written_and_need_no_common_sum(tmp_path, alpha, beta, shares):
    assert shares_of(write_course(tmp_path, alpha=alpha, beta=beta)) == shares


@pytest.mark.parametrize("weight", ["inf", "nan", "0", "-1"])
def test_a_weight_that_is_no_share_is_refused(tmp_path, weight):
    with pytest.raises(CourseError, match=r"course\.toml:\d+ assignments\.alpha\.weight"):
        write_course(tmp_path, alpha=weight)


percents = st.fractions(min_value=0, max_value=100, max_denominator=1000)


@given(percents, percents, st.integers(1, 99), st.sampled_from(["0.1", "1"]))
def test_it_lies_between_its_parts_and_within_half_a_step_of_the_exact_mean(alpha, beta, share, round_to):
    shares = {"alpha": Fraction(share, 100), "beta": Fraction(100 - share, 100)}
    mark = of(alpha, beta, shares, round_to)
    assert min(alpha, beta) <= mark.exact <= max(alpha, beta)
    assert abs(Fraction(mark.percent) - mark.exact) <= Fraction(round_to) / 2
