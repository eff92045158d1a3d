"""`fit` and `predict`: some seconds of training on a few pairs bring landmarks closer."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.testing import needs, points_to


def distances(cases, field):
    """The landmarks' distance in pixels, (n,): the mean over each case, without a field and with it."""
    fixed, moving = cases["landmarks"].transpose(1, 0, 2, 3)
    at = [
        np.stack([ndimage.map_coordinates(u, p.T, order=1) for u in each], 1)
        for each, p in zip(field, fixed, strict=True)
    ]
    before, after = moving - fixed, moving - fixed - at
    return (np.linalg.norm(gap, axis=-1).mean(axis=1) for gap in (before, after))


@pytest.mark.points(2)
def test_training_brings_landmarks_closer(trained, small_cases, rng):
    """`fit` learns from a few pairs: in new ones the landmarks come closer by a fifth or more."""
    cases = small_cases(24, rng)
    field = trained.predict(cases)["field"]
    before, after = distances(cases, field)
    _, opposite = distances(cases, -field)
    points_to("no_step", np.abs(field).max() < 0.2)
    points_to("trained_the_other_way", after.mean() > before.mean() > opposite.mean())
    assert after.mean() < 0.8 * before.mean()


@pytest.mark.points(2)
def test_a_shift_comes_back_in_rows_and_columns(trained, small_cases, rng):
    """Of an image and itself, shifted by some rows and columns, `predict` answers that shift, from fixed to moving."""
    cases = small_cases(12, rng)
    brain = cases["labels"][:, 0] > 0
    for rows, columns in ((3, 0), (0, -3)):
        moving = np.roll(cases["fixed"], (rows, columns), (1, 2))  # the point p lies at p + (rows, columns) there
        field = trained.predict({**cases, "moving": moving})["field"]
        along, across = (np.mean([u[axis][m].mean() for u, m in zip(field, brain, strict=True)]) for axis in (0, 1))
        points_to("no_step", np.abs(field).max() < 0.2)
        points_to("trained_the_other_way", along * rows + across * columns < -0.7)
        points_to("field_has_columns_first", along * columns + across * rows > 0.7)
        assert 0.9 < (along * rows + across * columns) / 3 < 4.5
        assert abs(along * columns + across * rows) / 3 < 0.9


@pytest.mark.points(1)
def test_nothing_moves_between_an_image_and_itself(trained, small_cases, rng):
    """Of an image and itself `predict` answers a field near 0, in the brain less than half a pixel in the mean."""
    cases = small_cases(12, rng)
    needs(
        np.abs(trained.predict(cases)["field"]).max() > 0.5,
        "`fit` has to learn first: hardly anything is moved",
        mend="test_training.py::test_training_brings_landmarks_closer",
    )
    field = trained.predict({**cases, "moving": cases["fixed"]})["field"]
    brain = np.broadcast_to((cases["labels"][:, :1] > 0), field.shape)
    assert np.abs(field[brain]).mean() < 0.5


@pytest.mark.points(1)
def test_training_needs_no_landmarks(student, small_cases, rng):
    """`fit` trains on pairs without landmarks and labels, which is what a hospital has: the field stays finite."""
    cases = small_cases(8, rng)
    without = {**cases, "labels": 0 * cases["labels"], "landmarks": np.full_like(cases["landmarks"], np.nan)}
    train = {key: without[key] for key in ("fixed", "moving", "labels", "landmarks", "spacing", "subject")}
    model = student.fit(train, None, seed=int(rng.integers(1000)), budget_s=2.0)
    inputs = {key: cases[key] for key in ("fixed", "moving", "spacing")}
    field = student.predict(model, inputs)["field"]
    assert np.ptp(field) > 1e-4
