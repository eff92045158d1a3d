"""Agreement of two markers, against published and hand-worked numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from graders.marks.agreement import _icc, agreement
from tests.graders.marks.test_part_marks import part

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def doubly(*pairs):
    """Parts of papers with these points (method, method of the second); writing is 1 and 1."""
    return [
        part(f"first report/method={first}", "first report/writing=1",
             f"second report/method={second}", "second report/writing=1")
        for first, second in pairs
    ]  # fmt: skip


def test_the_icc_is_that_of_shrout_and_fleiss():
    """ICC(2,1) of their table 2 is .29 (Psychological Bulletin 86, 1979)."""
    assert _icc(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_mean_difference_and_limits_of_agreement_are_worked_by_hand():
    """Differences -1, 0, 1, 2: mean 0.5, standard deviation 1.290994."""
    whole, method, writing = agreement(doubly((7, 6), (6, 6), (5, 6), (0, 2)))
    assert (whole.title, whole.papers, whole.difference) == ("sum", 4, 0.5)
    assert whole.limits == pytest.approx((0.5 - 2.530349, 0.5 + 2.530349), abs=1e-5)
    assert method.difference == 0.5
    assert (writing.difference, writing.icc, writing.kappa) == (0.0, None, None)


def test_kappa_of_levels_is_that_of_scikit_learn():
    pairs = [(7, 6), (6, 4), (5, 6), (0, 2), (4, 4), (1, 8)]
    levels = [[int(value >= 5) for value in pair] for pair in pairs]
    (_, method, _) = agreement(doubly(*pairs))
    expected = cohen_kappa_score([a for a, _ in levels], [b for _, b in levels], weights="quadratic")
    assert method.kappa == pytest.approx(expected)


def test_two_papers_say_nothing_of_a_spread():
    whole, *_ = agreement(doubly((7, 6), (6, 6)))
    assert (whole.papers, whole.difference, whole.limits, whole.icc) == (2, -0.5, None, None)


def test_only_papers_that_both_have_finished_count():
    half = part("first report/method=7", "first report/writing=1", "second report/method=1")
    assert agreement([half, part()]) == []
    assert agreement([half, *doubly((7, 6))])[0].papers == 1
