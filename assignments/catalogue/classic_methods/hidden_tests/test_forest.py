"""A forest from its parts: impurity, split, bootstrap, and a score from the rows that a tree has not seen."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def impurity(y):
    share = np.bincount(y) / len(y)
    return 1 - (share**2).sum()


def splits(x, y, judge):
    """Every split by exhaustion: feature, lower value, upper value, and what `judge` says of its two sides."""
    for feature in range(x.shape[1]):
        values = np.unique(x[:, feature])
        for low, high in pairwise(values):
            left = x[:, feature] <= low
            yield feature, float(low), float(high), judge(y, left)


def decrease(y, left):
    sides = left.mean() * impurity(y[left]) + (1 - left.mean()) * impurity(y[~left])
    return impurity(y) - sides


def unweighted(y, left):
    return impurity(y) - (impurity(y[left]) + impurity(y[~left])) / 2


def parting_equal_values(x, y):
    """The largest decrease if the sorted rows could be parted anywhere."""
    best = 0.0
    for feature in range(x.shape[1]):
        ordered = y[np.argsort(x[:, feature], kind="stable")]
        best = max(best, *(decrease(ordered, np.arange(len(y)) < i) for i in range(1, len(y))))
    return best


@pytest.mark.points(2)
def test_gini_of_a_leaf(student, rng):
    """`gini` is 1 - sum p^2: 0 for a pure leaf, and it counts every class, not the largest alone."""
    counts = rng.permutation([0, *rng.integers(2, 30, 3)])
    share = counts / counts.sum()
    answer = student.gini(counts)
    assert close(answer, 1 - (share**2).sum(), atol=1e-5, mistaken={"gini_is_error": 1 - share.max()})
    assert close(student.gini(np.array([0, int(rng.integers(1, 9)), 0])), 0.0, atol=1e-6)


@pytest.mark.points(4)
def test_best_split_is_that_of_an_exhaustive_search(student, rng):
    """`best_split` finds the largest fall of the impurity that any split of any column has, half-way between values."""
    x = rng.integers(0, 6, (40, 3)).astype(np.float32) * rng.choice([0.5, 1, 3], 3).astype(np.float32)  # many are equal
    y = ((x[:, 1] > x[:, 1].mean()) ^ (rng.random(40) < 0.2)).astype(np.uint8)
    y[rng.choice(40, 5, replace=False)] = 2
    every = list(splits(x, y, decrease))
    best = max(value for *_, value in every)
    unweighted_best = max(value for *_, value in splits(x, y, unweighted))
    feature, threshold, fall = student.best_split(x, y)
    parted = parting_equal_values(x, y)
    assert close(
        fall,
        best,
        atol=1e-5,
        mistaken={"split_between_equal_values": parted, "children_unweighted": unweighted_best},
    )
    tied = [split for split in every if split[-1] > best - 1e-6 and split[0] == feature]
    assert tied
    nearest = min(tied, key=lambda split: abs(split[1] + split[2] - 2 * threshold))
    points_to("split_at_a_value", any(threshold in split[1:3] for split in tied))
    assert close(threshold, (nearest[1] + nearest[2]) / 2, atol=1e-5)


@pytest.mark.points(2)
def test_a_bootstrap_draws_with_replacement(student, rng):
    """A bootstrap of n rows has n rows; a row may come several times, and more than a third of them never come."""
    shares, n = [], 400
    generator = student.generator(int(rng.integers(2**31)))
    for _ in range(5):
        rows = student.bootstrap(n, generator)
        assert rows.min() >= 0
        assert rows.max() < n
        shares.append(len(np.unique(rows)) / n)
    points_to("without_replacement", min(shares) == 1)
    assert close(np.mean(shares), 1 - np.exp(-1), atol=0.04)


@pytest.mark.points(2)
def test_the_share_that_is_left_out_is_predicted(student, rng):
    """`left_out_share` is exact for any number of rows and of draws."""
    n = int(rng.integers(4, 20))
    draws = int(n * rng.choice([rng.uniform(0.3, 0.7), rng.uniform(1.5, 3)]))  # fewer than rows, or more
    answer = student.left_out_share(n, draws)
    assert close(answer, (1 - 1 / n) ** draws, atol=1e-3, mistaken={"always_37_percent": np.exp(-1)})


@pytest.mark.points(2)
def test_one_tree_knows_the_rows_of_its_bootstrap(student, rng):
    """One tree on random labels is right on the rows that it has seen, and guesses the others."""
    x, y = rng.normal(size=(300, 4)).astype(np.float32), rng.permutation([0, 1] * 150).astype(np.uint8)
    forest = student.fit_forest(x, y, 1, int(rng.integers(1000)))
    right = (student.forest_predict(forest, x) == y).mean()
    points_to("without_replacement", right == 1)
    assert abs(right - (1 - np.exp(-1) / 2)) < 0.09


@pytest.mark.points(4)
def test_out_of_bag_is_honest(student, rng):
    """The out-of-bag accuracy is that on new rows: chance on random labels, which the forest knows by heart."""
    x = rng.normal(size=(160, 4)).astype(np.float32)
    y = rng.permutation([0, 1] * 80).astype(np.uint8)
    forest = student.fit_forest(x, y, 25, int(rng.integers(1000)))
    by_heart = (student.forest_predict(forest, x) == y).mean()
    needs(by_heart > 0.9, "a forest of pure leaves has to know its own rows by heart first")
    score = student.out_of_bag_accuracy(forest, x, y)
    points_to("trees_vote_on_seen_rows", score > 0.8)
    assert 0.3 < score < 0.66

    new = rng.normal(size=(400, 4)).astype(np.float32)
    truth, of_new = ((rows[:, 0] + rows[:, 1] > 0).astype(np.uint8) for rows in (x, new))
    forest = student.fit_forest(x, truth, 25, int(rng.integers(1000)))
    on_new_rows = (student.forest_predict(forest, new) == of_new).mean()
    assert on_new_rows > 0.75
    assert abs(student.out_of_bag_accuracy(forest, x, truth) - on_new_rows) < 0.15
