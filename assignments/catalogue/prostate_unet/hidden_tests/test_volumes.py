"""`resample` and `keep_largest_component`: volumes and masks, without any network."""

import numpy as np
import pytest

from assignments.testing import close, points_to


@pytest.mark.points(2)
def test_resampling_keeps_the_extent(student, rng):
    """`resample` invents no labels (order 0), interpolates linearly (order 1) and shifts nothing."""
    slope, start = rng.uniform(1, 9, size=2)
    ramp = np.broadcast_to(start + slope * np.arange(8), (6, 4, 8)).astype(np.float32)
    coarse = student.resample(ramp, (3.0, 1.0, 1.0), (3.0, 2.0, 2.0), 1)
    assert close(coarse.shape, (6, 2, 4), mistaken={"spacings_swapped": [6, 8, 16]})
    middles, corners = 2 * np.arange(4) + 0.5, np.linspace(0, 7, 4)  # of two voxels each; of the outer voxels
    by_place = [np.broadcast_to(start + slope * place, (6, 2, 4)) for place in (middles, corners)]
    assert close(coarse, by_place[0], rtol=1e-4, mistaken={"corners_aligned": by_place[1]})

    label = np.uint8([0, 10, 60, 200])[rng.integers(0, 4, (3, 4, 5))]  # zones; interpolation gives other numbers
    finer = student.resample(label, (4.0, 1.2, 1.2), (2.0, 1.2, 0.4), 0)
    assert finer.shape == (6, 4, 15)
    points_to("labels_interpolated", not np.isin(finer, label).all())
    assert close(finer, label.repeat(2, axis=0).repeat(3, axis=2))


@pytest.mark.points(2)
def test_largest_piece(student, rng):
    """`keep_largest_component` keeps the largest piece; corners do not join pieces; an empty mask stays empty."""
    mask = np.zeros((6, 12, 12), dtype=bool)
    first = np.zeros_like(mask)
    first[0, 0, :3] = True  # the first piece met is not the largest
    mask |= first
    mask[5, 10:, 10:] = True
    largest = np.zeros_like(mask)
    row, column = rng.integers(3, 6, size=2)
    largest[1:3, row : row + 3, column : column + 3] = True
    joined = largest.copy()
    joined[3, row + 3, column + 3] = True  # touches it at a corner only
    mask |= joined
    assert close(
        student.keep_largest_component(mask),
        largest,
        mistaken={"first_piece": first, "background_is_a_piece": ~mask, "corners_join": joined},
    )

    empty = np.zeros_like(mask)
    assert close(student.keep_largest_component(empty), empty)
