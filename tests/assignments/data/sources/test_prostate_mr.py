"""Phantoms: repeatable, as declared, and hard for the same reasons as the real task."""

import numpy as np
import pytest
from scipy import ndimage

from assignments.assignment import Assignment
from assignments.data.parts import parts_of
from assignments.data.sources.prostate_mr import SOURCE, prostate_mr, small_cases


@pytest.fixture(scope="module")
def cases():
    return prostate_mr(40, np.random.default_rng(1))


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_arrays_are_as_declared(cases):
    assert cases["image"].shape == cases["label"].shape == (40, 16, 64, 64)
    assert cases["image"].dtype == np.float32
    assert cases["label"].dtype == np.uint8
    assert set(np.unique(cases["label"])) == {0, 1}
    assert cases["spacing"].shape == (40, 3)
    assert cases["spacing"].dtype == np.float32
    for key, axes in SOURCE.arrays.items():
        assert axes.fits(cases[key][0])
    assert {key for key, axes in SOURCE.arrays.items() if axes.role == "truth"} == {"label"}
    assert set(cases["group"]) <= {"surface coil", "endorectal coil"}


def test_the_generator_alone_decides():
    cases, again, other = (prostate_mr(6, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(again[name], cases[name]) for name in cases)
    assert other["image"].shape == cases["image"].shape
    assert not np.array_equal(other["image"], cases["image"])


@pytest.mark.parametrize("val", [0, 1])
def test_training_validation_and_hidden_phantoms_share_no_subject(val):
    data = {"source": "prostate_mr", "train": 3, "val": val, "test": 2}
    criterion = {"id": "report", "kind": "person", "points": 1}
    assignment = Assignment.model_validate({
        "id": "phantoms", "title": "t", "task": "segmentation", "run": {"mode": "weights"}, "data": data,
        "criterion": [criterion], "folder": "/nowhere",
    })  # fmt: skip
    parts = parts_of(assignment, b"s" * 32, "0")
    labelled = [*parts.train["subject"], *(parts.val["subject"] if val else ())]
    assert sorted(labelled) == [0, 1, 2]
    assert parts.subjects == {"3", "4"}


def test_voxels_have_the_sizes_of_a_pelvic_scan(cases):
    depth, row, column = cases["spacing"].T
    assert depth.min() >= 2.2
    assert depth.max() <= 4.0
    assert np.array_equal(row, column)
    assert row.min() >= 1.6
    assert row.max() <= 1.9


def test_glands_have_the_sizes_of_patients(cases):
    assert [ndimage.label(label)[1] for label in cases["label"]] == [1] * 40
    millilitres = cases["label"].sum(axis=(1, 2, 3)) * cases["spacing"].prod(axis=1) / 1000
    assert 20 < np.median(millilitres) < 30  # a healthy gland; the smallest ones of PROMISE12 hold about 8
    assert millilitres.min() > 6
    assert millilitres.max() < 100
    sizes = [
        (np.ptp(np.argwhere(label), axis=0) + 1) * mm
        for label, mm in zip(cases["label"], cases["spacing"], strict=True)
    ]
    depth, front_back, side = np.median(sizes, axis=0)
    assert front_back < depth + 10
    assert 40 < side < 55


def test_small_cases_show_the_same_pelvis_in_fewer_voxels(cases):
    small = small_cases(40, np.random.default_rng(1))
    assert small["image"].shape == small["label"].shape == (40, 8, 24, 24)
    extent = small["spacing"] * (8, 24, 24)
    assert np.allclose(np.median(extent, axis=0), np.median(cases["spacing"] * (16, 64, 64), axis=0), rtol=0.1)
    assert abs(small["label"].mean() - cases["label"].mean()) < 0.01


def test_intensities_are_magnitudes_in_units_far_apart(cases):
    assert np.isfinite(cases["image"]).all()
    assert cases["image"].min() >= 0
    brightest = cases["image"].max(axis=(1, 2, 3))
    assert brightest.max() > 20 * brightest.min()


def test_neither_an_atlas_nor_a_threshold_solves_it(cases):
    test = prostate_mr(15, np.random.default_rng(2))
    truth = test["label"] > 0
    share = cases["label"].mean(axis=0)
    atlas = max(np.mean([dice(share > at, gland) for gland in truth]) for at in (0.2, 0.3, 0.4, 0.5))
    assert 0.4 < atlas < 0.65  # 0.52 on PROMISE12
    ranks = test["image"].reshape(15, -1).argsort(axis=1).argsort(axis=1).reshape(truth.shape) / truth[0].size
    bands = [(low, low + 0.2) for low in np.arange(0, 0.85, 0.1)]
    band = max(
        np.mean([dice((rank > low) & (rank < high), gland) for rank, gland in zip(ranks, truth, strict=True)])
        for low, high in bands
    )
    assert band < 0.3
