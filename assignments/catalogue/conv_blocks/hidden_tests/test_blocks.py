"""Blocks: each gets weights that are drawn here, and its answer is computed here too. Nothing is trained."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from assignments.testing import close, needs, points_to


def relu(x):
    """max(x, 0)"""
    return np.maximum(x, 0)


def conv(x, w, b, stride=1, dilation=1, zeros=None):
    """A convolution with `dilation` zeros on each side for a 3 x 3 kernel, and none for a 1 x 1 kernel."""
    around = dilation * (w.shape[0] // 2)
    x = np.pad(x, [(0, 0), *[(around, around) if zeros is None else zeros] * 2, (0, 0)])
    windows = sliding_window_view(x, [dilation * (k - 1) + 1 for k in w.shape[:2]], axis=(1, 2))
    return np.einsum("nijcab,abcd->nijd", windows[:, ::stride, ::stride, :, ::dilation, ::dilation], w) + b


def kernels(rng, *shapes):
    """Drawn kernels (kh, kw, C_in, C_out), which keep the size of what passes."""
    return [rng.normal(0, (k * k * c_in) ** -0.5, (k, k, c_in, c_out)) for k, c_in, c_out in shapes]


def dress(student, model, weights, bias):
    """Give a model these kernels, which differ in shape, wherever it keeps them, and every bias the same numbers.

    PyTorch keeps a kernel (C_in, C_out, kh, kw) turned round, as (C_out, C_in, kh, kw).
    """
    forms = {shape.shape: shape for weight in weights for shape in (weight, weight.transpose(3, 2, 0, 1))}
    values = [
        bias[: len(value)] if value.ndim == 1 else forms.get(value.shape) for value in student.model.parameters(model)
    ]
    complete = len(values) == 2 * len(weights) and all(value is not None for value in values)
    needs(complete, "the block has to have the convolutions of the brief first, each with a bias")
    student.model.set_parameters(model, [value.astype(np.float32) for value in values])


@pytest.mark.points(7)
def test_residual_block(student, rng):
    """A residual block adds its shortcut before the last ReLU; with stride 2, both ways see the same pixels."""
    c_in, c_out = (int(c) for c in rng.permutation([4, 5, 6, 7])[:2])
    model = student.build_residual_block(c_in, c_out, stride=2)
    first, second, projection = kernels(rng, (3, c_in, c_out), (3, c_out, c_out), (1, c_in, c_out))
    bias = rng.normal(0, 0.5, 8)
    dress(student, model, [first, second, projection], bias)
    b = bias[:c_out]
    x = rng.normal(size=(2, 8, 6, c_in)).astype(np.float32)  # even: "same" and one zero on each side differ
    way, shortcut = conv(relu(conv(x, first, b, stride=2)), second, b), conv(x, projection, b, stride=2)
    shifted = conv(relu(conv(x, first, b, stride=2, zeros=(0, 1))), second, b)
    answer = student.model.forward(model, x)
    twice = relu(relu(way) + shortcut)
    points_to("relu_before_addition", answer.shape == twice.shape and np.abs(answer - twice).max() < 1e-4)
    assert close(
        answer,
        relu(way + shortcut),
        atol=1e-4,
        mistaken={
            "relu_before_addition": relu(way) + shortcut,
            "same_in_strided_block": relu(shifted + shortcut),
        },
    )


@pytest.mark.points(4)
def test_new_residual_block_is_the_identity(student, rng):
    """A new residual block of equal shapes answers relu(x): its last convolution starts at zero."""
    c = int(rng.integers(4, 8))
    model = student.build_residual_block(c, c)
    x = rng.normal(size=(2, 5, 6, c)).astype(np.float32)
    answer = student.model.forward(model, x)
    if not np.array_equal(answer.shape, x.shape) or np.abs(answer - relu(x)).max() > 1e-5:
        weights = student.model.parameters(model)
        student.model.set_parameters(model, [np.zeros_like(weight) for weight in weights])
        silent = student.model.forward(model, x)
        points_to("last_weights_drawn", silent.shape == x.shape and np.abs(silent - relu(x)).max() < 1e-5)
    assert close(answer, relu(x), atol=1e-5, mistaken={"relu_before_addition": x})


@pytest.mark.points(3)
def test_projection_only_where_the_shape_changes(student, rng):
    """A residual block has a 1 x 1 convolution in its shortcut if size or channels change, and else none."""
    c, other = (int(c) for c in rng.permutation([4, 5, 6, 7])[:2])
    blocks = [(c, c, 1), (c, c, 2), (c, other, 1)]
    counts = [student.model.parameter_count(student.build_residual_block(*block)) for block in blocks]
    always = [(9 * a + 1) * b + (9 * b + 1) * b + (a + 1) * b for a, b, _ in blocks]
    expected = [always[0] - (c + 1) * c, *always[1:]]
    assert close(counts, expected, mistaken={"projection_always": always})


@pytest.mark.points(5)
def test_dense_block(student, rng):
    """A dense block keeps its input as its first channels; each layer sees all channels before it and adds its own."""
    c_in, growth = int(rng.integers(4, 8)), int(rng.integers(4, 8))
    model = student.build_dense_block(c_in, growth, 3)
    x = rng.normal(size=(2, 6, 5, c_in)).astype(np.float32)
    channels = student.model.forward(model, x).shape
    assert close(channels, (*x.shape[:3], c_in + 3 * growth), mistaken={"dense_adds": x.shape})
    weights = kernels(rng, *((3, c_in + layer * growth, growth) for layer in range(3)))
    bias = rng.normal(0, 0.5, 8)
    dress(student, model, weights, bias)
    expected, reversed_order = x, x
    for weight in weights:
        expected = np.concatenate([expected, relu(conv(expected, weight, bias[:growth]))], axis=-1)
        reversed_order = np.concatenate([relu(conv(reversed_order, weight, bias[:growth])), reversed_order], axis=-1)
    assert close(student.model.forward(model, x), expected, atol=1e-4, mistaken={"new_channels_first": reversed_order})


@pytest.mark.points(4)
def test_branches(student, rng):
    """Each branch sees the same input with a dilation of its own and keeps its size; all channels are concatenated."""
    c_in, widths = int(rng.integers(4, 8)), [int(width) for width in rng.permutation([4, 5, 6, 7])[:3]]
    dilations = [1, 2, int(rng.integers(3, 5))]
    model = student.build_branches(c_in, widths, dilations)
    weights = kernels(rng, *((3, c_in, width) for width in widths))
    bias = rng.normal(0, 0.5, 8)
    dress(student, model, weights, bias)
    x = rng.normal(size=(2, 9, 8, c_in)).astype(np.float32)
    pairs = list(zip(weights, dilations, strict=True))
    expected = [relu(conv(x, weight, bias[: weight.shape[3]], dilation=d)) for weight, d in pairs]
    undilated = [relu(conv(x, weight, bias[: weight.shape[3]])) for weight, _ in pairs]
    assert close(
        student.model.forward(model, x),
        np.concatenate(expected, axis=-1),
        atol=1e-4,
        mistaken={"branches_look_alike": np.concatenate(undilated, axis=-1)},
    )
