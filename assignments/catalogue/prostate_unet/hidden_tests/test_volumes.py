"""`resample` and `keep_largest_component`: volumes and masks, without any network."""

import numpy as np
import pytest

from assignments.testing import close


@pytest.mark.points(2)
def test_resampling_keeps_the_extent(student, rng):
    """`resample` invents no labels (order 0), interpolates linearly (order 1) and shifts nothing."""
    label = np.uint8([0, 10, 60, 200])[rng.integers(0, 4, (3, 4, 5))]  # zones; interpolation gives other numbers
    finer = student.resample(label, (4.0, 1.2, 1.2), (2.0, 1.2, 0.4), 0)
    assert finer.shape == (6, 4, 15)
    assert np.isin(finer, label).all()
    assert close(finer, label.repeat(2, axis=0).repeat(3, axis=2))

    slope, start = rng.uniform(1, 9, size=2)
    ramp = np.broadcast_to(start + slope * np.arange(8), (6, 4, 8)).astype(np.float32)
    coarse = student.resample(ramp, (3.0, 1.0, 1.0), (3.0, 2.0, 2.0), 1)
    middles = start + slope * (2 * np.arange(4) + 0.5)  # of two voxels each
    assert close(coarse, np.broadcast_to(middles, (6, 2, 4)), rtol=1e-4)


@pytest.mark.points(2)
def test_largest_piece(student, rng):
    """`keep_largest_component` keeps the largest piece; corners do not join pieces; an empty mask stays empty."""
    mask = np.zeros((6, 12, 12), dtype=bool)
    mask[0, 0, :3] = True  # the first piece met is not the largest
    mask[5, 10:, 10:] = True
    largest = np.zeros_like(mask)
    row, column = rng.integers(3, 6, size=2)
    largest[1:3, row : row + 3, column : column + 3] = True
    mask |= largest
    mask[3, row + 3, column + 3] = True  # touches it at a corner only
    kept = student.keep_largest_component(mask)
    assert kept.shape == mask.shape
    assert not kept[~mask].any()
    assert kept[largest].all()
    assert close(kept.astype(float), largest.astype(float))

    empty = np.zeros_like(mask)
    assert close(student.keep_largest_component(empty).astype(float), empty.astype(float))
