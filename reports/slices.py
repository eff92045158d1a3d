"""Pictures of slices for pages: the image as a PNG inside the page, and outlines of a label drawn over it.

Pixels are drawn as large as they are: of a slice that is 0.5 mm by 3 mm, each is six times as wide as high.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assignments.drawing.cutting import Cut
from assignments.drawing.pixels import border_lines, grey_or_colour

Array = np.ndarray[Any, Any]

LARGEST = 320
"""Rows and columns of a PNG: a larger slice is reduced by block means, for a page that a mail program can open."""
MOST_NUMBERS, MOST_BYTES = 24, 20_000
"""Classes or objects of an answer that are outlined one by one; and how long their outlines may be as text."""


@dataclass(frozen=True)
class Outline:
    """The border of one class."""

    number: int
    """Of the class."""
    path: str
    """For SVG, in the units of the picture."""


@dataclass(frozen=True)
class Picture:
    """A slice as a template draws it: `<svg viewBox="0 0 width height">` with an image and paths."""

    png: str
    """A data URI."""
    width: float
    height: float
    outlines: tuple[Outline, ...] = ()


def picture(
    image: Array,
    labels: Array | None = None,
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    largest: int = LARGEST,
) -> Picture:
    """The picture of a slice.

    Args:
        image: (h, w), or (3, h, w) for red, green and blue.
        labels: (h, w) integers, 0 is background; None without a label.
        pixel_mm: Height and width of a pixel; only their ratio matters.
        largest: Rows and columns of the PNG at most.
    """
    rows, columns = image.shape[-2:]
    tall, wide = (size * mm for size, mm in zip((rows, columns), pixel_mm, strict=True))
    scale = 100 / max(tall, wide)
    width, height = round(scale * wide, 2), round(scale * tall, 2)
    drawn = Picture(png_uri(grey_or_colour(_reduced(image, largest))), width, height)
    return drawn if labels is None else replace(drawn, outlines=outlines(labels, drawn))


def cut_picture(image: Array, labels: Array | None, cut: Cut, largest: int = LARGEST) -> tuple[Picture, list[str]]:
    """The slice of an image (c, [d,] h, w) with the outlines of its labels, and words for what of the image it is."""
    shown = cut.of(image)
    words = [cut.words] if cut.words else []
    if shown.shape[0] not in (1, 3):
        words.append(f"the first of {shown.shape[0]} channels")
    pixels = shown if shown.shape[0] == 3 else shown[0]
    return picture(pixels, None if labels is None else cut.of(labels), cut.pixel_mm, largest), words


def outlines(labels: Array, on: Picture) -> tuple[Outline, ...]:
    """The border of each class of labels (h, w) that lie on the pixels of a picture."""
    step = on.height / labels.shape[0], on.width / labels.shape[1]
    numbers = [int(number) for number in np.unique(labels) if number > 0]
    return tuple(Outline(number, outline_path(labels == number, step)) for number in numbers)


def few_outlines(labels: Array, on: Picture, largest: int) -> tuple[Outline, ...] | None:
    """The same of labels that anybody may have made: at the picture's resolution, and at most so many pieces.

    Of many classes or objects only the border of all together. None: even that has too many pieces to be looked at.
    """
    factor = -(-max(labels.shape) // largest)
    small = labels[factor // 2 :: factor, factor // 2 :: factor]
    if len(np.unique(small)) > MOST_NUMBERS:
        small = small > 0
    drawn = outlines(small, on)
    return drawn if sum(len(outline.path) for outline in drawn) <= MOST_BYTES else None


def outline_path(mask: Array, step: tuple[float, float] = (1.0, 1.0)) -> str:
    """The border of a mask (h, w) as a path of SVG; `step` is the height and width of a pixel in the path's units."""
    pieces = []
    for line in border_lines(mask):
        points = [f"{x * step[1]:.2f} {y * step[0]:.2f}" for y, x in line.tolist()]
        pieces.append(f"M{'L'.join(points[:-1])}Z")
    return "".join(pieces)


def png_uri(pixels: Array) -> str:
    """A data URI of a PNG of uint8 pixels (h, w) or (h, w, 3)."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def png(pixels: Array) -> bytes:
    """A PNG of uint8 pixels, grey (h, w) or coloured (h, w, 3). It has no field but the pixels."""
    rows, columns = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    lines = np.ascontiguousarray(pixels, np.uint8).reshape(rows, -1)
    data = np.pad(lines, ((0, 0), (1, 0))).tobytes()  # each line begins with the number of its filter: 0, none
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(data, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _reduced(image: Array, largest: int) -> Array:
    """The slice with at most so many rows and columns."""
    factors: Sequence[int] = [-(-size // largest) for size in image.shape[-2:]]
    if max(factors) == 1:
        return image
    small: Array = image.astype(np.float64)
    for axis, factor in zip((-2, -1), factors, strict=True):
        edges = np.arange(0, small.shape[axis], factor)
        counts = np.diff([*edges, small.shape[axis]])
        small = np.add.reduceat(small, edges, axis=axis) / (counts[:, None] if axis == -2 else counts)
    return small
