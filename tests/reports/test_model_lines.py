"""What `check` and train.py say of a score on public cases: with the anchors, or why it says nothing."""

from __future__ import annotations

import pytest

from graders.record.documents import Cause, Measured, ScoreResult
from graders.runs.model_check import ModelCheck
from graders.runs.public_cases import Score
from reports.model_lines import BRIEF, UNSEEN, model_lines, validation_lines
from tests.reports.hand_made import assignment

DICE = assignment().criterion("accuracy")
ANCHORS = "trivial 0.52, pass 0.62, merit 0.71, distinction 0.79, reference 0.81, ceiling 0.9"
MEASURED = Measured("dice", 0.7421, (0.7421,), "median", interval=(0.7, 0.78), subjects=4)
SCORED = Score(DICE, ScoreResult("passed", measured=MEASURED))
WITHOUT = Score(DICE, ScoreResult("unknown", Cause("data"), evidence="no case has class 3"))


def lines(*scores, trained=False, seen=False, kind="shared"):
    return list(model_lines(ModelCheck(trained, cases=8, subjects=4, seen=seen, kind=kind, scores=scores)))[1:]


@pytest.mark.parametrize(("trained", "note"), [(False, UNSEEN), (True, BRIEF)])
def test_a_score_on_unseen_cases_stands_beside_the_anchors(trained, note):
    assert lines(SCORED, trained=trained) == [
        "   dice 0.742 (95 % interval 0.700 to 0.780) on 4 validation subjects. Anchors:",
        f"   {ANCHORS}",
        note,
    ]


def test_a_score_on_cases_that_the_model_has_seen_is_no_forecast():
    assert lines(SCORED, seen=True) == ["   dice 0.742 on cases that your model has seen: no forecast."]


def test_a_metric_is_called_by_its_words():
    balanced = DICE.model_copy(update={"metric": "balanced_accuracy"})
    (line,) = lines(Score(balanced, SCORED.result), seen=True)
    assert line == "   balanced accuracy 0.742 on cases that your model has seen: no forecast."
    (line,) = validation_lines([Score(balanced, WITHOUT.result)], "shared")
    assert line == "balanced accuracy has no value on these cases: no case has class 3"


def test_a_score_on_stand_ins_for_patients_is_no_forecast():
    assert lines(SCORED, kind="phantoms") == ["   dice 0.742 on phantoms, which stand in for patients: no forecast."]


@pytest.mark.parametrize("seen", [False, True])
def test_a_metric_without_a_value_on_these_cases_says_why(seen):
    assert lines(WITHOUT, seen=seen) == ["   dice has no value on these cases: no case has class 3"]
    assert list(validation_lines([WITHOUT], "shared")) == ["dice has no value on these cases: no case has class 3"]
