"""When a cap's condition holds of a score."""

from assignments.caps import parse_condition
from graders.metrics import checks
from graders.scoring import caps
from graders.scoring.caps import holds
from tests.graders.marks import hand_made


def measured(*repeats, score=0.6, combine="median"):
    return hand_made.measured(score, cases=hand_made.cases_of(*repeats), combine=combine)


def test_cases_are_counted_strictly_beyond_the_value():
    below, above = parse_condition("cases_below(dice, 0.5) > 1"), parse_condition("cases_above(dice, 0.5) > 1")
    assert holds(below, measured([0.4, 0.49, 0.5]))
    assert not holds(below, measured([0.4, 0.5, 0.5]))
    assert holds(above, measured([0.5, 0.6, 0.7]))
    assert not holds(above, measured([0.5, 0.5, 0.7]))


def test_a_distance_that_equals_the_value_but_for_rounding_is_not_beyond_it():
    assert not holds(parse_condition("cases_above(hd95, 3.3) > 0"), measured([3 * 1.1]))
    assert not holds(parse_condition("hd95 > 3.3"), measured(score=3 * 1.1))
    assert not holds(parse_condition("cases_below(dice, 0.3) > 0"), measured([1 - 0.7]))  # 0.30000000000000004
    assert not holds(parse_condition("cases_below(dice, 0.8) > 0"), measured([1 - 0.2 - 1e-16]))
    assert holds(parse_condition("cases_above(hd95, 3.3) > 0"), measured([3.30001]))


def test_a_cap_and_a_tolerance_have_the_same_slack():
    assert caps.THRESHOLD_SLACK == checks.TOLERANCE_SLACK


def test_cases_that_were_set_apart_are_not_counted():
    assert not holds(parse_condition("cases_below(dice, 0.5) > 0"), measured([None, 0.6]))


def test_one_bad_repeat_of_three_does_not_cap_a_median_but_does_cap_a_mean():
    condition = parse_condition("cases_below(dice, 0.5) > 0")
    assert not holds(condition, measured([0.6], [0.6], [0.4]))
    assert holds(condition, measured([0.6], [0.6], [0.4], combine="mean"))


def test_a_score_is_compared_strictly():
    assert not holds(parse_condition("dice < 0.6"), measured([0.6]))
    assert holds(parse_condition("dice < 0.61"), measured([0.6]))
    assert holds(parse_condition("dice > 0.59"), measured([0.6]))
