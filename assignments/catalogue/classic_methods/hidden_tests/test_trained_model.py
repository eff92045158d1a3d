"""`fit` and `predict`: what holds for any sound model of the age, however accurate it is."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


@pytest.mark.points(3)
def test_the_unit_of_a_length_does_not_matter(trained, small_cases, rng):
    """Trained on lengths in other units, each with its own, the model gives the same ages for the same scans."""
    units = 2.0 ** rng.permutation([-7, -5, 0, 3]).astype(np.float32)  # powers of two: no rounding
    in_units = {**trained.train, "x": trained.train["x"] * units}
    other = trained.student.fit(in_units, None, seed=1, budget_s=10.0)
    x = small_cases(24, rng)["x"]
    value = trained.predict({"x": x})["value"]
    needs(np.ptp(value) > 5, "`fit` has to learn first: all scans get nearly the same age")
    again = trained.student.predict(other, {"x": x * units})["value"]
    points_to("no_scaling", 0.1 < np.abs(again - value).max() < 10)
    assert close(again, value, atol=0.1)
