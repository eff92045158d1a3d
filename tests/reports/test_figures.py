"""Positions in the figures, by hand."""

import pytest

from reports.figures import Axis, axis_of, curve, whisker, within_sight
from reports.numbers import number
from tests.reports.hand_made import assignment


def test_an_axis_runs_from_worse_to_better_and_stays_in_the_figure():
    assert [Axis(0.0, 1.0).at(v) for v in (-1.0, 0.25, 2.0)] == [0.0, 25.0, 100.0]
    assert [Axis(20.0, 0.0).at(v) for v in (20.0, 5.0, 0.0)] == [0.0, 75.0, 100.0]


def test_an_axis_holds_all_finite_values_with_air():
    assert axis_of([1.0, 3.0, float("inf"), float("nan")], True, 0.5, 0.25) == Axis(0.0, 3.5)
    assert axis_of([1.0, 3.0], False, 0.5, 0.25) == Axis(4.0, 0.5)


def test_one_value_makes_an_axis_too():
    assert axis_of([0.0], True, 0.5, 0.5) == Axis(-0.5, 0.5)


def test_a_whisker_of_a_falling_metric_still_runs_from_left_to_right():
    line = whisker(Axis(10.0, 0.0), 4.0, (3.0, 6.0))
    assert (line.left, line.dot, line.right) == (40.0, 60.0, 70.0)


def test_a_score_far_below_the_trivial_anchor_is_an_arrow_at_the_edge_and_moves_no_other():
    anchors = {"trivial": 6, "pass": 4, "merit": 3, "distinction": 2, "reference": 1, "ceiling": 0}
    row = {"id": "accuracy", "kind": "accuracy", "points": 35, "metric": "tre", "anchors": anchors}
    distance = assignment(criterion=[row]).criterion("accuracy")
    assert within_sight(distance, [0.5, 7.0, 88.7]) == [0.5, 7.0, 12.0]
    far, near = curve(distance, 6, 88.7, (80.0, 97.0), 0), curve(distance, 6, 12.0, None, 0)
    assert (far.whisker.beyond, far.whisker.dot, near.whisker.beyond) == (True, 0, False)
    assert [step.x for step in far.steps] == [step.x for step in near.steps]


def test_near_labels_stand_in_different_rows():
    drawn = curve(assignment().criterion("accuracy"), 6, None, None, None)
    rows = {step.name: step.row for step in drawn.steps}
    assert rows["distinction"] != rows["reference"]
    assert drawn.whisker is None


def test_a_cap_is_drawn_as_a_fall():
    drawn = curve(assignment().criterion("accuracy"), 6, 0.86, (0.84, 0.88), 24.5)
    assert drawn.y > drawn.y_uncapped
    assert curve(assignment().criterion("accuracy"), 6, 0.75, None, 22.75).y_uncapped is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(22.45, "22.5"), (0.05, "0.1"), (21.0, "21"), (100, "100"), (-3.5, "−3.5"), (-0.01, "0"), (None, "—")],
)
def test_numbers_are_rounded_half_up_without_trailing_zeros(value, text):
    assert number(value) == text
