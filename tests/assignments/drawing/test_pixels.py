"""Values become grey levels between two percentiles, and a border runs round the pixels of its label."""

import numpy as np
import pytest

from assignments.drawing.pixels import border_lines, grey_or_colour


def test_the_darkest_is_black_and_the_brightest_white():
    image = np.linspace(-1000, 3000, 10_000).reshape(100, 100)
    grey = grey_or_colour(image)
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)
    assert int(grey[50, 0]) == pytest.approx(127, abs=2)


def test_values_that_are_not_finite_are_drawn_black():
    image = np.full((4, 4), np.nan)
    image[0] = [0, 1, 2, 3]
    assert grey_or_colour(image)[1:].max() == 0


def test_a_flat_image_is_drawn():
    assert grey_or_colour(np.full((4, 4), 5.0)).shape == (4, 4)


def test_a_border_runs_round_the_pixels_and_is_closed():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 1:5] = True  # rows 2 and 3, columns 1 to 4
    (line,) = border_lines(mask)
    np.testing.assert_array_equal(line[0], line[-1])
    np.testing.assert_array_equal([line.min(axis=0), line.max(axis=0)], [[2, 1], [4, 5]])
