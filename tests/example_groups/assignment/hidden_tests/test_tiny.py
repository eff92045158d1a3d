"""canary-in-the-tests"""

import numpy as np
import pytest

from assignments.testing import close

EXPECTED = 0.73917391739173917


@pytest.fixture(scope="module")
def model(shared_student):
    rng = np.random.default_rng(1)
    y = (np.arange(20) % 2).astype(np.uint8)
    x = (rng.normal(size=(20, 3)) + 4 * y[:, None]).astype(np.float32)
    return shared_student.fit({"x": x, "y": y}, None, seed=1, budget_s=1.0)


@pytest.mark.points(2)
def test_scale(student, rng):
    """`scale` centres every column."""
    x = rng.normal(size=(5, 2))
    assert close(student.scale(x), x - x.mean(0), atol=1e-9)


@pytest.mark.points(4)
def test_loss(student):
    """`loss` is the mean absolute difference."""
    assert close(student.loss(np.array([EXPECTED, 0.0]), np.zeros(2)), EXPECTED / 2)


@pytest.mark.points(2)
def test_learns(shared_student, model):
    """A trained model tells the classes apart."""
    x = np.array([[0, 0, 0], [4, 4, 4]], np.float32)
    prob = shared_student.predict(model, {"x": x})["prob"]
    assert prob[0] < 0.5 < prob[1]


@pytest.mark.points(2)
def test_again(shared_student, model):
    """The same rows have the same answer twice."""
    x = np.ones((2, 3), np.float32)
    first, second = (shared_student.predict(model, {"x": x})["prob"] for _ in range(2))
    assert close(first, second)
