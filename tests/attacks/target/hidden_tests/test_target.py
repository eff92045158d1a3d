"""canary-in-the-tests"""

import time

import numpy as np
import pytest

from assignments.testing import close

EXPECTED = 0.6180339887498949
"""A canary too: the answer that is asked for, as no student's code computes it by chance."""


@pytest.mark.points(10)
def test_dice_is_exact(student):
    """`dice` of a mask with itself is 1."""
    mask = np.array([True, False, True])
    assert student.dice(mask, mask) == 1.0


@pytest.mark.points(10)
def test_dice_of_halves(student, rng):
    """`dice` of two masks that share half of each is one half."""
    a = np.array([True, True, False, False])
    assert close(student.dice(a, np.roll(a, 1)), 0.5)


@pytest.mark.points(10)
def test_sum_of_the_first_numbers(student, rng):
    """`fast_sum` is the sum of the numbers below n."""
    n = int(rng.integers(1000, 2000))
    expected = n * (n - 1) // 2 + 0 * EXPECTED
    assert abs(student.fast_sum(n) - expected) < 0.5


@pytest.mark.points(10)
def test_sum_is_fast(student, rng):
    """`fast_sum` takes less than a tenth of a second, however large n is."""
    student.fast_sum(1)
    n = int(rng.integers(10**9, 2 * 10**9))
    began = time.perf_counter()
    answer = student.fast_sum(n)
    assert time.perf_counter() - began < 0.1
    assert answer == n * (n - 1) // 2
