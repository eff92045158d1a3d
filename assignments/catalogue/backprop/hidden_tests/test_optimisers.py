"""Optimisers: steps with gradients that the test draws or computes, against the papers' formulas."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def drawn(rng):
    """Two parameters of different shapes, and gradients for ten steps."""
    params = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    return params, [[rng.normal(size=w.shape) for w in params] for _ in range(10)]


def descent(params, gradients, lr, keep, add=1.0):
    """Where gradient descent with momentum arrives: v <- keep v + add g."""
    velocities = [np.zeros_like(w) for w in params]
    for grads in gradients:
        velocities = [keep * v + add * g for v, g in zip(velocities, grads, strict=True)]
        params = [w - lr * v for w, v in zip(params, velocities, strict=True)]
    return params


def adam(w, gradient_at, count, lr, beta1, beta2, epsilon, corrected=True):
    """Where Adam arrives after `count` steps from w."""
    mean, square = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, count + 1):
        g = gradient_at(w)
        mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g**2
        m, s = (mean / (1 - beta1**t), square / (1 - beta2**t)) if corrected else (mean, square)
        w = w - lr * m / (np.sqrt(s) + epsilon)
    return w


@pytest.mark.points(3, criterion="optimisers")
def test_momentum(student, rng):
    """`SGD` moves by the gradient, and with momentum by what is left of all earlier gradients too."""
    start, gradients = drawn(rng)
    for momentum in (float(rng.uniform(0.6, 0.95)), 0.0):  # without momentum last: it cannot feel the first
        lr = float(rng.uniform(0.05, 0.2))
        optimiser, params = student.SGD(lr, momentum), start
        for grads in gradients:
            params = optimiser.step(params, grads)
        assert len(params) == len(start)
        expected = descent(start, gradients, lr, momentum)
        averaged = descent(start, gradients, lr, momentum, 1 - momentum)
        for got, want, average in zip(params, expected, averaged, strict=True):
            assert close(got, want, atol=1e-9, mistaken={"momentum_averages": average})


@pytest.mark.points(3, criterion="optimisers")
def test_first_step_of_adam(student, rng):
    """The first step of `Adam` is as long as the learning rate in every weight, whatever the size of its gradient."""
    lr = float(rng.uniform(0.01, 0.1))
    w = rng.normal(size=8)
    g = rng.choice([-1, 1], 8) * 10.0 ** rng.uniform(-2, 4, 8)
    (moved,) = student.Adam(lr).step([w], [g])
    assert moved.shape == w.shape
    without = 0.1 / np.sqrt(0.001)  # m and s as they are after a step from 0
    assert close(
        moved - w, -lr * np.sign(g), rtol=1e-4, mistaken={"adam_without_correction": -lr * without * np.sign(g)}
    )


@pytest.mark.points(2, criterion="optimisers")
def test_epsilon_of_adam(student, rng):
    """`Adam` adds epsilon to the root: a gradient far below epsilon makes hardly a step."""
    lr, epsilon = 1.0, float(10 ** rng.uniform(-5, -3))
    w, g = np.zeros(6), rng.normal(size=6) * epsilon
    (moved,) = student.Adam(lr, epsilon=epsilon).step([w], [g])
    m, s = 0.1 * g, 0.001 * g**2
    assert close(
        moved,
        -lr * g / (np.abs(g) + epsilon),
        rtol=1e-6,
        mistaken={
            "epsilon_inside_the_root": -lr * g / np.sqrt(g**2 + epsilon),
            "adam_without_correction": -lr * m / (np.sqrt(s) + epsilon),
        },
    )


@pytest.mark.points(3, criterion="optimisers")
def test_adam_on_a_quadratic(student, rng):
    """`Adam` goes the paper's way for many steps, on a valley of drawn curvature."""
    curvature, start = 10.0 ** rng.uniform(-1, 1, 5), rng.normal(size=5)
    lr, beta1, beta2 = 0.05, float(rng.uniform(0.7, 0.9)), float(rng.uniform(0.9, 0.99))
    optimiser, w = student.Adam(lr, beta1, beta2, 1e-15), start
    for _ in range(20):
        (w,) = optimiser.step([w], [curvature * w])
        assert w.shape == start.shape
    ways = [adam(start, lambda w: curvature * w, 20, lr, beta1, beta2, 1e-15, corrected) for corrected in (True, False)]
    assert close(w, ways[0], atol=1e-7, mistaken={"adam_without_correction": ways[1]})


