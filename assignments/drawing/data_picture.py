"""The picture of an assignment's data: published training cases as the task shows them, with words for all of it.

Images to classify stand below their classes, volumes to segment carry the outlines of their labels, pairs to register
stand side by side with labels and landmarks, and images to synthesise beside the image to make from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases
from assignments.data.source import Axes
from assignments.drawing.gallery import Gallery, spread
from assignments.drawing.sheet import Tile, sheet

COLUMNS = 4
OF_EACH_CLASS = 2
PAIRS = 2
"""Cases of which two images are shown."""


@dataclass(frozen=True)
class DataPicture:
    """A picture, and what it shows in words."""

    png: bytes
    alt: str
    """What one sees, for who does not."""
    caption: str


@dataclass(frozen=True)
class _Drawn:
    """The tiles of a picture, and what they are."""

    tiles: Sequence[Tile]
    sees: str
    explains: str
    columns: int = COLUMNS


def data_picture(assignment: Assignment, arrays: Mapping[str, Axes], cases: Mapping[str, Cases]) -> DataPicture | None:
    """The picture of some training cases; None if no input of a case is an image.

    Args:
        arrays: What each case has.
        cases: By array, with a leading N.
    """
    gallery = Gallery(assignment, arrays, cases)
    if not gallery.images:
        return None
    match assignment.task:
        case "classification":
            drawn = _classes(gallery)
        case "regression" | "multilabel":
            drawn = _numbers(gallery)
        case "registration":
            drawn = _pairs(gallery)
        case "synthesis":
            drawn = _targets(gallery)
        case _:
            drawn = _outlined(gallery)
    caption = " ".join([drawn.explains, *gallery.remarks()])
    return DataPicture(sheet(drawn.tiles, min(drawn.columns, max(2, len(drawn.tiles)))), drawn.sees, caption)


def _outlined(gallery: Gallery) -> _Drawn:
    """Cases to segment: the slice with the most of the label, and its outline."""
    chosen = gallery.spread(COLUMNS)
    tiles = [gallery.tile(index, gallery.images[0], gallery.who(index)) for index in chosen]
    outlined = gallery.colours(_labels_of(tiles))
    what = "volume" if gallery.has_volumes else "image"
    return _Drawn(
        tiles,
        f"{_count(len(tiles), what)} to train on, side by side: {', '.join(gallery.slices(chosen))}. Drawn over each, "
        f"the outline of its ground truth: {outlined}.",
        f"{len(chosen)} of {gallery.count} {what}s to train on{gallery.most}. Outlined: {outlined}.",
    )


def _classes(gallery: Gallery) -> _Drawn:
    """Images to classify, below the names of their classes: a column for each of up to four."""
    present = sorted({int(value) for value in gallery.cases[gallery.truth]})
    shown = present[: COLUMNS * OF_EACH_CLASS]
    each = OF_EACH_CLASS if len(shown) <= COLUMNS else 1
    by_class = [gallery.of_class(number, each) for number in shown]
    key = gallery.images[0]
    if len(shown) <= 2:  # all of them in a row
        order = [(number, index) for number, of in zip(shown, by_class, strict=True) for index in of]
    else:
        rows = range(max(map(len, by_class)))
        order = [(n, of[row]) for row in rows for n, of in zip(shown, by_class, strict=True) if row < len(of)]
    tiles = [gallery.tile(index, key, gallery.name(number)) for number, index in order]
    names = ", ".join(gallery.name(number) for number in shown) + gallery.doc_without_names(shown)
    more = f" Shown are the first {len(shown)} of {len(present)} classes." if len(present) > len(shown) else ""
    return _Drawn(
        tiles,
        f"{_count(len(tiles), 'image')} to train on, each below its class: "
        f"{', '.join(gallery.name(number) for number, _ in order)}.",
        f"{len(tiles)} of {gallery.count} cases to train on, each below its class: {names}.{more}",
        COLUMNS if len(shown) <= 2 else min(COLUMNS, len(shown)),
    )


def _numbers(gallery: Gallery) -> _Drawn:
    """Images with a number to predict, from the lowest to the highest; or with several labels."""
    values = [np.asarray(value) for value in gallery.cases[gallery.truth]]
    if gallery.assignment.task == "regression":
        order = np.argsort([float(value) for value in values], kind="stable").tolist()
        chosen = spread(order, COLUMNS)
        words = [f"{float(values[index]):.4g}" for index in chosen]
    else:
        chosen = gallery.spread(COLUMNS)
        words = [", ".join(gallery.name(int(k)) for k in np.flatnonzero(values[index])) or "none" for index in chosen]
    tiles = [gallery.tile(index, gallery.images[0], text) for index, text in zip(chosen, words, strict=True)]
    what = gallery.arrays[gallery.truth].doc or "what a model predicts"
    return _Drawn(
        tiles,
        f"{_count(len(tiles), 'image')} to train on, each below its ground truth: {'; '.join(words)}.",
        f"{len(tiles)} of {gallery.count} cases to train on, each below its ground truth (`{gallery.truth}`: {what}).",
    )


def _pairs(gallery: Gallery) -> _Drawn:
    """Pairs to register, the fixed image beside the moving one, with labels and landmarks where they lie in each."""
    chosen = gallery.spread(PAIRS)
    tiles = []
    for index in chosen:
        marks = gallery.case(index).get("landmarks")
        for side, key in enumerate(("fixed", "moving")):
            points = None if marks is None else marks[side]
            tiles.append(gallery.tile(index, key, f"{key} {gallery.number(index)}", points=points))
    numbers = _labels_of(tiles)
    outlined = f" Outlined: {gallery.colours(numbers)}." if numbers else ""
    dotted = any(tile.points is not None and len(tile.points) for tile in tiles)
    dots = " Dots: landmarks, the same points of the anatomy in both." if dotted else ""
    over = [*(["outlines of its labels"] if numbers else []), *(["dots at its landmarks"] if dotted else [])]
    return _Drawn(
        tiles,
        f"{_count(len(chosen), 'pair')} to train on: the fixed and the moving image of "
        f"{' and of '.join(gallery.who(index) for index in chosen)}, side by side"
        + (f", each with {' and '.join(over)}." if over else "."),
        f"{len(chosen)} of {gallery.count} pairs to train on, fixed beside moving{gallery.most}.{outlined}{dots}",
    )


def _targets(gallery: Gallery) -> _Drawn:
    """Images beside those that are to be made from them."""
    chosen = gallery.spread(PAIRS)
    key, target = gallery.images[0], gallery.truth
    tiles = [
        gallery.tile(index, name, f"{name} {gallery.number(index)}", labelled=False)
        for index in chosen
        for name in (key, target)
    ]
    return _Drawn(
        tiles,
        f"{_count(len(chosen), 'case')} to train on: the `{key}` that a model sees and beside it the `{target}` that "
        f"it should make, of {' and of '.join(gallery.who(index) for index in chosen)}.",
        f"{len(chosen)} of {gallery.count} cases to train on: `{key}`, and beside it `{target}`, the image to make"
        f"{gallery.most}.",
    )


def _labels_of(tiles: Sequence[Tile]) -> list[int]:
    """The numbers of the labels on some tiles."""
    return sorted({int(n) for tile in tiles if tile.labels is not None for n in np.unique(tile.labels) if n > 0})


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
