"""`choose_threshold`: an operating point on validation cases, for a test that should miss few cancers."""

import numpy as np
import pytest

from assignments.testing import close


@pytest.mark.points(4)
def test_the_highest_threshold_that_is_sensitive_enough(student, rng):
    """`choose_threshold` finds the required share of the malignant cases with as few false alarms as possible."""
    y = rng.permutation(np.repeat([0, 1], [66, 34])).astype(np.uint8)
    prob = (rng.permutation(np.arange(1, 101)) / 200 + 0.3025 * y).astype(np.float32)  # classes overlap, no ties
    strict, loose = (student.choose_threshold(prob, y, share) for share in (0.95, 0.8))
    misses = (prob[y == 1] < strict).any()  # one in twenty may be missed
    assert misses or strict != loose
    assert strict != loose
    assert misses
    for threshold, needed in ((strict, 33), (loose, 28)):  # of 34 malignant cases: 32.3 and 27.2, rounded up
        assert (prob[y == 1] >= threshold).sum() >= needed
        best = np.sort(prob[y == 1])[-needed]
        assert close((prob >= threshold).astype(float), (prob >= best).astype(float))
