"""Fetal biometry: the published growth curves, the published spread, and three scans of each fetus."""

import numpy as np
import pytest

from assignments.data.sources.biometry import expected_lengths, fetal_biometry


@pytest.fixture(scope="module")
def cases():
    return fetal_biometry(6000, np.random.default_rng(1))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_each_fetus_has_three_scans_and_the_last_what_is_left(n):
    assert fetal_biometry(n, np.random.default_rng(0))["subject"].tolist() == [0, 0, 0, 1, 1, 1, 2][:n]


def test_lengths_are_those_of_a_growth_chart():
    # Fiftieth percentiles as ultrasound units print them (Hadlock 1984), to the nearest mm: BPD, HC, AC, FL.
    chart = {20: (46, 177, 149, 33), 28: (71, 266, 240, 54), 36: (88, 328, 317, 71)}
    for week, lengths in chart.items():
        assert np.abs(expected_lengths(np.array([week]))[0] - lengths).max() <= 1


def test_every_length_grows_with_every_week():
    assert (np.diff(expected_lengths(np.arange(16, 39)), axis=0) > 0).all()


def test_the_spread_around_the_curve_is_that_of_a_chart(cases):
    off = cases["x"] / expected_lengths(cases["y"].astype(np.float64)) - 1
    assert np.abs(off.mean(axis=0)).max() < 0.003
    assert off.std(axis=0) == pytest.approx([0.040, 0.032, 0.048, 0.050], abs=0.002)


def test_scans_of_one_fetus_resemble_each_other_and_those_of_two_do_not(cases):
    off = cases["x"] / expected_lengths(cases["y"].astype(np.float64)) - 1
    scans = off.reshape(-1, 3, 4)  # (fetuses, scans, lengths)
    own = [np.corrcoef(scans[:, 0, i], scans[:, 1, i])[0, 1] for i in range(4)]
    # Of the variance, size and proportions: (2.5^2 + p^2) / (2.5^2 + p^2 + operator^2)
    assert own == pytest.approx([0.79, 0.69, 0.55, 0.35], abs=0.05)
    assert abs(np.corrcoef(scans[:-1, 0, 1], scans[1:, 0, 1])[0, 1]) < 0.05
