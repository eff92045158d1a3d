"""The hinge loss, its sub-gradient and the RBF kernel, against values computed here."""

import numpy as np
import pytest

from assignments.testing import close


def problem(rng, n=30):
    """A boundary that some rows are beyond, some in the margin of and some on the wrong side of; none on a kink."""
    while True:
        x = rng.normal(1, 1, (n, 3)).astype(np.float32)
        y = np.where(rng.random(n) < 0.5, -1, 1).astype(np.float32)
        w, b = rng.normal(size=3).astype(np.float32), float(rng.uniform(0.5, 1.5) * rng.choice([-1, 1]))
        short = 1 - y * (x.astype(np.float64) @ w + b)
        if np.abs(short).min() > 0.01 and 5 < (short > 0).sum() < n - 5:
            return x, y, w, b, float(rng.uniform(0.5, 3))


def cost(at, x, y, c, side=1):
    """|w|^2 / 2 + c sum max(0, 1 - y f), in double precision; `at` is w and b in one array."""
    f = x.astype(np.float64) @ at[:-1] + at[-1]
    return at[:-1] @ at[:-1] / 2 + c * np.maximum(0, 1 - side * y * f).sum()


@pytest.mark.points(2)
def test_rows_beyond_the_margin_cost_nothing(student, rng):
    """The cost counts each row by how far it is short of the margin on its own side, and by nothing if it is beyond."""
    x, y, w, b, c = problem(rng)
    at = np.array([*w, b], np.float64)
    answer, _, _ = student.hinge_loss_gradient(w, b, x, y, c)
    assert close(answer, cost(at, x, y, c), rtol=1e-4, mistaken={"wrong_side": cost(at, x, y, c, -1)})


@pytest.mark.points(3)
def test_subgradient_is_the_slope(student, rng):
    """Away from the kinks the sub-gradient is the slope of the cost; the offset feels the rows, not the penalty."""
    x, y, w, b, c = problem(rng)
    at = np.array([*w, b], np.float64)

    def slope(side=1):
        steps = 1e-5 * np.eye(4)
        return np.array([(cost(at + s, x, y, c, side) - cost(at - s, x, y, c, side)) / 2e-5 for s in steps])

    _, slope_w, slope_b = student.hinge_loss_gradient(w, b, x, y, c)
    assert close(slope_w, slope()[:-1], rtol=1e-3, atol=1e-3, mistaken={"wrong_side": slope(-1)[:-1]})
    assert close(slope_b, slope()[-1], rtol=1e-3, atol=1e-3, mistaken={"hinge_offset_penalised": slope()[-1] + b})


@pytest.mark.points(2)
def test_gamma_is_one_over_length_squared(student, rng):
    """`rbf_kernel` is exp(-gamma |a - b|^2): 1 for equal rows, and it falls with the squared distance."""
    a, b = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    b[0] = a[0]
    gamma = float(rng.uniform(0.1, 0.5))
    squared = ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(axis=2)
    length = np.exp(-(gamma**2) * squared)
    answer = student.rbf_kernel(a, b, gamma)
    assert close(answer, np.exp(-gamma * squared), atol=1e-4, mistaken={"gamma_is_one_over_length": length})
