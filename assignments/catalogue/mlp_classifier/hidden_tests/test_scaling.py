"""`standardise`: its statistics come from the training rows, and from nothing else."""

import numpy as np
import pytest

from assignments.testing import close


@pytest.mark.points(5)
def test_statistics_come_from_the_training_rows(student, rng):
    """`standardise` scales both arrays by the mean and standard deviation of the training rows alone."""
    units = np.array([0.01, 1, 20, 900], dtype=np.float32)  # columns as different as smoothness and area
    train = (rng.normal(2, 1, (200, 4)) * units).astype(np.float32)
    other = (rng.normal(5, 3, (30, 4)) * units).astype(np.float32)  # another hospital's cases
    mean, scale = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)

    scaled_train, scaled_other = student.standardise(train, other)

    # 0.1 allows n - 1 instead of n (0.03 here) and an epsilon; statistics of other rows are off by 1 and more.
    both = np.concatenate([train, other])
    by_both = [(rows - both.mean(0)) / both.std(0) for rows in (train, other)]
    by_all = [(rows - train.mean()) / train.std() for rows in (train, other)]
    by_other = (other - other.mean(0)) / other.std(0)
    assert close(
        scaled_train,
        (train - mean) / scale,
        atol=0.1,
        mistaken={"joint_statistics": by_both[0], "one_scale_for_all": by_all[0]},
    )
    assert close(scaled_other, (other - mean) / scale, atol=0.1, mistaken={"own_statistics": by_other})
