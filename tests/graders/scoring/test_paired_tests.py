"""p-values of pairs: against SciPy, by enumeration, and by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from graders.scoring.paired_tests import holm, resampled_p, sign_flip_p, sign_flipped_means


def p_of(one, other, draws=20_000):
    values = np.array([one, other], dtype=float)
    flipped, exact = sign_flipped_means(values, draws, np.random.default_rng(0))
    means = values.mean(axis=1)
    return float(sign_flip_p(means[:1] - means[1:], flipped[:, 0], flipped[:, 1:].T, exact)[0])


def test_few_subjects_are_enumerated():
    one, other = np.array([0.9, 0.8, 0.85, 0.7, 0.95]), np.array([0.7, 0.82, 0.6, 0.69, 0.8])
    difference = one - other
    every = [abs((difference * signs).mean()) for signs in itertools.product((1, -1), repeat=5)]
    assert p_of(one, other) == pytest.approx(np.mean(np.array(every) >= abs(difference.mean()) - 1e-12))


def test_many_subjects_agree_with_scipys_permutation_test():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.05, 0.1, 40), rng.normal(0, 0.1, 40)
    peer = stats.permutation_test(
        (one, other), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=2
    )
    assert p_of(one, other) == pytest.approx(peer.pvalue, abs=0.01)


def test_the_smallest_p_of_five_subjects_is_a_sixteenth():
    assert p_of(np.ones(5), np.zeros(5)) == 1 / 16


def test_equal_teams_are_never_told_apart():
    assert p_of(np.arange(30) / 30, np.arange(30) / 30) == 1
    assert p_of(np.arange(5) / 5, np.arange(5) / 5) == 1


def test_equal_teams_are_found_different_no_more_often_than_the_level_says():
    rng = np.random.default_rng(3)
    found = [p_of(*rng.beta(8, 2, (2, 12)), draws=500) < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.6])) == pytest.approx([1, 1])
    assert holm(np.array([])).size == 0


def test_resampled_differences_give_students_t():
    rng = np.random.default_rng(4)
    first, others = rng.normal(0.5, 0.1, (2000, 1)), np.zeros((2000, 1))
    error = first.std(ddof=1)
    expected = 2 * stats.t.sf(0.25 / error, 19)
    assert resampled_p(np.array([0.25]), first, others, 20) == pytest.approx([expected])


def test_resamples_that_never_differ_prove_no_more_than_so_few_subjects_can():
    flat = np.full((10, 1), 0.5)
    assert resampled_p(np.array([0.5]), flat + 0.5, flat, 4) == pytest.approx([1 / 8])
    assert resampled_p(np.array([0.0]), flat, flat, 4) == [1]
