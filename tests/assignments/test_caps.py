"""The closed grammar of a cap's condition."""

import pytest
from pydantic import ValidationError

from assignments.assignment import Accuracy, Cap
from assignments.caps import Condition, parse_condition

ANCHORS = {"trivial": 0.0, "pass": 0.5, "merit": 0.6, "distinction": 0.7, "reference": 0.8, "ceiling": 1.0}


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("cases_below(dice, 0.5) > 0", Condition("below", "dice", 0.5, 0)),
        ("cases_above( hd95@medpy,10 )>3", Condition("above", "hd95@medpy", 10, 3)),
        ("auroc < 0.7", Condition("below", "auroc", 0.7, None)),
        ("hd95 > 12.5", Condition("above", "hd95", 12.5, None)),
        ("my_metrics.py:recall < -1", Condition("below", "my_metrics.py:recall", -1, None)),
    ],
)
def test_a_condition_is_parsed(when, condition):
    assert parse_condition(when) == condition


@pytest.mark.parametrize(
    "when",
    [
        "",
        "dice",
        "dice <= 0.5",
        "dice < nan",
        "dice < 1e3",
        "cases_below(dice, 0.5)",
        "cases_below(dice, 0.5) > -1",
        "cases_below(dice, 0.5) > 0.5",
        "cases_below(dice, 0.5) > 0 or 1 > 0",
        "__import__('os').system('true') < 1",
        "cases_below(dice, 0.5) > 0\ncases_below(dice, 0.5) > 0",
    ],
)
def test_anything_else_is_refused_with_the_grammar(when):
    with pytest.raises(ValueError, match=r"write cases_below\(METRIC, 0.5\) > 0"):
        parse_condition(when)


def test_a_cap_with_another_condition_is_refused():
    with pytest.raises(ValidationError, match=r'"dice <= 0\.5" is not a condition'):
        Cap(when="dice <= 0.5", at=0.5)


def test_a_criterion_needs_its_metric_those_of_its_caps_and_also_each_once():
    caps = [{"when": "cases_above(hd95@medpy, 20) > 3", "at": 0.5}, {"when": "dice < 0.4", "at": 0.6}]
    criterion = Accuracy(
        kind="accuracy", id="a", points=10, metric="dice", anchors=ANCHORS, caps=caps, also=("iou", "hd95@medpy")
    )
    assert criterion.metrics == ("dice", "hd95@medpy", "iou")
