"""`bce_with_logits` and `train_step`: the loss, and one step down its slope, against values computed here."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to

CONFIG = {"n_in": 6, "hidden": [8, 5], "activation": "tanh"}


def cross_entropy(logit, y):
    """Mean binary cross-entropy of logits, in double precision."""
    logit = np.asarray(logit, np.float64)
    return np.mean(np.logaddexp(0, logit) - logit * y)


def batch(rng):
    x = rng.normal(size=(16, 6)).astype(np.float32)
    return x, rng.permutation([0, 1] * 8).astype(np.float32)


def before_one_step(student, model, x, y):
    """What plain gradient descent starts from: the loss, and every weight with its slope."""
    logit = student.model.forward(model, x)
    points_to("column_of_logits", logit.shape == (len(y), 1))
    needs(logit.shape == y.shape, "the model has to return one logit for each row first, in one axis")
    error = (1 / (1 + np.exp(-logit.astype(np.float64))) - y) / len(y)  # slope of the mean loss at each logit
    slopes = student.model.parameter_gradients(model, x, error.astype(np.float32))
    return cross_entropy(logit, y), student.model.parameters(model), slopes


@pytest.mark.points(4)
def test_loss_of_logits(student, rng):
    """`bce_with_logits` takes logits, averages over the rows, and stays exact where the sigmoid is 0 or 1."""
    logit = rng.normal(0, 3, 40).astype(np.float32)
    y = rng.permutation([0, 1] * 20).astype(np.float32)
    expected = cross_entropy(logit, y)
    answer = student.tensors.bce_with_logits(logit, y)
    assert close(answer, expected, rtol=1e-4, mistaken={"loss_is_summed": 40 * expected})

    sure = np.array([1000, -1000, 1000, -1000], np.float32)  # right, right, wrong, wrong
    truth = np.array([1, 0, 0, 1], np.float32)
    points_to("log_of_sigmoid", True)  # what is right for the logits above, and wrong for these
    assert close(student.tensors.bce_with_logits(sure, truth), 500.0, rtol=1e-4)


@pytest.mark.points(6)
def test_each_step_follows_its_own_gradient(student, rng):
    """`train_step` moves every weight by -lr times the gradient of this batch, whatever came before."""
    model = student.build_model(CONFIG)
    earlier = [0.0] * len(student.model.parameters(model))
    for lr in (0.5, 0.25):  # the second batch must not feel the first one's gradient
        x, y = batch(rng)
        # A model that ignores its input would pass.
        needs(
            np.ptp(student.model.forward(model, x)) > 0, "the logits of a new model have to depend on its input first"
        )
        loss, weights, slopes = before_one_step(student, model, x, y)
        answer = student.tensors.train_step(model, x, y, lr)
        assert close(answer, loss, rtol=1e-4, mistaken={"loss_is_summed": len(y) * loss})
        after = student.model.parameters(model)
        for value, weight, slope, last in zip(after, weights, slopes, earlier, strict=True):
            divided, added = weight - lr * slope / len(y), weight - lr * (slope + last)
            assert close(
                value,
                weight - lr * slope,
                atol=1e-5,
                mistaken={"divided_twice": divided, "gradients_accumulate": added},
            )
        earlier = slopes


@pytest.mark.points(3)
def test_what_a_constant_answer_costs(student, rng):
    """`constant_loss` is the cross-entropy that no constant answer can beat: a trained network has to."""
    for share in (0.5, *(float(share) for share in rng.uniform(0.03, 0.45, 3))):
        malignant, benign = -share * np.log(share), -(1 - share) * np.log(1 - share)
        assert close(
            student.constant_loss(share),
            malignant + benign,
            rtol=1e-4,
            mistaken={"constant_counts_one_class": malignant, "constant_is_one_half": np.log(2)},
        )
