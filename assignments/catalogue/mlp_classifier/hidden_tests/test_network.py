"""`build_model`: the network that the configuration describes, no more and no less. Nothing is trained here."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def weights_and_biases(n_in, hidden):
    """How many numbers a perceptron of these widths trains."""
    widths = [n_in, *hidden, 1]
    return sum(a * b + b for a, b in pairwise(widths))


def growth(student, activation, rng):
    """Spread of a new network's logits far from 0, their change to twice the distance, and their sum with -x's."""
    model = student.build_model({"n_in": 12, "hidden": [24, 16], "activation": activation})
    x = rng.normal(0, 1e4, (64, 12)).astype(np.float32)
    near, far, farther, opposite = (student.model.forward(model, factor * x) for factor in (1e-4, 1, 2, -1))
    one_each = far.shape == farther.shape == opposite.shape == (64,)
    points_to("column_of_logits", far.shape == (64, 1))
    needs(one_each, "the model has to return one logit for each row first, in one axis")
    is_probability = ((far >= 0) & (far <= 1)).all() and np.ptp(near) > 0  # far out, each may be exactly 1
    needs(not is_probability, "the model has to return logits first: no answer leaves 0 to 1", mend="one_output_map")
    return np.ptp(far), np.ptp(farther - far), np.ptp(far + opposite)


@pytest.mark.points(3)
def test_parameter_count(student, rng):
    """The network has the layers that `config` asks for, and `parameter_count` knows how many numbers it trains."""
    n_in, *hidden = (int(width) for width in rng.integers(3, 20, size=4))
    for config in (
        {"n_in": 30, "hidden": [32, 16], "activation": "relu"},
        {"n_in": n_in, "hidden": hidden, "activation": "tanh"},
    ):
        n_in, hidden = config["n_in"], config["hidden"]
        expected, fixed = weights_and_biases(n_in, hidden), weights_and_biases(n_in, [32, 16])
        without_bias = expected - sum(hidden) - 1
        count = student.model.parameter_count(student.build_model(config))
        assert close(count, expected, mistaken={"layers_are_fixed": fixed})
        assert close(student.parameter_count(config), expected, mistaken={"biases_not_counted": without_bias})


@pytest.mark.points(4)
def test_activation_after_hidden_layers_only(student, rng):
    """The hidden layers apply the activation that `config` names; no activation changes the logit."""
    spread, change, bend = growth(student, "relu", rng)
    assert change > 0.8 * spread  # far out, a ReLU network doubles with the distance ...
    points_to("no_activation", bend < 1e-3 * spread)
    spread, change, _ = growth(student, "tanh", rng)
    needs(spread > 0, "the logits of a new model have to depend on its input first")
    assert change < 0.1 * spread  # ... and a tanh network no longer moves
