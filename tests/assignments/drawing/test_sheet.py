"""A sheet is its tiles, row by row, with outlines and points where they lie; read back by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from assignments.drawing.sheet import COLOURS, GAP, MOST_BYTES, WIDTH, Tile, colour_of, sheet

RNG = np.random.default_rng(5)


def read(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def near(pixels, colour, least=60):
    """Where pixels are like a colour."""
    return (np.abs(pixels - np.array(colour)).sum(axis=-1) < least).nonzero()


def halves(left, right):
    """An image whose left half has one value and whose right half another."""
    return np.repeat([[left, right]], 20, axis=1).reshape(1, 40).repeat(40, axis=0)


def test_tiles_stand_in_rows_on_black():
    pixels = read(sheet([Tile("a", halves(0.0, 1.0)), Tile("b", halves(1.0, 0.0)), Tile("c", halves(0.0, 1.0))], 2))
    width = (WIDTH - GAP) // 2
    height = pixels.shape[0] // 2
    middle = pixels[height - width // 2]  # of the first row
    quarters = [middle[x] for x in (width // 4, 3 * width // 4, WIDTH - 3 * width // 4, WIDTH - width // 4)]
    assert [int(quarter.mean()) > 128 for quarter in quarters] == [False, True, True, False]
    below = pixels[-1 - GAP - width // 2]
    assert below[: width // 2 - 20].max() < 40 < 200 < below[width // 2 + 20 : width - 20].min()
    assert below[width + GAP :].max() == 0, "there is no fourth tile"


def test_an_outline_lies_on_the_border_of_its_label():
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 20:35] = 1
    pixels = read(sheet([Tile("", np.zeros((40, 40)), labels)], 1))
    top = pixels.shape[0] - GAP - WIDTH
    rows, columns = near(pixels, COLOURS["turquoise"])
    scale = WIDTH / 40
    ends = [rows.min() - top, rows.max() - top, columns.min(), columns.max()]
    assert ends == pytest.approx([10 * scale, 30 * scale, 20 * scale, 35 * scale], abs=3)
    inside = pixels[top + int(20 * scale), int(27 * scale)]
    assert inside.max() == 0, "an outline hides nothing"


def test_each_class_has_a_colour_of_its_own_and_the_background_none():
    labels = np.zeros((40, 40), np.uint8)
    labels[5:15, 5:15], labels[25:35, 25:35] = 2, 3
    pixels = read(sheet([Tile("", np.zeros((40, 40)), labels)], 1))
    assert [len(near(pixels, colour)[0]) > 100 for colour in COLOURS.values()] == [
        False,
        True,
        True,
        False,
        False,
        False,
    ]
    assert [colour_of(number) for number in (1, 2, 7)] == ["turquoise", "orange", "turquoise"]


def test_a_point_lies_in_the_middle_of_its_pixel():
    pixels = read(sheet([Tile("", np.zeros((40, 40)), points=np.array([[10.0, 30.0]]))], 1))
    top = pixels.shape[0] - GAP - WIDTH
    rows, columns = near(pixels[top:], (255, 255, 255))
    assert (rows.mean(), columns.mean()) == pytest.approx((10.5 * 20, 30.5 * 20), abs=1.5)


def test_pixels_are_as_large_as_their_spacing():
    wide = read(sheet([Tile("", RNG.random((20, 40)), pixel_mm=(3.0, 1.5))], 1)).shape[0]
    assert wide == read(sheet([Tile("", RNG.random((40, 40)))], 1)).shape[0]


def test_words_are_drawn_and_long_ones_are_cut_to_their_tile():
    columns = [near(read(sheet([Tile(text, np.zeros((8, 8))), Tile("", np.zeros((8, 8)))], 2)), (232, 236, 234))[1]
               for text in ("head", "W" * 90)]  # fmt: skip
    assert len(columns[0]) > 50
    assert columns[1].max() < WIDTH // 2


def test_a_file_is_small_whatever_the_pixels_are():
    tiles = [Tile("noise", RNG.random((300, 300))) for _ in range(8)]
    assert len(sheet(tiles, 4)) <= MOST_BYTES


def test_colours_are_drawn_as_colours():
    image = np.zeros((3, 20, 20))
    image[0, :, 10:] = 1.0
    pixels = read(sheet([Tile("", image)], 1))
    assert pixels[-100, -100, 0] > 200 > 50 > pixels[-100, -100, 1]


def test_a_sheet_has_no_text_and_no_time():
    assert set(Image.open(io.BytesIO(sheet([Tile("a", RNG.random((8, 8)))], 1))).info) <= {"transparency"}


def test_the_outline_of_a_small_label_among_many_greys_keeps_its_colour():
    labels = np.zeros((90, 90), np.uint8)
    labels[40:44, 40:44] = 3
    pixels = read(sheet([Tile("", RNG.random((90, 90)), labels)], 1))
    assert len(near(pixels, COLOURS["yellow"], least=6)[0]) > 20
