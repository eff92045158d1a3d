"""Sizes: zeros at the border, the size of the output, and how far a stack of layers sees. All by counting positions."""

from math import ceil

import numpy as np
import pytest

from assignments.testing import close, points_to

# (n, kernel, stride, dilation): even and odd of each, and kernels that miss two zeros or more.
AXES = [(8, 3, 2, 1), (7, 4, 1, 1), (11, 3, 1, 3), (9, 5, 3, 2), (12, 2, 2, 1)]


def drawn_axes(rng):
    """The axes above, and as many that are drawn."""
    return [*AXES, *((int(rng.integers(12, 30)), *map(int, rng.integers(2, 5, size=3))) for _ in AXES)]


def positions(n, kernel, stride, zeros, dilation):
    """How often the kernel fits, one stride after the other, into n pixels and so many zeros."""
    return len(range(0, n + zeros - dilation * (kernel - 1), stride))


def same(n, kernel, stride, dilation):
    """The fewest zeros with which every stride-th pixel has an output; an odd one comes last."""
    zeros = 0
    while positions(n, kernel, stride, zeros, dilation) < len(range(0, n, stride)):
        zeros += 1
    return zeros // 2, zeros - zeros // 2


@pytest.mark.points(5)
def test_zeros_at_the_border(student, rng):
    """`pad_widths` puts p zeros on both sides, or for "same" only as many as are missing, an odd one last."""
    axes = drawn_axes(rng)
    answers = [student.pad_widths(n, k, s, "same", d) for n, k, s, d in axes]
    points_to("same_on_both_sides", all(before == after for before, after in answers))
    assert close(
        answers,
        [same(*axis) for axis in axes],
        mistaken={
            "odd_zero_first": [same(*axis)[::-1] for axis in axes],
            "dilation_moves_the_padding": [same(n, k, s, 1) for n, k, s, _ in axes],
        },
    )
    p = int(rng.integers(1, 9))
    assert tuple(student.pad_widths(*axes[-1][:3], p, axes[-1][3])) == (p, p)


@pytest.mark.points(5)
def test_output_size(student, rng):
    """`output_size` counts the positions at which the whole kernel fits; "same" gives one for every stride-th pixel."""
    axes = [(axis, int(rng.integers(0, 3))) for axis in drawn_axes(rng)]
    answers = [student.output_size(n, k, s, p, d) for (n, k, s, d), p in axes]
    rounded_up = [ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1 for (n, k, s, d), p in axes]
    expected = [positions(n, k, s, 2 * p, d) for (n, k, s, d), p in axes]
    assert close(answers, expected, mistaken={"size_rounds_up": rounded_up})
    answers = [student.output_size(n, k, s, "same", d) for (n, k, s, d), _ in axes]
    assert close(answers, [len(range(0, n, s)) for (n, _, s, _), _ in axes])


def seen_by(output, layers):
    """The input pixels on which output pixel number `output` depends, layer by layer from the last one back."""
    pixels = {output}
    for layer in reversed(layers):
        reach = [layer["dilation"] * tap for tap in range(layer["kernel"])]
        pixels = {pixel * layer["stride"] + offset for pixel in pixels for offset in reach}
    return pixels


def field(layers, reach, own_stride_first=False, jumps=True):
    """The formula of the brief, with one part of it replaced: a mistake."""
    size, jump = 1, 1
    for layer in layers:
        after = jump * layer["stride"]
        size += reach(layer) * ((after if own_stride_first else jump) if jumps else 1)
        jump = after
    return size, jump


@pytest.mark.points(7)
def test_receptive_field(student, rng):
    """`receptive_field` is what the gradient of one output pixel touches, and how far its neighbour's lies from it."""
    stacks = []
    for _ in range(4):  # a stride in front of other layers, so that it widens what they see
        kernels, dilations = rng.permuted([[2, 3, 5, 3], [1, 1, 2, 3]], axis=1)
        drawn = zip(kernels, rng.integers(1, 4, size=4), dilations, strict=True)
        names = ("kernel", "stride", "dilation")
        stacks.append([dict(zip(names, map(int, layer), strict=True)) for layer in [(3, 2, 1), *drawn]])
    answers = [student.receptive_field(layers) for layers in stacks]
    seen = [(seen_by(0, layers), seen_by(1, layers)) for layers in stacks]

    def reach(layer):
        return layer["dilation"] * (layer["kernel"] - 1)

    adding = [field(layers, lambda each: each["dilation"] * each["kernel"]) for layers in stacks]
    points_to("field_adds_kernels", np.array_equal(np.add(answers, (1, 0)), adding))  # starting with no pixel
    assert close(
        answers,
        [(max(first) - min(first) + 1, min(second) - min(first)) for first, second in seen],
        mistaken={
            "field_adds_kernels": adding,
            "stride_ignored_in_field": [field(layers, reach, jumps=False) for layers in stacks],
            "own_stride_first": [field(layers, reach, own_stride_first=True) for layers in stacks],
        },
    )
