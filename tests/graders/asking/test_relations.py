"""How a wrong answer is related to the expected one: a name of a closed list, and none where chance would do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignments.testing import Comparison, agree
from graders.asking.relations import relation_of
from graders.marks.words import RELATION_WORDS

PROB = np.array([[0.1, 0.7, 0.2], [0.3, 0.4, 0.9]])
SQUARE = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], [7.0, 8.0, 9.0]])


def relation(answer, expected, atol=1e-6, rtol=1e-6):
    answer, expected = np.asarray(answer), np.asarray(expected)
    assert not agree(answer, expected, atol, rtol), "it is not wrong"
    return relation_of(Comparison(answer, expected, atol, rtol, "", {}, 1))


@pytest.mark.parametrize(
    ("answer", "expected", "name"),
    [
        (3 * PROB, PROB, "factor"),
        (PROB / 6, PROB, "factor"),
        (PROB + 2, PROB, "offset"),
        (-PROB, PROB, "sign"),
        (1 - PROB, PROB, "complement"),
        (PROB.astype(np.float16), PROB, "nearly"),
        (SQUARE.T, SQUARE, "transpose"),
        (PROB.T, PROB, "transpose"),
        (np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1), np.arange(24.0).reshape(2, 3, 4), "axis_order"),
        (SQUARE[:, ::-1], SQUARE, "reversed"),
        (np.array([9.0, 1, 5, 2, 7]), np.array([1.0, 5, 2, 7, 3]), "shift"),
        (PROB[:, :1], PROB[:, 0], "extra_axis"),
        (np.array([0, 1, 1, 0, 0]), np.array([0, 1, 1, 2, 2]), "one_class"),
        (np.array([0.5, np.nan]), np.array([0.5, 0.2]), "not_finite"),
    ],
)
def test_each_relation_is_named(answer, expected, name):
    assert relation(answer, expected) == name
    assert name in RELATION_WORDS


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (2.0, 1.0),
        (np.full(5, 2.0), np.ones(5)),
        (np.array([1.0, 2.0, 3.0]), np.ones(3)),
        (np.zeros(3), np.array([1.0, 2.0, 4.0])),
        (np.array([5.0, 1.0, 2.0]), np.array([1.0, 7.0, 2.0])),
        (np.array([1, 0, 2, 2]), np.array([0, 1, 2, 1])),
        (np.zeros((0, 3)), PROB),
        (np.zeros(600_000), np.arange(600_000)),
        (np.zeros((1,) * 8), np.zeros((1,) * 7 + (2,))),
    ],
)
def test_what_chance_would_do_has_no_name(answer, expected):
    """One number is a multiple of every other, and a constant is equal in any order."""
    assert relation(answer, expected) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(6,), (3, 3), (2, 3, 4), (1, 5)]))
def test_unrelated_numbers_have_no_name(seed, shape):
    rng = np.random.default_rng(seed)
    assert relation(rng.normal(size=shape), rng.normal(size=shape)) is None
