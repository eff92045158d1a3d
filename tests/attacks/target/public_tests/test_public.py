import numpy as np

from assignments.testing import close


def test_nothing_in_common(student):
    """Masks that share nothing have Dice 0."""
    assert close(student.dice(np.array([True, False]), np.array([False, True])), 0.0, atol=1e-9)
