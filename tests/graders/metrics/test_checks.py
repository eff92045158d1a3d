"""Called directly, a metric refuses what is not a number, and says which argument it was: it never gives one for it."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from assignments.data.hidden import records
from graders.metrics import (
    boundaries,
    calibration,
    checks,
    costs,
    distributions,
    geometry,
    images,
    instances,
    ranking,
    registration,
    voxels,
)
from graders.metrics.regression import absolute_error, r2, rmse

BAD = [math.nan, math.inf, -math.inf, 1e160, 1e200]
"""The last two are finite, but their squares or cubes are not."""
IMAGE, FIELD = np.zeros((12, 12)), np.zeros((3, 6, 6, 6))
NUMBERS, FEATURES = np.array([1.0, 2.0, 4.0]), np.eye(4)
MARKS, Y = np.ones((2, 3)), np.array([0, 1, 1])
MASK = np.ones((1, 2, 2), bool)


def spoiled(array, bad):
    array = array.astype(np.float64)
    array.flat[1] = bad
    return array


def case(*spacing):
    return SimpleNamespace(id="c", subject="c", spacing_mm=spacing, group=None)


def registered(field, marks=MARKS, spacing=(1.0, 1.0, 1.0)):
    labels = np.ones((1, 2, 6, 6, 6), np.uint8)
    truths = records({"labels": labels, "landmarks": np.stack([marks, marks])[None]})
    return registration.tre(field[None], truths, [case(*spacing)])


ARRAYS = {
    "folding": (lambda bad: registration.folding_fraction(spoiled(FIELD, bad)), "the field"),
    "sd_log_jacobian": (lambda bad: registration.sd_log_jacobian(spoiled(FIELD, bad)), "the field"),
    "folding of a set": (lambda bad: registration.folding(spoiled(FIELD, bad)[None], FIELD, []), "the field"),
    "warped labels": (lambda bad: registration.warp_labels(np.ones((6, 6, 6), int), spoiled(FIELD, bad)), "the field"),
    "tre": (lambda bad: registered(spoiled(FIELD, bad)), "the field"),
    "fixed landmarks": (
        lambda bad: registration.target_registration_errors(FIELD, spoiled(MARKS, bad), MARKS, (1, 1, 1)),
        "the fixed landmarks",
    ),
    "moving landmarks": (
        lambda bad: registration.target_registration_errors(FIELD, MARKS, spoiled(MARKS, bad), (1, 1, 1)),
        "the moving landmarks",
    ),
    "translation": (lambda bad: registration.field_mistake(FIELD, (1, bad, 1), (1, 1, 1)), "the translation"),
    "mae": (lambda bad: images.mean_absolute_error(spoiled(IMAGE, bad), IMAGE), "the image"),
    "psnr": (lambda bad: images.peak_signal_to_noise(IMAGE, spoiled(IMAGE, bad), 1.0), "the truth"),
    "ssim": (lambda bad: images.structural_similarity(spoiled(IMAGE, bad), IMAGE, 1.0), "the image"),
    "ms_ssim": (lambda bad: images.multi_scale_similarity(IMAGE, spoiled(IMAGE, bad), 1.0), "the truth"),
    "rmse": (lambda bad: rmse(spoiled(NUMBERS, bad), NUMBERS, []), "the predictions"),
    "r2": (lambda bad: r2(NUMBERS, spoiled(NUMBERS, bad), []), "the truths"),
    "absolute_error": (lambda bad: absolute_error(spoiled(NUMBERS, bad), NUMBERS, [], at=5), "the predictions"),
    "frechet": (lambda bad: distributions.frechet_distance(spoiled(FEATURES, bad), FEATURES), "the generated set"),
    "coverage": (lambda bad: distributions.coverage(FEATURES, spoiled(FEATURES, bad), 1), "the real set"),
    "expected_cost": (
        lambda bad: costs.expected_cost(Y, Y, [], costs=spoiled(np.ones((2, 2)), bad)), "the costs",
    ),
    "brier": (lambda bad: calibration.brier(spoiled(NUMBERS / 4, bad), Y, []), "probabilities"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_not_finite_or_has_no_finite_square_is_refused_by_name(name, bad):
    value, what = ARRAYS[name]
    with pytest.raises(ValueError, match=rf"{what}.*finite"):
        value(bad)


NUMBER = {
    "psnr of equal images": lambda bad: images.peak_signal_to_noise(IMAGE, IMAGE, bad),
    "ssim": lambda bad: images.structural_similarity(IMAGE, IMAGE, bad),
    "ms_ssim": lambda bad: images.multi_scale_similarity(IMAGE, IMAGE, bad),
    "mae of a set": lambda bad: images.mae(IMAGE[None], IMAGE[None], [], at=bad),
    "absolute_error": lambda bad: absolute_error(NUMBERS, NUMBERS, [], at=bad),
    "spacing of landmarks": lambda bad: registration.target_registration_errors(FIELD, MARKS, MARKS, (1, bad, 1)),
    "spacing of a case": lambda bad: registered(FIELD, spacing=(1, 1, bad)),
    "spacing of masks": lambda bad: geometry.hd95(MASK, MASK, [case(1, bad)]),
    "spacing of a translation": lambda bad: registration.field_mistake(FIELD, (1, 2, 3), (1, bad, 1)),
}


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, 1e200])
@pytest.mark.parametrize("name", NUMBER)
def test_a_range_or_a_spacing_is_a_positive_number(name, bad):
    with pytest.raises(ValueError, match="positive"):
        NUMBER[name](bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_a_specificity_or_a_sensitivity_is_a_share(bad):
    for metric in (ranking.sensitivity_at, ranking.specificity_at):
        with pytest.raises(ValueError, match="between 0 and 1"):
            metric(NUMBERS / 4, Y, [], at=bad)


PERCENTILES = geometry.hd_percentile, geometry.hd_to_truth, geometry.hd_to_answer
OF_MASKS = [
    # NaN is not above anything: a rim without a voxel is equal to any other, and lesions match that do not overlap.
    *[(boundaries.boundary_iou, bad, "whole") for bad in (math.nan, -1, 0, 1.5, math.inf)],
    *[(boundaries.boundary_iou_mm, bad, "0 or more") for bad in (math.nan, -1, math.inf)],
    *[(voxels.f_beta, bad, "0 or more") for bad in (math.nan, -1, math.inf, 1e200)],
    *[(instances.lesion_f1, bad, "below 1") for bad in (math.nan, -0.1, 1, 7)],
    *[(metric, bad, "percent") for metric in PERCENTILES for bad in (math.nan, -1, 0, 100.5, math.inf)],
]


@pytest.mark.parametrize(("metric", "bad", "says"), OF_MASKS)
def test_the_number_in_the_name_of_a_metric_of_masks_has_its_bounds_when_called_directly_too(metric, bad, says):
    for truth in (MASK, ~MASK):
        with pytest.raises(ValueError, match=says):
            metric(MASK, truth, [case(1, 1)], at=bad)


@pytest.mark.parametrize("bad", [0, -1, 1.5, math.nan, math.inf])
def test_bins_are_a_whole_number(bad):
    for metric in (calibration.ece, calibration.ece_by_mass, calibration.classwise_ece):
        with pytest.raises(ValueError, match="whole"):
            metric(NUMBERS / 4, Y, [], at=bad)


@pytest.mark.parametrize(
    ("truths", "probabilities"),
    [([0, 2], 1), ([1, 2], 1), ([-1, 1], 1), ([0, 2], 2), ([0, 3], 3), ([-1, 1], 3)],
)
@pytest.mark.parametrize("metric", [ranking.auroc, ranking.average_precision])
def test_classes_that_no_probability_is_of_are_not_ranked(metric, truths, probabilities):
    predictions = np.array([0.1, 0.9]) if probabilities == 1 else np.full((2, probabilities), 1 / probabilities)
    with pytest.raises(ValueError, match="classes"):
        metric(predictions, np.array(truths), [])


def test_the_largest_number_that_crosses_the_wall_is_taken():
    assert checks.finite(np.float32([-np.finfo(np.float32).max, 0]), "x").dtype == np.float64
    assert checks.finite(np.zeros(0), "x").shape == (0,)
    huge = FIELD.copy()
    huge[0] = np.linspace(-1, 1, 6)[:, None, None] * checks.LARGEST
    assert registration.folding_fraction(-huge) == 1.0
