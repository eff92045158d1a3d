"""`fit` and `predict`: a few seconds of training on the cases that tests use."""

import numpy as np
import pytest

from assignments.testing import needs, points_to


def error_in_the_brain(answer, cases):
    """Mean absolute error over the brain of each case, the mean over the cases."""
    error = np.abs(answer.astype(np.float64) - cases["target"])
    return np.mean([values[inside > 0].mean() for values, inside in zip(error, cases["mask"], strict=True)])


@pytest.mark.points(2)
def test_training_beats_any_single_grey(trained, small_cases, rng):
    """`fit` learns: in the brain, answers for new slices come closer to the target than the best single grey does."""
    cases = small_cases(24, rng)
    answer = trained.predict(cases)["image"]
    grey = np.median(cases["target"][cases["mask"] > 0])
    blind = error_in_the_brain(np.full_like(answer, grey), cases)
    # A scale of the normalisation that is still 1 for every channel: the first step of training moves it.
    weights = trained.student.model.parameters(trained.model)
    points_to("no_step", any(weight.ndim == 1 and weight.size > 1 and (weight == 1).all() for weight in weights))
    undone = [error_in_the_brain(f(answer), cases) for f in (lambda x: (x + 1) / 2, lambda x: 2 * x - 1)]
    points_to("range_not_undone", min(undone) < 0.7 * blind)
    assert error_in_the_brain(answer, cases) < 0.7 * blind


@pytest.mark.points(1)
def test_the_answer_has_the_unit_of_the_target(trained, small_cases, rng):
    """Answers are intensities as the target has them, the same grey for the same tissue in every slice."""
    cases = small_cases(32, rng)
    answer, inside = trained.predict(cases)["image"].astype(np.float64), cases["mask"] > 0
    pairs = [(a[m], t[m]) for a, t, m in zip(answer, cases["target"].astype(np.float64), inside, strict=True)]
    likeness = np.mean([np.corrcoef(a, t)[0, 1] for a, t in pairs])
    needs(
        likeness > 0.6,
        "`fit` has to learn first: answers say little of the target",
        mend="test_training.py::test_training_beats_any_single_grey",
    )
    # The darkest tissue is white matter: at 0.35, whatever else a slice has.
    level = np.mean([np.quantile(a, 0.1) - np.quantile(t, 0.1) for a, t in pairs])
    points_to("range_not_undone", -0.9 < level < -0.5)
    points_to("target_scaled_by_itself", -0.45 < level < -0.15)
    assert abs(level) < 0.1
