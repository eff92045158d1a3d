"""`build_generator`, `build_discriminator`, `receptive_field` and the range: the networks, before any training."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def generator_numbers(base, depth, biases=0):
    """Trained numbers of the brief's U-Net; `biases` is how many convolutions of a block have a bias."""
    widths = [base * 2**level for level in range(depth)]
    into = [*pairwise([1, *widths]), *((2 * b, b) for b in widths[:-1])]
    blocks = sum(9 * a * b + 9 * b * b + (4 + biases) * b for a, b in into)
    return blocks + sum(4 * (2 * b) * b + b for b in widths[:-1]) + base + 1


def discriminator_numbers(base, layers, images=2):
    """Trained numbers of the brief's discriminator of so many images."""
    widths = [images, *(base * 2**layer for layer in range(layers + 1)), 1]
    return sum(16 * a * b + b for a, b in pairwise(widths))


@pytest.mark.points(1)
def test_the_generator_has_its_layers(student, rng):
    """`build_generator` has the layers that `config` asks for: base 12 and depth 3 make 66 013 parameters."""
    for config in ({"base": 12, "depth": 3}, {"base": int(rng.choice([4, 8])), "depth": int(rng.choice([2, 4]))}):
        count = student.model.parameter_count(student.build_generator(config))
        points_to("bias_before_norm", count in [generator_numbers(**config, biases=many) for many in (1, 2)])
        assert close(count, generator_numbers(**config))


@pytest.mark.points(1)
def test_the_generator_answers_for_every_pixel(student, rng):
    """A generator takes images of any size, and answers for every pixel from its surroundings."""
    model = student.build_generator({"base": 4, "depth": 3})
    for size in ((24, 16), (19, 13), tuple(int(n) for n in rng.integers(9, 30, 2))):
        points_to("sizes_that_halve_only", any(length % 4 for length in size))  # the first size can be halved twice
        x = rng.normal(size=(2, *size)).astype(np.float32)
        answer = student.model.forward(model, x)
        assert close(answer.shape, x.shape)
        x[0, 0, 0] += 3
        changed = student.model.forward(model, x) != answer
        assert np.count_nonzero(changed[0]) > 1  # a convolution passes it on
        assert not changed[1].any()


@pytest.mark.points(3)
def test_the_answer_can_reach_black_and_white(student, rng):
    """`to_network_range` fits the generator's last layer: 0 and 1 are the ends of what it can answer, and come back."""
    model = student.build_generator({"base": 4, "depth": 2})
    weights = student.model.parameters(model)
    needs(
        sum(weight.shape == (1,) for weight in weights) == 1,
        "the generator's last layer needs a bias: with all other weights 0, it alone makes the answer",
        mend="test_networks.py::test_the_generator_has_its_layers",
    )
    ends = []
    for bias in (-30, 30):
        new = [np.full_like(w, bias if w.shape == (1,) else 0) for w in weights]
        student.model.set_parameters(model, new)
        answer = student.model.forward(model, rng.normal(size=(1, 8, 8)).astype(np.float32))
        points_to("output_without_a_bound", np.abs(answer).max() > 5)
        points_to("sigmoid_at_the_end", bias < 0 and np.abs(answer).max() < 1e-3)
        ends.append(float(answer.mean()))
    grey = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 6, 4)
    inside = student.to_network_range(grey)
    points_to("tanh_against_0_to_1", close(inside, grey) and ends[0] < -0.5)
    assert close([inside.min(), inside.max()], ends, atol=1e-3)
    assert close(student.from_network_range(inside.astype(np.float32)), grey, atol=1e-5)
    assert close(np.diff(inside.ravel()), np.full(23, (ends[1] - ends[0]) / 23), atol=1e-4)  # a straight line


@pytest.mark.points(1)
def test_the_discriminator_has_its_layers(student, rng):
    """`build_discriminator` has the layers that `config` asks for, and a logit for each patch, not one for an image."""
    for layers in (2, int(rng.choice([1, 3]))):
        config = {"base": int(rng.choice([4, 8])), "layers": layers}
        model = student.build_discriminator(config)
        count = student.model.parameter_count(model)
        points_to("condition_not_seen", count == discriminator_numbers(**config, images=1))
        assert close(count, discriminator_numbers(**config))
        rows, columns = (8 * int(n) for n in rng.integers(6, 9, 2))
        logit = student.model.forward(model, rng.normal(size=(2, 2, rows, columns)).astype(np.float32))
        assert close(logit.shape, (2, rows // 2**layers - 2, columns // 2**layers - 2))


def needs_patches(logit):
    needs(
        logit.ndim == 3,
        "the discriminator has to return one logit for each patch first, (N, h, w)",
        mend="test_networks.py::test_the_discriminator_has_its_layers",
    )


@pytest.mark.points(2)
def test_the_discriminator_sees_the_condition(student, rng):
    """The same T2-like image beside another T1-like one gets other logits, and so does another T2-like image."""
    model = student.build_discriminator({"base": 8, "layers": 2})
    pair = rng.normal(size=(1, 2, 40, 40)).astype(np.float32)
    logit = student.model.forward(model, pair)
    needs_patches(logit)
    moved = []
    for which in (0, 1):
        other = pair.copy()
        other[:, which] = rng.normal(size=(40, 40))
        moved.append(np.abs(student.model.forward(model, other) - logit).max())
    points_to("condition_not_seen", moved[0] < 1e-6 < moved[1])
    assert min(moved) > 1e-6


@pytest.mark.points(2)
def test_a_logit_sees_as_far_as_predicted(student, rng):
    """`receptive_field` is how far the pixels lie apart on which one logit depends, as the gradient shows."""
    for layers in (1, 2, 3, 4):
        jumps = [2**layer for layer in range(layers)]
        expected = 1 + sum(3 * jump for jump in jumps) + 6 * 2**layers
        config = {"base": 2, "layers": layers}
        assert close(
            student.receptive_field(config),
            expected,
            mistaken={
                "stride_left_out": 1 + 3 * (layers + 2),
                "stride_counts_at_once": 1 + sum(6 * jump for jump in jumps) + 6 * 2**layers,
                "last_layers_left_out": 1 + sum(3 * jump for jump in jumps),
            },
        )
        if layers > 2:
            continue
        model = student.build_discriminator(config)
        pair = rng.normal(size=(1, 2, 96, 96)).astype(np.float32)
        logit = student.model.forward(model, pair)
        needs_patches(logit)
        at_one = np.zeros_like(logit)
        at_one[0, logit.shape[1] // 2, logit.shape[2] // 2] = 1
        slope = np.abs(student.model.input_gradient(model, pair, at_one)).max(axis=(0, 1))
        seen = [int(np.ptp(np.flatnonzero(slope.max(axis=axis)))) + 1 for axis in (0, 1)]
        assert close(seen, [expected, expected])
