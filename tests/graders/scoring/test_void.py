"""A void case is left out with all that belongs to it, and the other cases stay in order."""

import numpy as np
import pytest

from assignments.data.cases import Case
from assignments.data.hidden import HiddenSet
from graders.failures import DataFailure
from graders.record.answers import Answers
from graders.scoring.void import without

CASES = tuple(Case(id, id, None, None) for id in ("bodu", "kire", "lamo"))
HIDDEN = HiddenSet(
    train={}, val=None, inputs={"x": np.array([[1.0], [2.0], [3.0]])}, truth=np.array([1, 0, 1]), cases=CASES,
    fit_seed=0, inputs_digest="", train_digest="", truth_digest="",
)  # fmt: skip
ANSWERS = Answers({"prob": np.array([0.1, 0.2, 0.3])}, {0: "cpu_limit", 2: "wrong_shape"})


def test_a_void_case_is_left_out_with_its_truth_its_input_its_prediction_and_its_failure():
    hidden, answers = without(["kire", "no such case"], HIDDEN, ANSWERS)
    assert [case.id for case in hidden.cases] == ["bodu", "lamo"]
    assert hidden.truth.tolist() == [1, 1]
    assert hidden.inputs["x"].tolist() == [[1.0], [3.0]]
    assert answers.arrays["prob"].tolist() == [0.1, 0.3]
    assert answers.failed == {0: "cpu_limit", 1: "wrong_shape"}


def test_the_failure_of_a_void_case_is_forgotten():
    _, answers = without(["bodu"], HIDDEN, ANSWERS)
    assert answers.failed == {1: "wrong_shape"}


def test_where_none_is_void_nothing_is_copied():
    assert without(["no such case"], HIDDEN, ANSWERS) == (HIDDEN, ANSWERS)


def test_a_set_without_a_case_left_is_a_data_failure():
    with pytest.raises(DataFailure, match="every hidden case was declared void"):
        without(["bodu", "kire", "lamo"], HIDDEN, ANSWERS)
