"""Public tests, which `medmark check` runs on your machine: small numbers, worked out by hand. They earn no marks."""

import numpy as np

from assignments.testing import close


def line(*values):
    """An image (1, 1, W, 1)."""
    return np.array(values, np.float64).reshape(1, 1, -1, 1)


def kernel(*values):
    """A kernel (1, kw, 1, 1)."""
    return np.array(values, np.float64).reshape(1, -1, 1, 1)


def layer(stride, dilation):
    """A layer with a kernel of 3."""
    return {"kernel": 3, "stride": stride, "dilation": dilation}


def test_zeros_by_hand(student):
    """At stride 2, six pixels have three outputs; three windows of 3 cover 2 + 2 + 3 = 7 pixels: one is missing."""
    assert student.pad_widths(6, 3, 2, "same") == (0, 1), "as few zeros as possible, an odd one behind the last pixel"
    assert student.pad_widths(6, 3, 2, 1) == (1, 1), "a number is the same on both sides, whatever the size"


def test_output_size_by_hand(student):
    """A kernel of 3 with a zero on each side halves 32 pixels at stride 2: it starts at 0, 2, ..., 30."""
    assert student.output_size(32, 3, 2, 1) == 16, "round down, then add the first position"


def test_receptive_field_by_hand(student):
    """Dilations 1, 2 and 4 see 1 + 2 + 4 + 8 = 15 pixels; behind a stride of 2, every step counts twice."""
    assert student.receptive_field([layer(1, 1), layer(1, 2), layer(1, 4)]) == (15, 1), "a layer adds d (k - 1) jump"
    assert student.receptive_field([layer(2, 1), layer(1, 1)]) == (7, 2), "3 pixels, then 2 more steps of 2 pixels"


def test_convolution_by_hand(student):
    """The kernel (10, 1) makes 12 and 24 of the pixels 1, 2, 4; the bias adds a half."""
    y = student.conv2d(line(1, 2, 4), kernel(10, 1), np.array([0.5]))
    assert close(y, line(12.5, 24.5)), "the first weight meets the first pixel of the window"


def test_overlaps_by_hand(student):
    """Three ones, stride 2, a kernel of three ones: where windows overlap, a pixel receives 2: a checkerboard."""
    x = student.conv_transpose2d(line(1, 1, 1), kernel(1, 1, 1), (1, 7), stride=2)
    assert close(x, line(1, 1, 2, 1, 2, 1, 1)), "add y[i] w[a] to pixel i s + a"


def test_gradients_by_hand(student):
    """With dy = (1, 3): w's first weight met the pixels 1 and 2, so its gradient is 1 x 1 + 3 x 2 = 7."""
    dx, dw, db = student.conv2d_gradients(line(1, 3), line(1, 2, 4), kernel(10, 1))
    assert close(dw, kernel(7, 14)), "each weight: the pixels that it met, times dy, summed"
    assert close(dx, line(10, 31, 3)), "each pixel: the weights that it met, times dy, summed"
    assert close(db, [4]), "the bias is in every output: sum dy"


def test_pooling_by_hand(student):
    """Windows of 2 x 2 with a zero around the image hold one pixel each: maximum and mean are that pixel."""
    x = np.array([[-1.0, -2.0], [-3.0, -4.0]]).reshape(1, 2, 2, 1)
    assert close(student.pool2d(x, "mean", 2), [[[[-2.5]]]]), "without padding, the mean of all four"
    assert close(student.pool2d(x, "max", 2, padding=1), x), "padding never wins"
    assert close(student.pool2d(x, "mean", 2, padding=1), x), "padding does not count"


def test_upsampling_by_hand(student):
    """Between 0 and 4 lie four outputs: with aligned corners at 0, 1/3, 2/3 and 1, else at -1/4, 1/4, 3/4 and 5/4."""
    x = np.tile(line(0, 4), (1, 2, 1, 1))
    assert close(student.upsample(x, 2)[0, 0, :, 0], [0, 1, 3, 4]), "i lies at (i + 1/2) / 2 - 1/2"
    ramp = student.upsample(x, 2, align_corners=True)[0, 0, :, 0]
    assert close(ramp, [0, 4 / 3, 8 / 3, 4], atol=1e-6), "i lies at i (2 - 1) / (4 - 1)"


def test_blocks_answer_images(student, rng):
    """Blocks take and return images (N, H, W, C): a stride halves them, a dense block and branches widen them."""
    x = rng.normal(size=(2, 6, 8, 4)).astype(np.float32)
    halved = student.model.forward(student.build_residual_block(4, 6, stride=2), x)
    dense = student.model.forward(student.build_dense_block(4, 3, 2), x)
    branches = student.model.forward(student.build_branches(4, [2, 3], [1, 2]), x)
    assert halved.shape == (2, 3, 4, 6), "a zero on each side and stride 2: 6 x 8 becomes 3 x 4"
    assert dense.shape == (2, 6, 8, 10), "two layers add three channels each"
    assert branches.shape == (2, 6, 8, 5), "2 + 3 channels; as many zeros as the dilation keep the size"


def test_a_network_by_hand(student, rng):
    """Width 4 and depth 2 on one channel: (9 + 1) 4, twice (36 + 1) 4, and (4 + 1) 2 make 346 weights and biases."""
    config = {"kind": "resnet", "channels": 1, "width": 4, "depth": 2, "classes": 2}
    model = student.build_model(config)
    assert student.parameter_count(config) == 346, "count one bias for each output channel"
    assert student.model.parameter_count(model) == 346, "`depth` counts the convolutions in blocks"
    assert student.model.forward(model, rng.normal(size=(3, 5, 6, 1)).astype(np.float32)).shape == (3, 2)
