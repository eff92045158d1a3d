"""Frames of fetal ultrasound: repeatable, as declared, and hard for the same reasons as real ones."""

import numpy as np
import pytest

from assignments.data.sources import fetal_us as fetal_us_module
from assignments.data.sources.fetal_us import FRAMES, PLANES, SHARES, fetal_us, small_cases


@pytest.fixture(scope="module")
def cases():
    return fetal_us(600, np.random.default_rng(1))


@pytest.mark.parametrize("n", [1, 9, 10, 23])
def test_each_fetus_has_ten_frames_and_the_last_what_is_left(n):
    cases = fetal_us(n, np.random.default_rng(0))
    assert cases["subject"].tolist() == [number // FRAMES for number in range(n)]
    assert len(cases["image"]) == n


def test_planes_come_in_their_shares(cases):
    share = np.bincount(cases["y"], minlength=len(PLANES)) / 600
    assert share == pytest.approx(SHARES, abs=0.06)  # three standard errors


def test_a_frame_is_a_sector_of_grey_levels(cases):
    image = cases["image"]
    assert image.min() == 0
    assert image.max() <= 255
    corners = image[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners[:, :2] == 0).all()
    assert (image[:, 24, 24] > 0).mean() > 0.9


def test_speckle_in_even_tissue_is_that_of_three_looks():
    # A Rayleigh magnitude has a mean / SD of sqrt(pi / (4 - pi)) = 1.91, the mean of three independent ones 3.3. In dB
    # its SD is about 8.7 / 3.3 = 2.6, and a grey level is 55 / 255 dB. Pixels average some of it away.
    wall = fetal_us(200, np.random.default_rng(2), (96, 96))["image"][:, 4:8, 44:52]
    varies = wall.reshape(200, -1).std(axis=1) * 55 / 255
    assert 1.0 < np.median(varies) < 3.0


def test_bone_throws_a_shadow_and_changes_nothing_else(cases, monkeypatch):
    monkeypatch.setattr(fetal_us_module, "BONE_DB_PER_MM", 0.0)
    lit = fetal_us(600, np.random.default_rng(1))
    assert np.array_equal(lit["y"], cases["y"])
    assert (lit["image"] >= cases["image"]).all()
    assert np.array_equal(lit["image"][:, :2], cases["image"][:, :2])  # above every fetus
    heads = cases["y"] == 0
    assert cases["image"][heads, 40:46].mean() < 0.8 * lit["image"][heads, 40:46].mean()


def test_frames_of_one_fetus_resemble_each_other(cases):
    brightness = cases["image"].sum(axis=(1, 2)) / (cases["image"] > 0).sum(axis=(1, 2))
    by_fetus = brightness.reshape(-1, FRAMES)
    assert by_fetus.mean(axis=1).std() > 2 * by_fetus.std(axis=1).mean() / np.sqrt(FRAMES)


def test_small_cases_show_the_same_in_fewer_pixels():
    small, whole = (draw(40, np.random.default_rng(5)) for draw in (small_cases, fetal_us))
    assert small["image"].shape == (40, 24, 24)
    assert np.array_equal(small["y"], whole["y"])
    halved = whole["image"].reshape(40, 24, 2, 24, 2).mean(axis=(2, 4))
    assert np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(small["image"], halved, strict=True)]) > 0.9
