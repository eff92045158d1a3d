"""`fit` and `predict`: what holds for any sound model of the age, however accurate it is."""

import numpy as np
import pytest

from assignments.data.sources.biometry import fetal_biometry
from assignments.testing import close, needs, points_to


@pytest.fixture(scope="module")
def train():
    return fetal_biometry(90, np.random.default_rng(1984))


@pytest.fixture(scope="module")
def model(shared_student, train):
    return shared_student.fit(train, None, seed=1, budget_s=10.0)


def weeks(student, model, x):
    return student.predict(model, {"x": np.ascontiguousarray(x)})["value"]


def needs_a_model_that_learnt(value):
    needs(np.ptp(value) > 5, "`fit` has to learn first: all scans get nearly the same age")


@pytest.mark.points(2)
def test_a_scan_alone_as_in_a_batch(shared_student, model, rng):
    """A scan gets the same age alone and among others."""
    x = fetal_biometry(24, rng)["x"]
    together = weeks(shared_student, model, x)
    needs_a_model_that_learnt(together)
    alone = np.concatenate([weeks(shared_student, model, x[i : i + 1]) for i in range(6)])
    points_to("scaled_by_the_batch", np.ptp(alone) < 1e-3)  # a row alone is its own mean
    assert close(alone, together[:6], atol=1e-3)


@pytest.mark.points(3)
def test_the_unit_of_a_length_does_not_matter(shared_student, model, train, rng):
    """Trained on lengths in other units, each with its own, the model gives the same ages for the same scans."""
    units = 2.0 ** rng.permutation([-7, -5, 0, 3]).astype(np.float32)  # powers of two: no rounding
    other = shared_student.fit({**train, "x": train["x"] * units}, None, seed=1, budget_s=10.0)
    x = fetal_biometry(24, rng)["x"]
    value = weeks(shared_student, model, x)
    needs_a_model_that_learnt(value)
    in_units = weeks(shared_student, other, x * units)
    points_to("no_scaling", 0.1 < np.abs(in_units - value).max() < 10)
    assert close(in_units, value, atol=0.1)
