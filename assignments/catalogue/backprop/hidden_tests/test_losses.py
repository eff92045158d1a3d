"""Activations and losses: values and gradients against formulas in double precision."""

import numpy as np
import pytest

from assignments.testing import close, points_to


def logits(rng):
    """Logits (12, k), and a class for each row."""
    k = int(rng.integers(3, 7))
    return rng.normal(0, 2, (12, k)), rng.integers(0, k, 12)


def softmax(z):
    powers = np.exp(z)  # of moderate logits
    return powers / powers.sum(axis=1, keepdims=True)


def masks(rng):
    """Probabilities and masks of three cases: a large object, a small one, and none."""
    p = rng.uniform(0.02, 0.98, (3, 5, 6))
    y = (rng.random(p.shape) < np.array([0.5, 0.1, 0]).reshape(3, 1, 1)).astype(np.float64)
    return p * np.array([1, 1, 0.05]).reshape(3, 1, 1), y


def dice(p, y, axes):
    """Numerator, denominator and their quotient."""
    above = 2 * (p * y).sum(axis=axes, keepdims=True) + 1
    below = (p + y).sum(axis=axes, keepdims=True) + 1
    return above, below, above / below


@pytest.mark.points(3, criterion="losses")
def test_probabilities_of_any_logit(student, rng):
    """`sigmoid` and `softmax` are right for any logits, also for -1000 and 1000, and each row has its own softmax."""
    z, _ = logits(rng)
    assert close(student.sigmoid(z[0]), 1 / (1 + np.exp(-z[0])))
    p = student.softmax(z)
    points_to("softmax_over_the_batch", np.abs(p.sum(axis=1) - 1).max() > 0.01)
    assert close(p, softmax(z), hint="the probabilities of each row have to add up to one")
    far = np.array([-1000.0, 1000.0, 0.0])
    assert close(student.sigmoid(far), [0, 1, 0.5], atol=1e-12)
    points_to("exponential_overflows", True)  # what is right above, and wrong for these
    assert close(student.softmax(np.stack([far, -far])), [[0, 1, 0], [1, 0, 0]], atol=1e-12)


@pytest.mark.points(2, criterion="losses")
def test_gradient_of_the_sigmoid(student, rng):
    """`sigmoid_backward` multiplies the upstream gradient by the sigmoid's derivative."""
    x, upstream = rng.normal(0, 2, (2, 30))
    s = 1 / (1 + np.exp(-x))
    assert close(
        student.sigmoid_backward(x, upstream),
        upstream * s * (1 - s),
        atol=1e-9,
        mistaken={"sigmoid_gradient_at_its_input": upstream * x * (1 - x), "upstream_forgotten": s * (1 - s)},
    )


@pytest.mark.points(2, criterion="losses")
def test_gradient_of_the_relu(student, rng):
    """`relu_backward` passes the gradient on where the input is above 0, whatever its sign, and nowhere else."""
    x, upstream = rng.normal(size=(2, 6, 7))
    x[rng.random(x.shape) < 0.2] = 0
    assert close(
        student.relu_backward(x, upstream),
        upstream * (x > 0),
        mistaken={"relu_looks_at_the_gradient": upstream * (upstream > 0)},
        hint="look at entries that are exactly 0 too",
    )


@pytest.mark.points(4, criterion="losses")
def test_gradient_of_the_softmax(student, rng):
    """`softmax_backward` knows that a logit moves every probability of its row."""
    z, _ = logits(rng)
    upstream, p = rng.normal(size=z.shape), softmax(z)
    jacobian = p[:, :, None] * (np.eye(z.shape[1]) - p[:, None, :])  # (n, k, k): of each p by each logit
    assert close(
        student.softmax_backward(z, upstream),
        (upstream[:, :, None] * jacobian).sum(axis=1),
        atol=1e-9,
        mistaken={"softmax_gradient_diagonal": upstream * p * (1 - p)},
    )


@pytest.mark.points(3, criterion="losses")
def test_binary_cross_entropy(student, rng):
    """`bce_with_logits` is the mean over the rows, and its gradient is the gradient of that mean."""
    n = int(rng.integers(8, 30))
    z, y = rng.normal(0, 2, n), rng.integers(0, 2, n).astype(np.float64)
    loss, gradient = student.bce_with_logits(z, y)
    assert close(loss, np.mean(np.log1p(np.exp(z)) - y * z))
    of_the_sum = 1 / (1 + np.exp(-z)) - y
    assert close(gradient, of_the_sum / n, atol=1e-9, mistaken={"gradient_of_the_sum": of_the_sum})


