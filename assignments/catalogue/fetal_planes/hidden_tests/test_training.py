"""`fit`: a few seconds of training on small frames tell the planes apart better than chance."""

import numpy as np
import pytest

from assignments.testing import points_to


@pytest.mark.points(3)
def test_training_tells_planes_apart(trained, small_cases, rng):
    """`fit` learns from a few frames: on new ones the true plane gets more than its share of the probability."""
    cases = small_cases(80, rng)
    prob = trained.predict(cases)["prob"]
    # The scales of the normalisation are 1 until the first step of training.
    weights = trained.student.model.parameters(trained.model)
    points_to("no_step", any(weight.ndim == 1 and (weight == 1).all() for weight in weights))
    assert prob[np.arange(80), cases["y"]].mean() > 0.35
