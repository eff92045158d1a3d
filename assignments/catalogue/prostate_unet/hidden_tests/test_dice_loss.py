"""`dice_loss`: its value against one computed here in double precision, and its gradient."""

import numpy as np
import pytest

from assignments.testing import close, points_to


def cases(rng):
    """Logits and labels of three cases: a large gland, a small one, and one without gland or any sign of it."""
    logit = rng.normal(0, 2, (3, 4, 7, 6)).astype(np.float32)
    label = (rng.random(logit.shape) < np.array([0.4, 0.05, 0]).reshape(3, 1, 1, 1)).astype(np.uint8)
    label[1, 0, 0, 0] = 1  # never empty
    logit[2] -= 15
    return logit, label


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit.astype(np.float64)))


def soft_dice_loss(prob, label, axes=(1, 2, 3)):
    """The brief's formula."""
    overlap = (prob * label).sum(axis=axes)
    size = prob.sum(axis=axes) + label.sum(axis=axes)
    return np.mean(1 - (2 * overlap + 1) / (size + 1))


@pytest.mark.points(3)
def test_dice_of_each_case_then_the_mean(student, rng):
    """`dice_loss` takes logits and counts every case the same: a large gland, a small one and none at all."""
    for _ in range(2):
        logit, label = cases(rng)
        without_gland = student.tensors.dice_loss(logit[2:], label[2:])
        points_to("empty_case_costs_one", abs(without_gland - 1) < 1e-4)
        prob = sigmoid(logit)
        assert close(
            student.tensors.dice_loss(logit, label),
            soft_dice_loss(prob, label),
            atol=1e-4,
            mistaken={
                "dice_of_the_batch": soft_dice_loss(prob, label, axes=None),
                "dice_without_sigmoid": soft_dice_loss(logit, label),
                "dice_of_a_mask": soft_dice_loss(prob > 0.5, label),
            },
        )
        assert close(without_gland, soft_dice_loss(prob[2:], label[2:]), atol=1e-4)


@pytest.mark.points(2)
def test_every_voxel_has_a_gradient(student, rng):
    """`dice_loss` falls when any voxel's logit moves towards its label: it is soft, without a threshold."""
    logit, label = (array[:2] for array in cases(rng))
    slope = student.gradient.dice_loss(logit, label, wrt=0)
    loss = student.tensors.dice_loss(logit, label)
    points_to("dice_without_sigmoid", abs(loss - soft_dice_loss(logit, label)) < 1e-4)
    points_to("dice_of_a_mask", abs(loss - soft_dice_loss(logit > 0, label)) < 1e-4)
    assert 0 < loss < 1
    assert slope.shape == logit.shape
    assert (slope[label == 1] < 0).all()
    assert (slope[label == 0] > 0).all()


@pytest.mark.points(1)
def test_the_loss_before_training(student, rng):
    """`initial_loss` is the cross-entropy of a model that answers its prior everywhere, over gland and background."""
    for _ in range(3):
        prior, share = (float(value) for value in rng.uniform(0.02, 0.4, 2))
        gland, background = -share * np.log(prior), -(1 - share) * np.log(1 - prior)
        entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
        assert close(
            student.initial_loss(prior, share),
            gland + background,
            rtol=1e-4,
            mistaken={"loss_of_gland_alone": gland, "prior_taken_for_share": entropy},
        )
