"""`build_model` and `parameter_count`: the network that the configuration describes, before any training."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def numbers(width, levels, bias=1, join=4):
    """Trained numbers of the brief's network; `join` is how many widths enter a decoder's convolution."""
    widths = [width, *[2 * width] * (levels - 1)]
    layers = [*pairwise([2, *widths]), *((b, b) for b in widths), *[(join * width, 2 * width)] * (levels - 2)]
    return sum(9 * a * b + bias * b for a, b in [*layers, (2 * width, 2 * width), (2 * width, 2)])


@pytest.mark.points(2)
def test_parameter_count(student, rng):
    """The network has the layers that `config` asks for, and `parameter_count` knows how many numbers it trains."""
    assert numbers(16, 4) == 100_258
    drawn = {"width": int(rng.choice([4, 8, 12])), "levels": int(rng.choice([3, 5]))}
    for config in ({"width": 16, "levels": 4}, drawn):
        size = (config["width"], config["levels"])
        count = student.model.parameter_count(student.build_model(config))
        points_to("no_skips", count == numbers(*size, join=2))
        assert close(count, numbers(*size))
        assert close(
            student.parameter_count(config),
            numbers(*size),
            mistaken={"biases_not_counted": numbers(*size, bias=0)},
        )


@pytest.mark.points(1)
def test_pairs_of_any_size(student, rng):
    """The model answers, of what it sees, a displacement for every pixel of a pair of any size."""
    model = student.build_model({"width": 8, "levels": 3})
    for height, width in ((72, 64), (33, 18), tuple(int(size) for size in rng.integers(17, 60, 2))):
        x = rng.normal(size=(2, 2, height, width)).astype(np.float32)
        u = student.model.forward(model, x)
        points_to("padding_not_cropped", u.shape[2:] == (-(-height // 4) * 4, -(-width // 4) * 4) != (height, width))
        assert close(u.shape, (2, 2, height, width))
        assert np.isfinite(u).all()
        assert np.ptp(u[0] - u[1]) > 1e-8
        assert not np.array_equal(u, x)


@pytest.mark.points(1)
def test_a_new_network_moves_nothing(student, rng):
    """A new network answers nearly no displacement: the first step of training begins at the identity."""
    x = rng.normal(size=(2, 2, 48, 40)).astype(np.float32)
    u = student.model.forward(student.build_model({"width": 16, "levels": 4}), x)
    needs(
        u.shape == x.shape,
        "the model has to answer for every pixel first",
        mend="test_network.py::test_pairs_of_any_size",
    )
    points_to("starts_anywhere", np.abs(u).max() > 0.3)
    assert np.abs(u).max() < 0.1


@pytest.mark.points(2)
def test_the_last_layer_answers_pixels_of_the_image(student, rng):
    """The velocity is in pixels of the image: where it is 7 rows everywhere, everything is moved by 7 rows."""
    model = student.build_model({"width": 8, "levels": 3})
    weights = [np.zeros_like(weight) for weight in student.model.parameters(model)]
    last = [weight for weight in weights if weight.shape == (2,)]
    needs(
        len(last) == 1,
        "one layer of the model has to have two channels first",
        mend="test_network.py::test_parameter_count",
    )
    last[0][:] = rng.choice([-1, 1], 2) * rng.uniform([5, 2], [8, 4])
    expected = np.broadcast_to(last[0][None, :, None, None], (1, 2, 40, 32))
    student.model.set_parameters(model, weights)
    u = student.model.forward(model, rng.normal(size=(1, 2, 40, 32)).astype(np.float32))
    largest = np.abs(u).max()
    points_to("limited_by_tanh", 0.9 < largest < 1.01 or 3.6 < largest < 4.01)
    assert close(
        u,
        expected,
        atol=0.05,
        rtol=0,
        mistaken={"coarse_pixels": expected / 4},
    )
