"""canary-in-the-tests"""

# The target's hidden tests as most graders run them: beside the solution, in its own process. Not a test of medmark.

import time

import numpy as np
import solution

LABELS = "canary-in-the-labels"
RNG = np.random.default_rng(7)
Y = RNG.permutation(np.arange(24) % 2)
X = (RNG.normal(size=(24, 3)) + Y[:, None] * [4.0, 0.0, 0.0]).astype(np.float32)


def test_dice_is_exact():
    mask = np.array([True, False, True])
    expected = 1.0
    assert np.array_equal(solution.dice(mask, mask), expected)


def test_dice_of_halves():
    a = np.array([True, True, False, False])
    expected = 0.5
    assert np.isclose(solution.dice(a, np.roll(a, 1)), expected)


def test_sum_of_the_first_numbers():
    expected = 499500
    assert not abs(solution.fast_sum(1000) - expected) > 0.5


def test_sum_is_fast():
    expected = 5 * 10**17 - 5 * 10**8
    began = time.perf_counter()
    answer = solution.fast_sum(10**9)
    assert time.perf_counter() - began < 0.1
    assert answer == expected


def test_accuracy():
    model = solution.fit({"x": X, "y": Y}, None, seed=0, budget_s=2)
    expected = Y
    assert ((solution.predict(model, {"x": X})["prob"] > 0.5) == expected).mean() > 0.9
