"""A sheet of images as PNG: tiles in rows, each with a word above it, on black, so that it reads at a phone's width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from assignments.drawing.pixels import border_lines, grey_or_colour

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

Array = np.ndarray[Any, Any]

WIDTH: Final = 800
"""Pixels; a phone shows them at less than half."""
GAP: Final = 8
LETTERS, SMALLEST_LETTERS = 27, 20
"""Pixels of the words: 12 on a phone of 390; a longer word is drawn smaller, and then cut."""
TALLEST: Final = 1.3
"""Height of a tile at most, in widths."""
COLOURS: Final = {
    "turquoise": (69, 224, 200),
    "orange": (255, 138, 92),
    "yellow": (255, 210, 77),
    "violet": (197, 155, 255),
    "blue": (127, 196, 255),
    "pink": (255, 127, 178),
}
"""Of outlines by the number of their class, from 1; then again from the first."""
INK: Final = (232, 236, 234)
SPOT: Final = (255, 255, 255)
MOST_BYTES: Final = 100_000
SHADES: Final = (128, 64, 32)
"""Shades of the file: fewer where it would be larger than that."""
FINER: Final = 4
"""Lines are drawn so many times larger, then reduced: their edges are smooth."""


@dataclass(frozen=True)
class Tile:
    """One image of a sheet."""

    words: str
    image: Array
    """(h, w), or (3, h, w) for red, green and blue."""
    labels: Array | None = None
    """(h, w) whole numbers, of which every class but 0 is outlined."""
    points: Array | None = None
    """(P, 2) rows and columns."""
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel; only their ratio matters."""


def colour_of(number: int) -> str:
    """The name of the colour in which a class is outlined."""
    return list(COLOURS)[(number - 1) % len(COLOURS)]


def sheet(tiles: Sequence[Tile], columns: int) -> bytes:
    """The PNG of some tiles, row by row."""
    from PIL import Image, ImageDraw

    width = (WIDTH - GAP * (columns - 1)) // columns
    drawn = [_drawn(tile, width) for tile in tiles]
    rows = [drawn[start : start + columns] for start in range(0, len(drawn), columns)]
    heights = [max(image.height for image in row) for row in rows]
    strip = round(1.35 * LETTERS)
    page = Image.new("RGB", (WIDTH, sum(heights) + len(rows) * (strip + GAP)))
    pen = ImageDraw.Draw(page)
    top = 0
    for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for column, image in enumerate(row):
            left = column * (width + GAP)
            words, font = _fitting(tiles[number * columns + column].words, width)
            pen.text((left + width / 2, top + strip / 2), words, font=font, fill=INK, anchor="mm")
            page.paste(image, (left + (width - image.width) // 2, top + strip))
        top += strip + height + GAP
    return _small_file(page, is_grey=all(tile.image.ndim == 2 for tile in tiles))


def _small_file(page: Image.Image, *, is_grey: bool) -> bytes:
    """The PNG with as many shades as `MOST_BYTES` allows; half as large where even few do not fit."""
    for shades in SHADES:
        if len(file := _file(page, shades, is_grey=is_grey)) <= MOST_BYTES:
            return file
    return _file(page.reduce(2), SHADES[0], is_grey=is_grey)


def _file(page: Image.Image, shades: int, *, is_grey: bool) -> bytes:
    """The PNG in so many shades, and in the colours of outlines: too few pixels have these to be chosen from them."""
    from PIL import Image

    greys = [level for i in range(shades) for level in 3 * [round(255 * i / (shades - 1))]]
    base = greys if is_grey else page.quantize(shades, dither=Image.Dither.NONE).getpalette() or greys
    edges = [share * level // 3 for colour in COLOURS.values() for share in (1, 2, 3) for level in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*base[: 3 * shades], *edges])
    file = io.BytesIO()
    page.quantize(palette=palette, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _drawn(tile: Tile, width: int) -> Image.Image:
    """A tile at its size on the sheet, with its outlines and points."""
    from PIL import Image

    rows, columns = tile.image.shape[-2:]
    tall, wide = rows * tile.pixel_mm[0], columns * tile.pixel_mm[1]
    scale = min(width / wide, TALLEST * width / tall)
    size = max(1, round(wide * scale)), max(1, round(tall * scale))
    image = Image.fromarray(grey_or_colour(tile.image)).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    step = size[1] / rows, size[0] / columns
    labels = np.zeros((rows, columns), int) if tile.labels is None else tile.labels
    for number in (int(number) for number in np.unique(labels) if number > 0):
        lines = [line * step for line in border_lines(np.equal(labels, number))]
        for thick, colour in ((4.5, (0, 0, 0)), (2.4, COLOURS[colour_of(number)])):
            image.paste(colour, mask=_lines(size, lines, thick))
    if tile.points is not None:
        spots = (tile.points + 0.5) * step
        for radius, colour in ((4, (0, 0, 0)), (2.7, SPOT)):
            image.paste(colour, mask=_spots(size, spots, radius))
    return image


def _lines(size: tuple[int, int], lines: Sequence[Array], thick: float) -> Image.Image:
    """Where lines (P, 2) of rows and columns cover a tile, 0 to 255."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (size[0] * FINER, size[1] * FINER))
    pen = ImageDraw.Draw(mask)
    for line in lines:
        corners = [(float(x) * FINER, float(y) * FINER) for y, x in line]
        pen.line(corners, fill=255, width=round(thick * FINER), joint="curve")
    return mask.resize(size, Image.Resampling.BOX)


def _spots(size: tuple[int, int], spots: Array, radius: float) -> Image.Image:
    """Where round spots (P, 2) of rows and columns cover a tile, 0 to 255."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (size[0] * FINER, size[1] * FINER))
    pen = ImageDraw.Draw(mask)
    for y, x in spots:
        pen.circle((float(x) * FINER, float(y) * FINER), radius * FINER, fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _fitting(words: str, width: int) -> tuple[str, FreeTypeFont | ImageFont]:
    """The words as they fit a width: in smaller letters, then cut."""
    from PIL import ImageFont

    for size in range(LETTERS, SMALLEST_LETTERS - 1, -1):
        font = ImageFont.load_default(size)
        if font.getlength(words) <= width:
            return words, font
    while len(words) > 1 and font.getlength(f"{words}…") > width:
        words = words[:-1].rstrip()
    return f"{words}…", font
