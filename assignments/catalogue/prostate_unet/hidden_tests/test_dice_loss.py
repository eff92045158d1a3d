"""`dice_loss`: its value against one computed here in double precision, and its gradient."""

import numpy as np
import pytest

from assignments.testing import close


def cases(rng):
    """Logits and labels of three cases: a large gland, a small one, and one without gland or any sign of it."""
    logit = rng.normal(0, 2, (3, 4, 7, 6)).astype(np.float32)
    label = (rng.random(logit.shape) < np.array([0.4, 0.05, 0]).reshape(3, 1, 1, 1)).astype(np.uint8)
    label[1, 0, 0, 0] = 1  # never empty
    logit[2] -= 15
    return logit, label


def soft_dice_loss(logit, label):
    """The brief's formula."""
    prob = 1 / (1 + np.exp(-logit.astype(np.float64)))
    overlap = (prob * label).sum(axis=(1, 2, 3))
    size = prob.sum(axis=(1, 2, 3)) + label.sum(axis=(1, 2, 3))
    return np.mean(1 - (2 * overlap + 1) / (size + 1))


@pytest.mark.points(4)
def test_dice_of_each_case_then_the_mean(student, rng):
    """`dice_loss` takes logits and counts every case the same: a large gland, a small one and none at all."""
    for _ in range(2):
        logit, label = cases(rng)
        without_gland = student.tensors.dice_loss(logit[2:], label[2:])
        assert close(without_gland, soft_dice_loss(logit[2:], label[2:]), atol=1e-4)
        assert close(student.tensors.dice_loss(logit, label), soft_dice_loss(logit, label), rtol=1e-4)


@pytest.mark.points(3)
def test_every_voxel_has_a_gradient(student, rng):
    """`dice_loss` falls when any voxel's logit moves towards its label: it is soft, without a threshold."""
    logit, label = (array[:2] for array in cases(rng))
    slope = student.gradient.dice_loss(logit, label, wrt=0)
    assert 0 < student.tensors.dice_loss(logit, label) < 1
    assert slope.shape == logit.shape
    assert (slope[label == 1] < 0).all()
    assert (slope[label == 0] > 0).all()