@pytest.mark.points(3, criterion="optimisers")
def test_decoupled_decay(student, rng):
    """`AdamW` shrinks every weight by the same share, whatever its gradient; Adam's step comes on top."""
    lr, decay = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.1, 0.4))
    w = rng.uniform(0.5, 2, 6) * rng.choice([-1, 1], 6)
    optimiser = student.AdamW(lr, decay)
    (still,) = optimiser.step([w], [np.zeros(6)])
    assert close(
        still,
        w * (1 - lr * decay),
        rtol=1e-6,
        mistaken={"l2_called_adamw": w - lr * np.sign(w)},
    )
    g = rng.uniform(1, 3, 6) * rng.choice([-1, 1], 6)
    (moved,) = optimiser.step([still], [g])
    step = lr * (0.1 / (1 - 0.9**2)) / np.sqrt(0.001 / (1 - 0.999**2))  # the means of 0 and g, put right
    assert close(moved, still * (1 - lr * decay) - step * np.sign(g), rtol=1e-6)


def needs_to_go_down(before, after, gradient):
    needs(
        after.shape == before.shape and (np.sign(after - before) == -np.sign(gradient)).all(),
        "the first step has to go down the gradient",
        mend="test_optimisers.py::test_momentum",
    )


@pytest.mark.points(2, criterion="optimisers")
def test_two_optimisers_do_not_share(student, rng):
    """What one optimiser remembers does not reach another one of the same class."""
    (w, _), ((g, _), *_) = drawn(rng)
    for make in (lambda: student.SGD(0.1, 0.9), lambda: student.Adam(0.1), lambda: student.AdamW(0.1, 1e-6)):
        alone, first, second = make(), make(), make()
        (expected,) = alone.step([w], [g])
        needs_to_go_down(w, expected, g)
        first.step([w], [10 - g])
        points_to("state_is_shared", True)  # the same step, and between the two only another optimiser's
        (answer,) = second.step([w], [g])
        assert close(answer, expected)


@pytest.mark.points(2, criterion="optimisers")
def test_a_step_changes_no_array(student, rng):
    """A step returns new parameters; the parameters and gradients that it got are as they were."""
    start, (gradients, *_) = drawn(rng)
    for optimiser in (student.SGD(0.1, 0.5), student.Adam(0.1), student.AdamW(0.1, 1e-6)):
        params, grads = student.put(start), student.put(gradients)
        moved = optimiser.step(params, grads)
        for index, (w, g) in enumerate(zip(start, gradients, strict=True)):
            needs_to_go_down(w, moved[index], g)
            assert close(params.item(index), w, mistaken={"steps_in_place": moved[index]})
            assert close(grads.item(index), g)


@pytest.mark.points(3, criterion="optimisers")
def test_prediction_of_the_stable_rate(student, rng):
    """`largest_stable_lr` predicts where `SGD` begins to diverge, with momentum and without."""
    d = int(rng.integers(3, 6))
    curvature = 10.0 ** rng.uniform(-1, 1, d)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    hessian = turn * curvature @ turn.T
    hessian = (hessian + hessian.T) / 2
    for momentum in (0.0, float(rng.uniform(0.3, 0.9))):
        fastest = 1 / curvature.max()
        assert close(
            student.largest_stable_lr(hessian, momentum),
            2 * (1 + momentum) * fastest,
            rtol=1e-6,
            mistaken={"stable_rate_of_one_step": fastest},
            hint="along an eigenvector the step is a rule for one number: when does it grow?",
        )
