"""p-values of pairs: against SciPy, by enumeration, and by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from graders.metrics.ranking import auroc, placements
from graders.scoring.paired_tests import delong_p, holm, resampled_p, sign_flip_p, sign_flipped_means
from tests.graders.metrics.golden import classes


def p_of(first, second, draws=20_000):
    values = np.array([first, second], dtype=float)
    flipped, exact = sign_flipped_means(values, draws, np.random.default_rng(0))
    means = values.mean(axis=1)
    return float(sign_flip_p(means[:1] - means[1:], flipped[:, 0], flipped[:, 1:].T, exact)[0])


def test_few_subjects_are_enumerated():
    first, second = np.array([0.9, 0.8, 0.85, 0.7, 0.95]), np.array([0.7, 0.82, 0.6, 0.69, 0.8])
    difference = first - second
    every = [abs((difference * signs).mean()) for signs in itertools.product((1, -1), repeat=5)]
    assert p_of(first, second) == pytest.approx(np.mean(np.array(every) >= abs(difference.mean()) - 1e-12))


def test_many_subjects_agree_with_scipys_permutation_test():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.05, 0.1, 40), rng.normal(0, 0.1, 40)
    peer = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=2
    )
    assert p_of(first, second) == pytest.approx(peer.pvalue, abs=0.01)


def test_the_smallest_p_of_five_subjects_is_a_sixteenth():
    assert p_of(np.ones(5), np.zeros(5)) == 1 / 16


def test_equal_teams_are_never_distinguished():
    assert p_of(np.arange(30) / 30, np.arange(30) / 30) == 1
    assert p_of(np.arange(5) / 5, np.arange(5) / 5) == 1


def test_equal_teams_are_found_different_no_more_often_than_the_level_says():
    rng = np.random.default_rng(3)
    detected = [p_of(*rng.beta(8, 2, (2, 12)), draws=500) < 0.05 for _ in range(400)]
    assert np.mean(detected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


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


def delong(first, second, truths):
    """The toolkit's p-value of two teams' scores."""
    above, below = (a - b for a, b in zip(placements(first, truths), placements(second, truths), strict=True))
    return float(delong_p(above[None], below[None])[0])


def delong_by_all_pairs(scores, truths):
    """DeLong 1988, equations 4 to 8: kernels of all pairs of a positive and a negative case, and their covariances."""
    pairs = [[[(x, y) for y in s[truths == 0]] for x in s[truths == 1]] for s in scores]
    kernel = np.array([[[1.0 if x > y else 0.5 if x == y else 0.0 for x, y in row] for row in of] for of in pairs])
    p, n = kernel.shape[1:]
    s = np.cov(kernel.mean(axis=2)) / p + np.cov(kernel.mean(axis=1)) / n
    contrast = np.array([1, -1])
    z = contrast @ kernel.mean(axis=(1, 2)) / np.sqrt(contrast @ s @ contrast)
    return z, 2 * stats.norm.sf(abs(z))


@pytest.mark.parametrize("steps", [8, 10_000])
def test_delongs_test_equals_that_of_all_pairs_with_and_without_ties(steps):
    rng = np.random.default_rng(5)
    for _ in range(20):
        truths = np.r_[0, 0, 1, 1, rng.integers(2, size=40)]
        scores = np.round((rng.random((2, 44)) + 0.4 * truths * rng.random(44)) * steps) / steps
        expected = delong_by_all_pairs(scores, truths)[1]
        assert delong(*scores, truths) == pytest.approx(expected, rel=1e-9)


def test_the_placements_of_either_class_have_the_area_as_their_mean():
    rng = np.random.default_rng(6)
    truths, scores = np.r_[0, 1, rng.integers(2, size=50)], np.round(rng.random(52), 1)
    for part in placements(scores, truths):
        assert part.mean() == pytest.approx(auroc(scores, truths, []), abs=1e-12)
    assert [part.tolist() for part in placements(np.array([0.1, 0.3, 0.3, 0.9]), np.array([0, 0, 1, 1]))] == [
        [0.75, 1.0], [1.0, 0.75],
    ]  # fmt: skip
    # Three classes have three curves, and labels one each.
    assert placements(np.eye(3)[[0, 1, 2]], np.array([0, 1, 2])) is None
    assert placements(np.eye(2), np.array([[0, 1], [1, 0]])) is None


def test_delongs_test_gives_the_published_p_values_of_three_markers():
    with np.load(classes.HERE / "golden_classes.npz", allow_pickle=False) as file:
        truths = file["poor"].astype(int)
        for (first, second), z, p in zip(
            (("wfns", "s100b"), ("wfns", "ndka"), ("ndka", "s100b")), file["z"], file["p"], strict=True
        ):
            assert delong(file[first].astype(float), file[second].astype(float), truths) == pytest.approx(p, rel=1e-9)
            assert delong_by_all_pairs((file[first], file[second]), truths)[0] == pytest.approx(z, rel=1e-9)


def test_equal_areas_and_areas_that_cannot_vary_prove_nothing_more_than_so_few_cases_can():
    truths, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    assert delong(scores, scores, truths) == 1
    assert delong(scores, scores**2, truths) == 1  # the order is the same
    assert delong(scores, 1 - scores, truths) == 1 / 8


def test_equal_models_are_found_different_by_delong_no_more_often_than_the_level_says():
    rng = np.random.default_rng(7)
    truths = np.arange(60) % 2
    detected = []
    for _ in range(400):
        shared = truths + rng.normal(0, 1, 60)
        detected.append(delong(*(shared + rng.normal(0, 0.7, (2, 60))), truths) < 0.05)
    assert np.mean(detected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
