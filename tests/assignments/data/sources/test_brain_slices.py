"""Brains: real anatomy in drawn shapes, with a deformation that is known to the pixel."""

import importlib.util

import numpy as np
import pytest
from scipy import ndimage

from assignments.data.sources.brain_slices import (
    LANDMARKS,
    SHAPE,
    atlas,
    brain_contrasts,
    brain_pairs,
    small_pairs,
    smooth_field,
)
from assignments.errors import UserError
from graders.metrics.registration import jacobian_determinant


@pytest.fixture(scope="module")
def pairs():
    return brain_pairs(30, np.random.default_rng(1))


@pytest.fixture(scope="module")
def contrasts():
    return brain_contrasts(30, np.random.default_rng(1))


def test_the_atlas_is_a_brain_in_the_middle_of_its_slices():
    t1, grey, white = atlas().transpose(1, 0, 2, 3)
    assert t1.shape == (28, *SHAPE)
    assert atlas().max() == 1
    middle = ndimage.center_of_mass(t1.sum(axis=0))
    assert middle == pytest.approx([(size - 1) / 2 for size in SHAPE], abs=3)
    assert (white > 0.5).sum() > 0.5 * (grey > 0.5).sum()
    assert abs(t1 - t1[:, :, ::-1]).mean() < 0.25 * t1.mean()  # two hemispheres alike


def test_without_nilearn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    atlas.cache_clear()
    try:
        with pytest.raises(UserError, match=r"nilearn, which is not installed: pip install 'medmark\[data\]'"):
            brain_pairs(1, np.random.default_rng(0))
    finally:
        atlas.cache_clear()


def test_a_smooth_field_has_no_folds():
    for seed in range(20):
        field = smooth_field(np.random.default_rng(seed), 9.0, 10.0)
        assert jacobian_determinant(field).min() > 0


def test_landmarks_lie_at_the_same_point_of_both_brains(pairs):
    # Both images have contrasts of their own, but tissue is tissue: labels at both ends agree but for the borders.
    fixed, moving = pairs["labels"].transpose(1, 0, 2, 3)
    here, there = np.round(pairs["landmarks"]).astype(int).transpose(1, 0, 2, 3)
    case = np.repeat(np.arange(30)[:, None], LANDMARKS, 1)
    a, b = fixed[case, here[..., 0], here[..., 1]], moving[case, there[..., 0], there[..., 1]]
    assert (a > 0).all()
    assert (a == b).mean() > 0.95


def test_without_registration_landmarks_are_some_pixels_apart(pairs):
    apart = np.linalg.norm(pairs["landmarks"][:, 0] - pairs["landmarks"][:, 1], axis=-1)
    assert 1.5 < apart.mean() < 3.5
    assert np.abs(pairs["landmarks"][:, 0] - pairs["landmarks"][:, 1]).max() <= 9


def test_water_is_dark_in_one_contrast_and_bright_in_the_other(contrasts):
    for image, target, mask in zip(contrasts["image"], contrasts["target"], contrasts["mask"], strict=True):
        inside = mask == 1
        assert np.corrcoef(image[inside], target[inside])[0, 1] < -0.3
    assert 0.15 < contrasts["mask"].mean() < 0.5
    assert contrasts["target"].max() <= 1


def test_scanners_have_units_far_apart(pairs):
    brightest = pairs["fixed"].max(axis=(1, 2))
    assert brightest.max() > 20 * brightest.min()
    assert pairs["fixed"].min() >= 0


def test_small_pairs_are_the_same_patients_in_pixels_of_twice_the_width(pairs):
    small = small_pairs(30, np.random.default_rng(1))
    assert {key: array.dtype for key, array in small.items()} == {key: array.dtype for key, array in pairs.items()}
    assert small["fixed"].shape == (30, SHAPE[0] // 2, SHAPE[1] // 2)
    assert small["labels"].shape == (30, 2, SHAPE[0] // 2, SHAPE[1] // 2)
    np.testing.assert_allclose(small["moving"][2, 5, 7], pairs["moving"][2, 10:12, 14:16].mean(), rtol=1e-6)
    # In mm from the corner of the image, where the middle of the first pixel is half a pixel in.
    at, small_at = ((each["landmarks"] + 0.5) * each["spacing"][0, 0] for each in (pairs, small))
    np.testing.assert_allclose(small_at, at, atol=1e-4)
    assert (small["spacing"] == 6).all()
