"""`build_model`: the U-Net that the configuration describes, before any training."""

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def closed_form(base, depth, skips, kernels=(27, 27), biases=0):
    """Trained numbers of the brief's U-Net: 3 x 3 x 3 convolutions without bias, two numbers a channel to normalise.

    `kernels` are the numbers of both kernels of a block, `biases` how many of its convolutions have a bias.
    """
    widths = [base * 2**level for level in range(depth)]
    first, second = kernels
    into = [*zip([1, *widths], widths, strict=False), *((b * (1 + skips), b) for b in widths[:-1])]
    blocks = sum(first * a * b + second * b * b + (4 + biases) * b for a, b in into)
    up = sum(8 * (2 * b) * b + b for b in widths[:-1])
    return blocks + up + base + 1


def nearby_share(student, skips, voxels, x):
    """The share of the gradient of the logits at these voxels (one per volume) that lies at most two voxels away."""
    model = student.build_model({"base": 8, "depth": 4, "skips": skips, "prior": 0.1})
    asked = np.zeros_like(x)
    for volume, voxel in zip(asked, voxels, strict=True):
        volume[voxel] = 1
    slopes = np.abs(student.model.input_gradient(model, x, asked))
    boxes = [tuple(slice(at - 2, at + 3) for at in voxel) for voxel in voxels]
    return sum(slope[box].sum() for slope, box in zip(slopes, boxes, strict=True)) / slopes.sum()


@pytest.mark.points(3)
def test_parameter_count(student, rng):
    """The network has the layers that `config` asks for: base 8 and depth 4 make 350 809 parameters."""
    assert closed_form(8, 4, True) == 350_809
    drawn = {"base": int(rng.choice([4, 12, 16])), "depth": int(rng.choice([2, 3])), "skips": bool(rng.integers(2))}
    for config in ({"base": 8, "depth": 4, "skips": True}, drawn):
        model = student.build_model({**config, "prior": 0.03})
        count = student.model.parameter_count(model)
        points_to("bias_before_norm", count in [closed_form(**config, biases=many) for many in (1, 2)])
        flat = [(9, 9), (9, 27), (27, 9)]  # numbers of a 1 x 3 x 3 kernel, in one convolution of a block or in both
        points_to("slices_alone", count in [closed_form(**config, kernels=kernels) for kernels in flat])
        assert close(count, closed_form(**config))


@pytest.mark.points(2)
def test_volumes_of_any_size(student, rng):
    """The model answers a logit for every voxel of a volume of any size, not only of multiples of 8."""
    answers_for_every_voxel(student, rng, [(16, 18, 13), *(rng.integers(low, low + 7, 3) for low in (9, 17))])


@pytest.mark.points(1)
def test_volumes_that_cannot_be_halved_three_times(student, rng):
    """The model answers a logit for every voxel of a volume that is too small to be halved three times, too."""
    answers_for_every_voxel(student, rng, [(5, 7, 3), rng.integers(2, 8, 3)])


def answers_for_every_voxel(student, rng, sizes):
    model = student.build_model({"base": 4, "depth": 4, "skips": True, "prior": 0.1})
    for size in sizes:
        x = rng.normal(size=(1, *size)).astype(np.float32)
        logit = student.model.forward(model, x)
        uncropped = [got in (size, -(-size // 8) * 8) for got, size in zip(logit.shape, x.shape, strict=False)]
        points_to("padding_not_cropped", logit.ndim == x.ndim and all(uncropped[1:]))
        assert close(logit.shape, x.shape)
        assert np.isfinite(logit).all()
        x[0, 0, 0, 0] += 3
        assert np.count_nonzero(student.model.forward(model, x) != logit) > 1  # a convolution passes it on


@pytest.mark.points(3)
def test_skip_connections_carry_detail(student, rng):
    """With skip connections a logit depends mainly on the voxels around it; without them it does not."""
    x = rng.normal(size=(3, 8, 32, 32)).astype(np.float32)
    voxels = [tuple(int(rng.integers(2, size - 2)) for size in x.shape[1:]) for _ in x]
    with_skips, without = (nearby_share(student, skips, voxels, x) for skips in (True, False))
    points_to("skips_to_nowhere", with_skips < 2 * without)
    assert with_skips > 3 * without  # about 0.26 and 0.02


@pytest.mark.points(2)
def test_new_model_answers_the_prior(student, rng):
    """A new model gives every voxel about the probability `config["prior"]`, whether small or large."""
    x = rng.normal(size=(1, 8, 16, 16)).astype(np.float32)
    for prior in (0.998, 0.01, float(rng.uniform(0.2, 0.3))):  # near 1, all three answers below are far apart
        model = student.build_model({"base": 8, "depth": 3, "skips": True, "prior": prior})
        logit = student.model.forward(model, x)
        needs(
            logit.shape == x.shape,
            "the model has to return a logit for every voxel first",
            mend="test_network.py::test_volumes_of_any_size",
        )
        mean, ends_in_a_sigmoid = logit.mean(dtype=np.float64), ((logit >= 0) & (logit <= 1)).all()
        points_to("bias_is_a_probability", abs(mean - prior) < 0.49 and not ends_in_a_sigmoid)
        expected = np.log(prior / (1 - prior))
        assert close(mean, expected, atol=0.49, rtol=0, mistaken={"bias_of_zero": 0.0})


@pytest.mark.points(1)
def test_how_far_the_deepest_level_sees(student):
    """`receptive_field` counts every convolution and pooling, each with the distance of its voxels in the image."""
    for depth in range(1, 6):
        jumps = [2**level for level in range(depth)]
        convolutions, pooling = sum(4 * jump for jump in jumps), sum(jumps[:-1])
        assert close(
            student.receptive_field({"base": 8, "depth": depth, "skips": True, "prior": 0.03}),
            1 + convolutions + pooling,
            mistaken={"pooling_sees_nothing": 1 + convolutions, "jump_left_out": 1 + 4 * depth + depth - 1},
        )
