"""`ridge`, its slope, gradient descent and R2, against values computed here in double precision."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def table(rng, n=40, d=3):
    """Rows whose columns have a mean far from zero, and labels that depend on them."""
    x = (rng.normal(3, 1, (n, d)) * rng.uniform(0.5, 3, d)).astype(np.float32)
    return x, (x @ rng.normal(size=d) + rng.normal(25, 1, n)).astype(np.float32)


def curvature(x, l2, l2_of_offset=0.0):
    """Half the Hessian of the cost in w and b, and the columns with the ones that belong to b."""
    columns = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    return columns.T @ columns + np.diag([*np.full(x.shape[1], l2), l2_of_offset]), columns


def lowest(x, y, l2, l2_of_offset=0.0):
    """w and b in one array, from the normal equations."""
    half, columns = curvature(x, l2, l2_of_offset)
    return np.linalg.solve(half, columns.T @ y.astype(np.float64))


def slope(at, x, y, l2):
    """Central differences of the cost at w and b, one array: exact, as the cost is quadratic."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def cost(at):
        return ((y - x @ at[:-1] - at[-1]) ** 2).sum() + l2 * (at[:-1] ** 2).sum()

    return np.array([(cost(at + step) - cost(at - step)) / 0.02 for step in 0.01 * np.eye(len(at))])


@pytest.mark.points(4)
def test_ridge_finds_the_lowest_cost(student, rng):
    """`ridge` finds the w and b with the smallest sum of squared errors plus l2 |w|^2, also for l2 = 0."""
    for l2 in (0.0, float(rng.uniform(5, 40))):
        x, y = table(rng)
        expected, penalised, averaged = lowest(x, y, l2), lowest(x, y, l2, l2), lowest(x, y, l2 * len(y))
        w, b = student.ridge(x, y, l2)
        assert close(
            [*w, b], expected, atol=1e-2, mistaken={"offset_penalised": penalised, "errors_averaged": averaged}
        )


@pytest.mark.points(3)
def test_the_offset_is_free(student, rng):
    """With an enormous penalty `ridge` predicts the mean of y for everybody, not 0."""
    x, y = table(rng)
    w, b = student.ridge(x, y, 1e9)
    assert close(w, np.zeros(3), atol=1e-3)
    assert close(b, y.mean(dtype=np.float64), rtol=1e-3, mistaken={"offset_penalised": lowest(x, y, 1e9, 1e9)[-1]})


@pytest.mark.points(3)
def test_of_several_answers_the_smallest(student, rng):
    """Where many weights fit alike, because a column comes twice, `ridge` with l2 = 0 takes the smallest."""
    for _ in range(3):  # rounding may hit the answer once
        x, y = table(rng)
        once = lowest(x, y, 0.0)
        w, b = student.ridge(x, y, 0.0)
        needs(
            np.abs([*w, b] - once).max() < 0.1,
            "`ridge` has to find the lowest cost of columns that all differ first",
            mend="test_least_squares.py::test_ridge_finds_the_lowest_cost",
        )
        points_to("inverse", True)  # what is right for these columns, and wrong when one comes twice
        w, _ = student.ridge(np.concatenate([x, x[:, :1]], axis=1), y, 0.0)
        assert close(w, [once[0] / 2, once[1], once[2], once[0] / 2], atol=1e-2)


@pytest.mark.points(3)
def test_gradient_is_the_slope(student, rng):
    """`ridge_gradient` is the slope of the sum of squared errors plus l2 |w|^2, in w and in b."""
    x, y = table(rng, n=12)
    w, b, l2 = rng.normal(size=3).astype(np.float32), float(rng.uniform(1, 3)), float(rng.uniform(2, 6))
    expected = slope(np.array([*w, b], np.float64), x, y, l2)
    of_penalty = np.array([*(2 * l2 * w.astype(np.float64)), 0.0])
    averaged = (expected - of_penalty) / len(y) + of_penalty
    slope_w, slope_b = student.ridge_gradient(w, b, x, y, l2)
    assert close(slope_w, expected[:-1], rtol=1e-3, atol=1e-2, mistaken={"errors_averaged": averaged[:-1]})
    assert close(slope_b, expected[-1], rtol=1e-3, atol=1e-2, mistaken={"errors_averaged": averaged[-1]})


@pytest.mark.points(3)
def test_descent_takes_the_steps_and_arrives(student, rng):
    """`gradient_descent` starts from zero, steps w and b together, and arrives where algebra does."""
    x, y = table(rng)
    l2 = float(rng.uniform(1, 5))
    lr = 0.5 / np.linalg.eigvalsh(curvature(x, l2)[0])[-1]
    at = np.zeros(4)
    for _ in range(3):
        at = at - lr * slope(at, x, y, l2)
    w, b = student.gradient_descent(x, y, l2, lr, 3)
    assert close([*w, b], at, rtol=1e-3, atol=1e-3)

    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)  # of a round bowl: 200 steps are plenty
    lr = 0.5 / np.linalg.eigvalsh(curvature(x, l2)[0])[-1]
    w, b = student.gradient_descent(x, y, l2, lr, 200)
    assert close([*w, b], lowest(x, y, l2), rtol=1e-3, atol=1e-2)


@pytest.mark.points(3)
def test_the_largest_step_is_predicted(student, rng):
    """`largest_step` predicts from the data alone where gradient descent begins to run away."""
    x, _ = table(rng, n=int(rng.integers(10, 40)))
    l2 = float(rng.uniform(20, 60))
    steepest = np.linalg.eigvalsh(curvature(x, l2)[0])[-1]
    answer = student.largest_step(x, l2)
    assert close(answer, 1 / steepest, rtol=1e-3, mistaken={"half_the_step": 0.5 / steepest})


@pytest.mark.points(2)
def test_r2_compares_with_the_mean(student, rng):
    """`r2_score` is the share of the squared distance from the mean that is explained; it may be negative."""
    y = rng.normal(25, 5, 50).astype(np.float32)
    far = (0.5 * y + rng.normal(0, 2, 50)).astype(np.float32)  # in step with y, and always too low
    for predicted in (far, np.full(50, y.mean(), np.float32) + rng.normal(0, 0.01, 50).astype(np.float32)):
        y64, p64 = y.astype(np.float64), predicted.astype(np.float64)
        expected = 1 - ((y64 - p64) ** 2).sum() / ((y64 - y64.mean()) ** 2).sum()
        squared = np.corrcoef(y64, p64)[0, 1] ** 2
        answer = student.r2_score(y, predicted)
        assert close(answer, expected, atol=1e-3, mistaken={"r2_is_squared_correlation": squared})
