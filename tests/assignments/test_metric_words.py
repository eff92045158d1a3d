"""Metrics are called by words, or as their author labels them."""

import pytest
from pydantic import ValidationError

from assignments.caps import parse_condition
from assignments.metric_names import metric_form
from assignments.metric_words import WORDS, condition_words, metric_words
from graders.metrics import METRICS
from tests.reports.hand_made import assignment

CLASSES = ("background", "liver", "lesion")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dice", "dice"),
        ("dice@class2", "dice, class 2 (lesion)"),
        ("dice@class3", "dice, class 3"),
        ("nsd@3mm@class1", "surface Dice at 3 mm, class 1 (liver)"),
        ("balanced_accuracy", "balanced accuracy"),
        ("my_metrics.py:lesion_recall", "lesion recall"),
        ("sensitivity@0.95", "sensitivity at a specificity of 0.95"),
        ("psnr@4000", "PSNR"),
    ],
)
def test_a_metric_reads_as_people_say_it(name, words):
    assert metric_words(name, classes=CLASSES) == words


def test_every_metric_of_the_toolkit_reads_without_signs():
    assert [name for name in METRICS if set(metric_words(name)) & set("_@#{}:")] == []


def test_no_words_are_for_a_metric_that_is_gone():
    assert set(WORDS) <= {metric_form(name) for name in METRICS}


def labelled(labels):
    accuracy = assignment().criterion("accuracy").model_dump(by_alias=True)
    return assignment(criterion=[{**accuracy, "also": ["dice@class2"], "labels": labels}]).criteria[0]


def test_the_authors_label_comes_first():
    assert metric_words("dice@class2", labelled({"dice@class2": "lesion overlap"}), CLASSES) == "lesion overlap"
    assert metric_words("dice", labelled({"dice@class2": "lesion overlap"}), CLASSES) == "dice"


def test_a_label_of_a_metric_that_is_not_scored_is_refused():
    with pytest.raises(ValidationError, match="labels names hd95; its metrics are dice, dice@class2"):
        labelled({"hd95": "distance"})


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("cases_below(dice, 0.5) > 0", "the dice is below 0.5 in at least one case"),
        ("cases_below(dice, 0.5) > 1", "the dice is below 0.5 in more than one case"),
        ("cases_above(hd95, 20) > 3", "the Hausdorff distance, 95th percentile is above 20 in more than 3 cases"),
        ("balanced_accuracy < 0.55", "the balanced accuracy is below 0.55"),
        ("dice@class2 > 0.9", "the dice, class 2 (lesion) is above 0.9"),
    ],
)
def test_the_condition_of_a_cap_reads_as_a_clause(when, words):
    assert condition_words(parse_condition(when), classes=CLASSES) == words


def test_the_condition_of_a_cap_uses_the_authors_label():
    condition = parse_condition("dice@class2 < 0.3")
    of = labelled({"dice@class2": "lesion overlap"})
    assert condition_words(condition, of, CLASSES) == "the lesion overlap is below 0.3"
