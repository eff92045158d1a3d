"""A picture of a slice is the slice: read back by Pillow, with outlines on the borders of the label."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from assignments.drawing.pixels import grey_or_colour
from reports.slices import outline_path, picture, png


def read(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (7, 4, 3)])
def test_pillow_reads_the_pixels_that_were_written(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(read(png(pixels)), pixels)


def test_a_png_has_no_text_and_no_time():
    assert Image.open(io.BytesIO(png(np.zeros((2, 2), np.uint8)))).info == {}


def test_a_large_slice_is_reduced_by_means():
    image = np.kron(np.arange(400.0).reshape(20, 20), np.ones((32, 32)))  # 640 x 640: pixels of 2 x 2 become one
    drawn = picture(image)
    pixels = read(base64.b64decode(drawn.png.partition(",")[2]))
    np.testing.assert_array_equal(pixels, grey_or_colour(np.kron(np.arange(400.0).reshape(20, 20), np.ones((16, 16)))))


def test_pixels_are_as_large_as_their_spacing():
    drawn = picture(np.zeros((10, 20)), pixel_mm=(3.0, 0.5))
    assert (drawn.width, drawn.height) == (33.33, 100)  # 10 mm wide, 30 mm high


def test_an_outline_runs_round_the_pixels():
    mask = np.zeros((6, 6), bool)
    mask[2:4, 1:5] = True  # rows 2 and 3, columns 1 to 4: from (1, 2) to (5, 4) in x and y
    numbers = outline_path(mask).strip("MZ").replace("L", " ").split()
    xs, ys = np.array(numbers[::2], float), np.array(numbers[1::2], float)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (1, 5, 2, 4)


def test_an_outline_at_the_edge_is_closed():
    assert outline_path(np.ones((3, 3), bool)).count("Z") == 1


def test_each_class_has_its_outline():
    labels = np.zeros((10, 10), np.uint8)
    labels[1:4, 1:4], labels[6:9, 6:9] = 1, 3
    assert [outline.number for outline in picture(labels.astype(float), labels).outlines] == [1, 3]
    assert picture(labels.astype(float)).outlines == ()
