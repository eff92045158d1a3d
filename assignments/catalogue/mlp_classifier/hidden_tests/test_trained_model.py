"""`fit`, `predict`, `save` and `load`: properties of any sound trained model, however accurate it is.

One worker trains the model that these tests share. Its training rows need no secret: the test cases come from `rng`.
"""

import numpy as np
import pytest

from assignments.data.sources.breast_cancer import synthetic
from assignments.testing import close, needs, points_to

BUDGET_S = 20.0


@pytest.fixture(scope="module")
def train():
    return synthetic(160, np.random.default_rng(1993))


@pytest.fixture(scope="module")
def model(shared_student, train):
    return shared_student.fit(train, None, seed=1, budget_s=BUDGET_S)


def probabilities(student, model, x):
    return student.predict(model, {"x": np.ascontiguousarray(x)})["prob"]


def tells_cases_apart(prob):
    """Whether the answers are those of a model that learnt something: of a constant much is true."""
    return np.ptp(prob) > 0.1


def needs_a_model_that_learnt(prob):
    needs(
        tells_cases_apart(prob),
        "`fit` has to learn first: all cases get nearly the same probability",
        mend="test_trained_model.py::test_units_do_not_matter",
    )


@pytest.mark.points(4)
def test_exactly_one_sigmoid(shared_student, model, rng):
    """The model returns logits for rows in their own units, and `predict` applies one sigmoid to them."""
    x = synthetic(64, rng)["x"]
    logit = shared_student.model.forward(model, x).astype(np.float64)
    prob = probabilities(shared_student, model, x)
    needs_a_model_that_learnt(prob)
    assert logit.shape == prob.shape
    returns_probabilities = ((logit >= 0) & (logit <= 1)).all()
    points_to("sigmoid_in_the_model", returns_probabilities)
    assert not returns_probabilities
    once = 1 / (1 + np.exp(-logit))
    assert close(prob, once, atol=1e-4, mistaken={"sigmoid_twice": 1 / (1 + np.exp(-once))})


@pytest.mark.points(3)
def test_malignant_is_the_positive_class(shared_student, model, rng):
    """`prob` is the probability of class 1, malignant: malignant cases get the higher values."""
    cases = synthetic(64, rng)
    prob = probabilities(shared_student, model, cases["x"])
    needs_a_model_that_learnt(prob)
    malignant, benign = prob[cases["y"] == 1], prob[cases["y"] == 0]
    points_to("classes_swapped", (malignant[:, None] < benign).mean() > 0.85)
    assert (malignant[:, None] > benign).mean() > 0.85


@pytest.mark.points(4)
def test_a_case_alone_as_in_a_batch(shared_student, model, rng):
    """A case gets the same probability each time, in a batch or alone."""
    x = synthetic(32, rng)["x"]
    prob = probabilities(shared_student, model, x)
    needs_a_model_that_learnt(prob)
    again = probabilities(shared_student, model, x)
    if not close(again, prob, atol=1e-6):  # is it the network, or what `predict` does around it?
        logit, other = (shared_student.model.forward(model, x) for _ in range(2))
        points_to("dropout_never_off", (logit != other).any())
    assert close(again, prob, atol=1e-6)
    alone = np.concatenate([probabilities(shared_student, model, x[i : i + 1]) for i in range(8)])
    points_to("scaled_by_the_batch", np.ptp(alone) < 1e-3 * np.ptp(prob[:8]))  # a row alone is its own mean
    assert close(alone, prob[:8], atol=1e-4)


@pytest.mark.points(4)
def test_units_do_not_matter(shared_student, model, train, rng):
    """Trained on columns in other units, the model gives the same probabilities for the same cases."""
    units = 2.0 ** rng.integers(-8, 9, size=30).astype(np.float32)  # powers of two: no rounding anywhere
    in_units = {"x": train["x"] * units, "y": train["y"]}
    other = shared_student.fit(in_units, None, seed=1, budget_s=BUDGET_S)
    x = synthetic(32, rng)["x"]
    prob = probabilities(shared_student, model, x)
    if not tells_cases_apart(prob):  # would it, had somebody scaled the columns?
        mean, scale = train["x"].mean(0), train["x"].std(0)
        helped = shared_student.fit(
            {"x": (train["x"] - mean) / scale, "y": train["y"]}, None, seed=1, budget_s=BUDGET_S
        )
        points_to("no_scaling", tells_cases_apart(probabilities(shared_student, helped, (x - mean) / scale)))
    needs(
        tells_cases_apart(prob),
        "`fit` has to learn first: all cases get nearly the same probability, as when no column is scaled",
    )
    assert close(probabilities(shared_student, other, x * units), prob, atol=0.02)


@pytest.mark.points(4)
def test_the_seed_alone_decides(shared_student, model, train, rng):
    """The same seed gives the same model, another seed gives another, and `fit` does not change its training data."""
    x, y = shared_student.put(train["x"]), shared_student.put(train["y"])
    again, other = (shared_student.fit({"x": x, "y": y}, None, seed=s, budget_s=BUDGET_S) for s in (1, 2))
    scaled = (train["x"] - train["x"].mean(0)) / train["x"].std(0)
    assert close(x.fetch(), train["x"], atol=1e-3, mistaken={"trains_in_place": scaled})
    assert close(y.fetch(), train["y"])

    cases = synthetic(32, rng)["x"]
    prob = probabilities(shared_student, model, cases)
    needs_a_model_that_learnt(prob)
    repeated = np.abs(probabilities(shared_student, model, cases) - prob).max() < 1e-6
    points_to("seed_ignored", repeated and np.abs(probabilities(shared_student, again, cases) - prob).max() > 1e-3)
    assert close(probabilities(shared_student, again, cases), prob, atol=1e-4)
    differs = np.abs(probabilities(shared_student, other, cases) - prob).max() > 1e-4
    assert close(float(differs), 1.0, mistaken={"seed_fixed": 0.0})


@pytest.mark.points(4)
def test_a_saved_model_predicts_the_same(shared_student, model, train, rng):
    """A model that was saved and loaded again gives the same probabilities, scaling included."""
    x = synthetic(32, rng)["x"]
    prob = probabilities(shared_student, model, x)
    needs_a_model_that_learnt(prob)
    shared_student.save(model, "saved")
    loaded = probabilities(shared_student, shared_student.load("saved"), x)
    as_they_come = x * train["x"].std(0) + train["x"].mean(0)  # the model's own scaling undoes this
    unscaled = probabilities(shared_student, model, as_they_come.astype(np.float32))
    assert close(loaded, prob, atol=1e-5, mistaken={"statistics_not_saved": unscaled})
