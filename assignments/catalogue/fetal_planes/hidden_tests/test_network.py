"""`build_model`, `parameter_count` and `receptive_field`: the network that the configuration describes."""

from itertools import pairwise

import numpy as np
import pytest

from assignments.testing import close, needs, points_to


def numbers(width, blocks, classes, bias=0, norms=2, shortcut=1):
    """Trained numbers of the brief's network; `bias` for each channel of the first two convolutions of a block."""
    widths = [1, *(width * 2**block for block in range(blocks))]
    of_blocks = sum((9 + shortcut) * a * b + 9 * b * b + (2 * norms + bias) * b for a, b in pairwise(widths))
    return of_blocks + (widths[-1] + 1) * classes


def drawn_config(rng):
    return {
        "width": int(rng.choice([8, 12, 24])),
        "blocks": int(rng.integers(1, 4)),
        "dropout": 0.2,
        "classes": int(rng.integers(3, 7)),
    }


@pytest.mark.points(3)
def test_parameter_count(student, rng):
    """The network has the layers that `config` asks for, and `parameter_count` knows how many numbers it trains."""
    assert numbers(16, 3, 4) == 74_852
    for config in ({"width": 16, "blocks": 3, "dropout": 0.3, "classes": 4}, drawn_config(rng)):
        size = (config["width"], config["blocks"], config["classes"])
        count = student.model.parameter_count(student.build_model(config))
        points_to("bias_before_norm", count in [numbers(*size, bias=many) for many in (1, 2)])
        points_to("no_shortcut", count == numbers(*size, shortcut=0))
        assert close(count, numbers(*size))
        assert close(
            student.parameter_count(config), numbers(*size), mistaken={"norms_not_counted": numbers(*size, norms=0)}
        )


@pytest.mark.points(2)
def test_frames_of_any_size(student, rng):
    """The network answers logits for frames of any size: the mean over the image does not ask how large it is."""
    model = student.build_model({"width": 8, "blocks": 3, "dropout": 0.3, "classes": 4})
    for height, width in ((48, 48), (17, 30), tuple(rng.integers(9, 70, 2))):
        logit = student.model.forward(model, rng.normal(size=(2, height, width)).astype(np.float32))
        assert close(logit.shape, (2, 4))
        assert np.isfinite(logit).all()
    x = rng.normal(size=(1, 72, 60)).astype(np.float32)
    logit = student.model.forward(model, x)
    x[0, -8:, -8:] += 5
    changed = np.abs(student.model.forward(model, x) - logit).max()
    points_to("frames_are_cut", changed == 0)
    assert changed > 1e-6  # every part of a frame counts


@pytest.mark.points(3)
def test_a_feature_sees_as_far_as_predicted(student, rng):
    """`receptive_field` is how far apart two pixels can be that one feature of the last block depends on."""
    for blocks in range(1, 5):
        jumps = [2**block for block in range(blocks)]
        expected = 1 + sum(2 * jump + 4 * jump for jump in jumps)
        config = {"width": 8, "blocks": blocks, "dropout": 0.0, "classes": 4}
        assert close(
            student.receptive_field(config),
            expected,
            mistaken={
                "stride_left_out": 1 + 4 * blocks,
                "stride_counts_at_once": 1 + sum(8 * jump for jump in jumps),
            },
        )


@pytest.mark.points(3)
def test_the_shortcut_passes_the_gradient_on(student, rng):
    """With all 3 x 3 kernels at 0 only the shortcuts are left, and the answer still depends on the frame."""
    model = student.build_model({"width": 8, "blocks": 2, "dropout": 0.3, "classes": 4})
    weights = student.model.parameters(model)
    x = rng.normal(size=(4, 32, 32)).astype(np.float32)
    logit = student.model.forward(model, x)
    needs(logit.shape == (4, 4), "the model has to return a logit for each class first", mend="one_output_map")
    wide = [w.ndim == 4 and (3, 3) in (w.shape[:2], w.shape[2:]) for w in weights]  # in either framework's order
    silent = [np.zeros_like(w) if is_wide else w for w, is_wide in zip(weights, wide, strict=True)]
    student.model.set_parameters(model, silent)
    left = student.model.forward(model, x)
    points_to("no_shortcut", np.ptp(left, axis=0).max() < 1e-6)
    assert np.ptp(left, axis=0).max() > 1e-3