@pytest.mark.points(3, criterion="losses")
def test_cross_entropy_of_classes(student, rng):
    """`cross_entropy` is the mean over the rows, and its gradient is the gradient of that mean."""
    z, y = logits(rng)
    n, k = z.shape
    loss, gradient = student.cross_entropy(z, y)
    expected = -np.mean(np.log(softmax(z)[np.arange(n), y]))
    assert close(loss, expected, mistaken={"mean_over_the_classes": expected / k})
    of_the_sum = softmax(z) - np.eye(k)[y]
    assert close(
        gradient,
        of_the_sum / n,
        atol=1e-9,
        mistaken={"gradient_of_the_sum": of_the_sum, "mean_over_the_classes": of_the_sum / (n * k)},
    )


def losses_are_right_near_zero(student, y):
    """Whether both losses are right for logits of 0."""
    binary = student.bce_with_logits(np.zeros(len(y)), y.astype(np.float64))
    of_classes = student.cross_entropy(np.zeros((len(y), 3)), y)
    return (
        close(binary[0], np.log(2))
        and close(binary[1], (0.5 - y) / len(y), atol=1e-9)
        and close(of_classes[0], np.log(3))
        and close(of_classes[1], (1 / 3 - np.eye(3)[y]) / len(y), atol=1e-9)
    )


@pytest.mark.points(3, criterion="losses")
def test_losses_of_sure_answers(student, rng):
    """A network that is sure and wrong has a large loss and a gradient, both finite: logits may be 1000 apart."""
    y = rng.permutation([0, 0, 0, 1, 1, 1])
    points_to("log_of_a_probability", losses_are_right_near_zero(student, y))
    of_the_sum = 1.0 - 2 * y  # sigmoid minus truth, where all are wrong
    loss, gradient = student.bce_with_logits(1000 * of_the_sum, y.astype(np.float64))
    assert close(loss, 1000.0)
    assert close(gradient, of_the_sum / 6, atol=1e-9, mistaken={"gradient_of_the_sum": of_the_sum})

    z = 500 * np.stack([2.0 * y - 1, 1 - 2.0 * y, np.full(6, -2.0)], axis=1)  # wrong of classes 0 and 1
    loss, gradient = student.cross_entropy(z, y)
    assert close(loss, 1000.0, mistaken={"mean_over_the_classes": 1000 / 3})
    of_the_sum = (z == 500) * 1.0 - np.eye(3)[y]
    assert close(gradient, of_the_sum / 6, atol=1e-9, mistaken={"gradient_of_the_sum": of_the_sum})


@pytest.mark.points(3, criterion="losses")
def test_dice_of_each_case(student, rng):
    """`soft_dice_loss` is the mean over the cases: a large object, a small one and none at all count the same."""
    p, y = masks(rng)
    loss, _ = student.soft_dice_loss(p, y)
    pooled = 1 - dice(p, y, None)[2].item()
    assert close(loss, np.mean(1 - dice(p, y, (1, 2))[2]), mistaken={"dice_of_the_batch": pooled})


@pytest.mark.points(3, criterion="losses")
def test_gradient_of_the_dice(student, rng):
    """The gradient of `soft_dice_loss` knows that a probability stands in the numerator and in the denominator."""
    p, y = masks(rng)
    n = len(p)
    _, gradient = student.soft_dice_loss(p, y)
    above, below, _ = dice(p, y, (1, 2))
    all_above, all_below, _ = dice(p, y, None)
    assert close(
        gradient,
        -(2 * y * below - above) / below**2 / n,
        atol=1e-9,
        mistaken={
            "dice_denominator_is_constant": -2 * y / below / n,
            "dice_of_the_batch": -(2 * y * all_below - all_above) / all_below**2,
        },
    )


@pytest.mark.points(2, criterion="losses")
def test_prediction_of_the_initial_loss(student, rng):
    """`initial_loss` predicts what a new network's cross-entropy is, for any number of classes."""
    for classes in (2, *(int(number) for number in rng.integers(3, 1000, 3))):
        share = 1 / classes
        assert close(
            student.initial_loss(classes),
            np.log(classes),
            mistaken={"initial_loss_is_an_error_rate": 1 - share},
            hint="which probability does a network with equal logits give to the true class?",
        )
