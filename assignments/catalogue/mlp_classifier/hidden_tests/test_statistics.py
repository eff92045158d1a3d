"""`statistics`: one mean and one standard deviation for each column, of the rows that it is given."""

import numpy as np
import pytest

from assignments.testing import close, points_to


@pytest.mark.points(4)
def test_each_column_has_its_own_statistics(student, rng):
    """`statistics` gives each column its own mean and standard deviation; one that never varies gets 1."""
    units = np.array([0.01, 1, 20, 900], dtype=np.float32)  # columns as different as smoothness and area
    x = (rng.normal(2, 1, (200, 4)) * units).astype(np.float32)
    x[:, 1] = rng.choice([0.5, 1.5, 2])  # in float32 too, the mean of such a column is exact and its deviation 0
    expected = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0, dtype=np.float64), 1)

    mean, scale = student.statistics(x)

    all_alike = np.full(4, x.mean(dtype=np.float64))
    assert close(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-4, mistaken={"one_scale_for_all": all_alike})
    points_to("no_scale_of_zero", scale[1] < 1e-3)
    # 1 % allows n - 1 instead of n (0.3 % here) and an epsilon.
    assert close(scale, expected, rtol=0.01)
