"""`resample`, `augment` and `keep_largest_component`: volumes and masks, without any network."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


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
def test_image_and_gland_move_together(student, rng):
    """`augment` moves the share of gland exactly as it moves the image, and never the same way twice."""
    generator = student.generator(int(rng.integers(2**31)))
    grid = np.moveaxis(np.indices((12, 32, 32)), 0, -1)
    moved, overlaps, stayed = 0.0, [], 0
    for _ in range(6):
        # A ball off the middle and brighter by far than any noise: the image itself shows where it went.
        centre = np.array([6, 16, 16]) + rng.choice([-1, 1], 3) * rng.uniform([1, 3, 3], [2, 6, 6])
        ball = (np.linalg.norm((grid - centre) * [2, 1, 1], axis=-1) < 7).astype(np.float32)
        image, label = student.augment(20 * ball - 2, ball, generator)
        bright = image > (np.percentile(image, 1) + np.percentile(image, 99)) / 2
        moved = max(moved, 1 - dice(bright, ball > 0.5))
        stayed += dice(label > 0.5, ball > 0.5) > 0.999
        overlaps.append(dice(bright, label > 0.5))
        assert ((label >= 0) & (label <= 1)).all()
    needs(moved > 0.02, "`augment` has to change something first: the bright ball stays where it was")
    points_to("mask_stays_behind", stayed == len(overlaps))
    points_to("mask_drawn_anew", stayed < len(overlaps))
    assert min(overlaps) > 0.85


def dice(a, b):
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


@pytest.mark.points(1)
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
