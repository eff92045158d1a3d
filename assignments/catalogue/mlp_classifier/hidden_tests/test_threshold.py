"""`choose_threshold`: an operating point on validation cases, for a test that should miss few cancers."""

import numpy as np
import pytest

from assignments.testing import close


@pytest.mark.points(4)
def test_the_highest_threshold_that_is_sensitive_enough(student, rng):
    """`choose_threshold` finds the required share of the malignant cases with as few false alarms as possible."""
    for share, needed in ((0.95, 33), (0.8, 28)):  # of 34 malignant cases: 32.3 and 27.2, rounded up
        y = rng.permutation(np.repeat([0, 1], [66, 34])).astype(np.uint8)
        prob = (rng.permutation(np.arange(1, 101)) / 200 + 0.3025 * y).astype(np.float32)  # classes overlap, no ties
        best = np.sort(prob[y == 1])[-needed]

        threshold = student.choose_threshold(prob, y, share)

        assert close((prob >= threshold).astype(float), (prob >= best).astype(float))
