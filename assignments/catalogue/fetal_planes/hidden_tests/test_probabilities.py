"""`cross_entropy`, `ensemble` and `brier_score`: probabilities of several classes."""

import numpy as np
import pytest

from assignments.testing import close


def softmax(logit, axis=-1):
    shifted = np.exp(logit - logit.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


@pytest.mark.points(3)
def test_the_loss_takes_logits(student, rng):
    """`cross_entropy` is -log of the softmax of the true plane, the mean over the frames, and finite for any logit."""
    logit, y = rng.normal(0, 2, (9, 4)).astype(np.float32), rng.integers(0, 4, 9).astype(np.uint8)
    each = -np.log(softmax(logit.astype(np.float64)))[np.arange(9), y]
    twice = -np.log(softmax(softmax(logit.astype(np.float64))))[np.arange(9), y]
    assert close(
        student.tensors.cross_entropy(logit, y),
        each.mean(),
        atol=1e-4,
        mistaken={"softmax_twice": twice.mean(), "loss_is_summed": each.sum()},
    )
    far = np.array([[0, 300, 0, -300]], np.float32)
    assert close(student.tensors.cross_entropy(far, np.array([0], np.uint8)), 300.0, atol=1e-2)


@pytest.mark.points(4)
def test_an_ensemble_averages_probabilities(student, rng):
    """`ensemble` is the mean of the networks' probabilities: where they disagree, it is less sure than they are."""
    logits = rng.normal(0, 3, (5, 7, 4))
    prob = student.ensemble(logits)
    votes = np.eye(4)[logits.argmax(axis=2)].mean(axis=0)
    assert close(
        prob,
        softmax(logits).mean(axis=0),
        atol=1e-6,
        mistaken={
            "logits_are_averaged": softmax(logits.mean(axis=0)),
            "votes_are_counted": votes,
            "softmax_over_the_networks": softmax(logits, axis=0).mean(axis=0),
        },
    )
    y = rng.integers(0, 4, 7)
    alone = np.mean([-np.log(softmax(one))[np.arange(7), y].mean() for one in logits])
    assert -np.log(prob[np.arange(7), y]).mean() <= alone + 1e-9  # Jensen


@pytest.mark.points(3)
def test_the_brier_score_counts_every_class(student, rng):
    """`brier_score` adds the squared differences of all classes, and takes the mean over the frames."""
    prob, y = softmax(rng.normal(0, 1.5, (11, 4))), rng.integers(0, 4, 11).astype(np.uint8)
    squares = (prob - np.eye(4)[y]) ** 2
    assert close(
        student.brier_score(prob, y),
        squares.sum(axis=1).mean(),
        rtol=1e-6,
        mistaken={
            "true_class_alone": squares[np.arange(11), y].mean(),
            "mean_over_the_classes": squares.mean(),
        },
    )
