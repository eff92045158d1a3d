"""`build_model` and `parameter_count`: width, depth, and what a shortcut does to a gradient. Nothing is trained."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


@pytest.mark.points(4)
def test_parameter_count(student, rng):
    """`parameter_count` predicts what the network has: every weight and every bias, for any width and depth."""
    configs = [
        {
            "kind": kind,
            "channels": int(rng.integers(1, 4)),
            "width": int(rng.integers(4, 12)),
            "depth": 2 * int(rng.integers(1, 5)),
            "classes": int(rng.integers(2, 6)),
        }
        for kind in ("plain", "resnet")
    ]

    def count(bias):
        return [
            (9 * each["channels"] + bias) * each["width"]
            + each["depth"] * (9 * each["width"] + bias) * each["width"]
            + (each["width"] + bias) * each["classes"]
            for each in configs
        ]

    assert close([student.model.parameter_count(student.build_model(config)) for config in configs], count(1))
    predicted = [student.parameter_count(config) for config in configs]
    assert close(predicted, count(1), mistaken={"count_without_bias": count(0)})


def deep(student, kind, rng, x):
    """How many weights a network with 40 convolutions has, drawn here, and the norm of its gradient at the input."""
    model = student.build_model({"kind": kind, "channels": 2, "width": 6, "depth": 40, "classes": 3})
    needs(student.model.forward(model, x).shape == (1, 3), "the network has to return one logit for each class first")
    weights = []
    for value in student.model.parameters(model):
        fan_in = np.prod(value.shape[:3]) if value.shape[:2] == (3, 3) else np.prod(value.shape[1:])
        fan_in = 6 if value.ndim == 2 else fan_in
        weights.append(np.zeros(value.shape) if value.ndim == 1 else rng.normal(0, fan_in**-0.5, value.shape))
    student.model.set_parameters(model, [weight.astype(np.float32) for weight in weights])
    slopes = student.model.input_gradient(model, x, np.ones((1, 3), np.float32))
    return len(weights), float(np.linalg.norm(slopes))


@pytest.mark.points(3)
def test_shortcuts_carry_the_gradient(student, rng):
    """With 40 convolutions, less than a hundredth of a residual network's gradient reaches a plain one's input."""
    x = rng.normal(size=(1, 6, 6, 2)).astype(np.float32)
    (layers, plain), (residual_layers, residual) = (deep(student, kind, rng, x) for kind in ("plain", "resnet"))
    points_to("skips_left_out", residual < 1e-3 and layers == residual_layers)
    points_to("projection_always", residual < 1e-3 and layers < residual_layers)
    needs(residual > 0, "the gradient has to reach the input of the residual network first")
    assert plain < 0.01 * residual
