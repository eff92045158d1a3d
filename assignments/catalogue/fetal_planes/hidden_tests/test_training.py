"""`fit`: a few seconds of training on small frames tell the planes apart better than chance."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


@pytest.mark.points(3)
def test_training_tells_planes_apart(trained, small_cases, rng):
    """`fit` learns from a few frames: on new ones a plane gets more probability where it is than elsewhere."""
    cases = small_cases(80, rng)
    prob = trained.predict(cases)["prob"]
    needs(
        close(trained.predict(cases)["prob"], prob, atol=1e-4),
        "`predict` has to give the same answers twice first",
        mend="predicts_the_same_again",
    )
    # The scales of the normalisation are 1 until the first step of training.
    weights = trained.student.model.parameters(trained.model)
    points_to("no_step", any(weight.ndim == 1 and (weight == 1).all() for weight in weights))
    of_truth = prob[np.arange(80), cases["y"]]
    everywhere = prob.mean(axis=0)[cases["y"]]  # what a constant answer of the same shares gives it
    assert (of_truth - everywhere).mean() > 0.08
