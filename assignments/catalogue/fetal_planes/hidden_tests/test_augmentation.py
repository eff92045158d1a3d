"""`augment` and `dropout`: what changes while the network trains, and what must not."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def blob(shape, at):
    """A bright spot, wide enough to survive interpolation."""
    rows, columns = np.indices(shape)
    return (100 * np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / 8)).astype(np.float32)


def centre(image):
    """Where its brightness has its middle: (row, column)."""
    weight = np.clip(image, 0, None).astype(np.float64) ** 2
    return np.array([(weight * axis).sum() / weight.sum() for axis in np.indices(image.shape)])


@pytest.mark.points(4)
def test_image_and_landmark_move_together(student, rng):
    """`augment` says of a landmark where it is in the new frame: a bright spot is there."""
    generator = student.generator(int(rng.integers(2**31)))
    shape, off, moved, back, swapped, still = (48, 48), [], [], [], [], []
    for _ in range(8):
        at = np.array([24, 24]) + rng.choice([-1, 1], 2) * rng.uniform([2, 6], [6, 9])
        image, point = student.augment(blob(shape, at), at, generator)
        assert image.shape == shape
        spot = centre(image)
        moved.append(np.linalg.norm(spot - at))
        off.append(np.linalg.norm(spot - point))
        still.append(np.linalg.norm(point - at))
        swapped.append(np.linalg.norm(spot - point[::-1]))
        back.append(np.linalg.norm((spot - at) + (point - at)))
    needs(max(moved) > 1, "`augment` has to move something first: the bright spot stays where it was")
    points_to("landmark_stays_behind", max(still) < 1e-6)
    points_to("rows_for_columns", max(swapped) < 1.5)
    points_to("landmark_goes_the_other_way", max(still) > 1 and max(swapped) >= 1.5)
    assert max(off) < 1.5


@pytest.mark.points(2)
def test_an_augmented_frame_keeps_its_size_and_its_grey_levels(student, rng):
    """`augment` returns a frame of the same size, never quite the same twice, without new extremes of grey."""
    image = rng.uniform(50, 200, (32, 40)).astype(np.float32)
    generator = student.generator(int(rng.integers(2**31)))
    frames = [student.augment(image, np.array([16.0, 20.0]), generator)[0] for _ in range(4)]
    assert all(frame.shape == image.shape for frame in frames)
    assert not any(np.array_equal(frames[0], frame) for frame in frames[1:])
    lowest, highest = min(frame.min() for frame in frames), max(frame.max() for frame in frames)
    points_to("interpolated_with_overshoot", lowest < -1 or highest > 1.02 * image.max())
    assert lowest > -1
    assert highest < 1.02 * image.max()


@pytest.mark.points(4)
def test_dropout_keeps_the_expectation(student, rng):
    """`dropout` drops the share `rate` of the numbers, each by itself, and in the mean changes nothing."""
    rate = float(rng.choice([0.2, 0.4]))
    x = rng.uniform(1, 3, (400, 50))
    kept = student.dropout(x, rate, student.generator(int(rng.integers(2**31))))
    columns = (kept == 0).all(axis=0) | (kept != 0).all(axis=0)
    points_to("one_mask_for_all_rows", columns.all() and 0 < (kept == 0).mean() < 1)
    assert not columns.any()
    share = (kept == 0).mean()
    points_to("rate_is_what_stays", abs(share - (1 - rate)) < 0.03)
    assert close(share, rate, atol=0.03)
    assert close(kept[kept != 0], (x / (1 - rate))[kept != 0], mistaken={"dropout_is_not_scaled": x[kept != 0]})
