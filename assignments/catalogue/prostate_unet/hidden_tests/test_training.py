"""`fit`, `save` and `load`: a few seconds of training, which are enough for volumes this small."""

import numpy as np
import pytest

from assignments.testing import close, points_to

BUDGET_S = 15.0  # TensorFlow needs 10 of them to build and trace the training step


def bright_balls(n, rng):
    """Volumes with one bright ball each, in noise and in an arbitrary unit; the ball is the label."""
    size = np.array([8, 24, 24])
    centre = rng.uniform(0.3, 0.7, (n, 3)) * size
    grid = np.moveaxis(np.indices(size), 0, -1)
    away = (grid - centre[:, None, None, None]) * np.array([3.0, 1.0, 1.0])  # slices are thick
    label = np.linalg.norm(away, axis=-1) < rng.uniform(5, 8, (n, 1, 1, 1))
    image = (2 + label + rng.normal(0, 0.3, label.shape)) * rng.uniform(50, 5000, (n, 1, 1, 1))
    return {
        "image": image.astype(np.float32),
        "label": label.astype(np.uint8),
        "spacing": np.tile(np.float32([3, 1, 1]), (n, 1)),
        "subject": np.arange(n),
    }


def is_new(student, model):
    """Whether a scale of the normalisation is still 1 for every channel: the first step of training moves it."""
    return any(weight.ndim == 1 and (weight == 1).all() for weight in student.model.parameters(model))


@pytest.mark.points(3)
def test_what_was_learnt_is_saved(student, rng):
    """`fit` learns from a few volumes, and after `save` and `load` the model still knows what it learnt."""
    model = student.fit(bright_balls(6, rng), None, seed=int(rng.integers(1000)), budget_s=BUDGET_S)
    test = bright_balls(2, rng)
    prob = student.predict(model, {"image": test["image"]})["prob"]
    inside, outside = (prob[test["label"] == label].mean() for label in (1, 0))
    # A model that learnt nothing answers the same everywhere. On a slow machine the budget allows little more.
    learnt = inside > 1.2 * outside
    points_to("no_step", not learnt and is_new(student, model))
    assert learnt

    student.save(model, "saved")
    loaded = student.load("saved")
    again = student.predict(loaded, {"image": test["image"]})["prob"]
    points_to("weights_not_loaded", not close(again, prob, atol=1e-3) and is_new(student, loaded))
    assert close(again, prob, atol=1e-3)
