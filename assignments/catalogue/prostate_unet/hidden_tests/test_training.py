"""`fit`, `save` and `load`: a few seconds of training, which are enough for volumes this small."""

import numpy as np
import pytest

from assignments.testing import close

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


@pytest.mark.points(3)
def test_what_was_learnt_is_saved(student, rng):
    """`fit` learns from a few volumes, and after `save` and `load` the model still knows what it learnt."""
    model = student.fit(bright_balls(6, rng), None, seed=int(rng.integers(1000)), budget_s=BUDGET_S)
    test = bright_balls(2, rng)
    prob = student.predict(model, {"image": test["image"]})["prob"]
    student.save(model, "saved")
    assert close(student.predict(student.load("saved"), {"image": test["image"]})["prob"], prob, atol=1e-3)
    inside, outside = prob[test["label"] == 1].mean(), prob[test["label"] == 0].mean()
    # A model that learnt nothing answers the same everywhere. On a slow machine the budget allows little more.
    assert inside > 1.2 * outside
