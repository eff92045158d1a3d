"""The picture of an assignment's data: published training cases as the task shows them, with words for all of it.

Images to classify stand below their classes, volumes to segment carry the outlines of their labels, pairs to register
stand side by side with labels and landmarks, and images to synthesise beside the image to make from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases
from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.drawing.cutting import Cut, cut_through, labels_on, orientation, usable_spacing
from assignments.drawing.pixels import WINDOW
from assignments.drawing.sheet import Tile, colour_of, sheet
from assignments.errors import listed
from assignments.task_forms import TASK_FORMS

Array = np.ndarray[Any, Any]
Case = Mapping[str, Array]

COLUMNS = 4
OF_EACH_CLASS = 2
PAIRS = 2
"""Cases of which two images are shown."""
NAMED = 6
"""Classes that a caption names; of more it gives the number."""


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


def data_picture(assignment: Assignment, arrays: Mapping[str, Axes], cases: Mapping[str, Cases]) -> DataPicture | None:
    """The picture of some training cases; None if no input of a case is an image.

    Args:
        arrays: What each case has.
        cases: By array, with a leading N.
    """
    gallery = _Gallery(assignment, arrays, cases)
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
    caption = " ".join(filter(None, [*drawn.explains.splitlines(), *gallery.remarks()]))
    return DataPicture(sheet(drawn.tiles, min(COLUMNS, len(drawn.tiles))), drawn.sees, caption)


class _Gallery:
    """The cases to choose from, and what is drawn of each."""

    def __init__(self, assignment: Assignment, arrays: Mapping[str, Axes], cases: Mapping[str, Cases]) -> None:
        self.assignment, self.arrays, self.cases = assignment, arrays, cases
        self.count = len(next(iter(cases.values())))
        self.truth = TASK_FORMS[assignment.task].truth
        first = self.case(0)
        self.images = [
            key for key, axes in arrays.items() if axes.role == "input" and self._view(first, key) is not None
        ]

    @property
    def has_volumes(self) -> bool:
        """Whether a case is a volume, of which a slice is drawn."""
        view = self._view(self.case(0), self.images[0])
        return view is not None and view.ndim == 4

    def case(self, index: int) -> Case:
        """One case."""
        return {key: np.asarray(column[index]) for key, column in self.cases.items()}

    def who(self, index: int) -> str:
        """What a case is called: by its subject, as the files of a handout are, or by its number."""
        return f"subject {self.number(index)}" if "subject" in self.cases else f"case {index}"

    def number(self, index: int) -> int:
        """The number of a case's subject, or its own."""
        return int(self.cases["subject"][index]) if "subject" in self.cases else index

    def name(self, number: int) -> str:
        """The name of a class."""
        names = self.assignment.data.classes
        return names[number] if 0 <= number < len(names) else f"class {number}"

    def doc_without_names(self, numbers: Sequence[int]) -> str:
        """What the source says of the ground truth, where some of its classes have no name."""
        axes = self.arrays.get(self.truth)
        unnamed = any(number >= len(self.assignment.data.classes) for number in numbers)
        return f" (`{self.truth}`: {axes.doc})" if axes and axes.doc and unnamed else ""

    def spread(self, count: int) -> list[int]:
        """So many cases from the first to the last, of different subjects where there are as many."""
        return _spread(self._of_different_subjects(range(self.count), count), count)

    def of_class(self, number: int, count: int) -> list[int]:
        """The first cases of a class, of different subjects where there are as many."""
        y = np.array([int(value) for value in self.cases[self.truth]])
        return self._of_different_subjects(np.flatnonzero(y == number).tolist(), count)[:count]

    def tile(self, index: int, key: str, words: str, *, labelled: bool = True, points: Array | None = None) -> Tile:
        """A slice of an image of a case, with the outlines of the labels on it."""
        case = self.case(index)
        view = self._view(case, key)
        assert view is not None
        shape = view.shape[1:]
        labels = labels_on(key, shape, (case[name] for name in self._truths() if name in case))
        cut = self._cut(case, shape, labels)
        plane = cut.of(view)
        return Tile(
            words,
            plane if len(plane) == 3 else plane[0],
            cut.of(labels) if labels is not None and labelled else None,
            None if points is None else _in_slice(points, cut),
            cut.pixel_mm,
        )

    def slices(self, indices: Sequence[int]) -> list[str]:
        """Which case each is, and which of its slices is drawn."""
        texts = []
        for index in indices:
            case, key = self.case(index), self.images[0]
            view = self._view(case, key)
            assert view is not None
            labels = labels_on(key, view.shape[1:], (case[name] for name in self._truths() if name in case))
            words = self._cut(case, view.shape[1:], labels).words
            texts.append(self.who(index) + (f" ({words})" if words else ""))
        return texts

    def remarks(self) -> Iterator[str]:
        """What holds of every such picture."""
        if len(self.images) > 1 and self.assignment.task != "registration":
            yield f"Shown is `{self.images[0]}`, one of {len(self.images)} images of a case."
        view = self._view(self.case(0), self.images[0])
        if view is not None and len(view) not in (1, 3):
            yield f"Shown is the first of its {len(view)} channels."
        yield f"Black and white are the {WINDOW[0]:g} % darkest and brightest values of each image."

    def _view(self, case: Case, key: str) -> Array | None:
        return image_view(case[key], self.arrays[key]) if key in case and key in self.arrays else None

    def _truths(self) -> list[str]:
        return [key for key, axes in self.arrays.items() if axes.role == "truth"]

    def _cut(self, case: Case, shape: tuple[int, ...], labels: Array | None) -> Cut:
        orient = orientation(self.assignment.data, with_spacing="spacing" in self.arrays)
        return cut_through(shape, usable_spacing(case.get("spacing"), len(shape)), orient, labels)

    def _of_different_subjects(self, indices: Sequence[int], count: int) -> list[int]:
        """The first case of each subject among some cases; all of them if these are too few."""
        if "subject" not in self.cases:
            return list(indices)
        first: dict[int, int] = {}
        for index in indices:
            first.setdefault(int(self.cases["subject"][index]), index)
        return list(first.values()) if len(first) >= count else list(indices)


def _outlined(gallery: _Gallery) -> _Drawn:
    """Cases to segment: the slice with the most of the label, and its outline."""
    chosen = gallery.spread(COLUMNS)
    tiles = [gallery.tile(index, gallery.images[0], gallery.who(index)) for index in chosen]
    outlined = _colours(gallery, _labels_of(tiles))
    what = "volume" if gallery.has_volumes else "image"
    most = "; of each, the slice with the most of the label" if gallery.has_volumes else ""
    return _Drawn(
        tiles,
        f"{_count(len(tiles), what)} to train on, side by side: {', '.join(gallery.slices(chosen))}. Drawn over each, "
        f"the outline of its ground truth: {outlined}.",
        f"{len(chosen)} of {gallery.count} {what}s to train on{most}.\nOutlined: {outlined}.",
    )


def _classes(gallery: _Gallery) -> _Drawn:
    """Images to classify, below the names of their classes: a column for each of up to four."""
    present = sorted({int(value) for value in gallery.cases[gallery.truth]})
    shown = present[: COLUMNS * OF_EACH_CLASS]
    each = OF_EACH_CLASS if len(shown) <= COLUMNS else 1
    by_class = [gallery.of_class(number, each) for number in shown]
    key = gallery.images[0]
    if len(shown) == 2:  # all four of a row
        order = [(number, index) for number, of in zip(shown, by_class, strict=True) for index in of]
    else:
        rows = range(max(map(len, by_class)))
        order = [(n, of[row]) for row in rows for n, of in zip(shown, by_class, strict=True) if row < len(of)]
    tiles = [gallery.tile(index, key, gallery.name(number)) for number, index in order]
    names = listed([gallery.name(number) for number in shown], COLUMNS * OF_EACH_CLASS) + gallery.doc_without_names(
        shown
    )
    more = f" Shown are the first {len(shown)} of {len(present)} classes." if len(present) > len(shown) else ""
    return _Drawn(
        tiles,
        f"{_count(len(tiles), 'image')} to train on, each below its class: "
        f"{', '.join(gallery.name(number) for number, _ in order)}.",
        f"{len(tiles)} of {gallery.count} cases to train on, each below its class: {names}.{more}",
    )


def _numbers(gallery: _Gallery) -> _Drawn:
    """Images with a number to predict, from the lowest to the highest; or with several labels."""
    values = [np.asarray(value) for value in gallery.cases[gallery.truth]]
    if gallery.assignment.task == "regression":
        order = np.argsort([float(value) for value in values], kind="stable").tolist()
        chosen = _spread(order, COLUMNS)
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


def _pairs(gallery: _Gallery) -> _Drawn:
    """Pairs to register, the fixed image beside the moving one, with labels and landmarks where they lie in each."""
    chosen = gallery.spread(PAIRS)
    tiles = []
    for index in chosen:
        marks = gallery.case(index).get("landmarks")
        for side, key in enumerate(("fixed", "moving")):
            points = None if marks is None else marks[side]
            tiles.append(gallery.tile(index, key, f"{key} {gallery.number(index)}", points=points))
    numbers = _labels_of(tiles)
    outlined = f"Outlined: {_colours(gallery, numbers)}." if numbers else ""
    dotted = any(tile.points is not None and len(tile.points) for tile in tiles)
    dots = "Dots: landmarks, the same points of the anatomy in both." if dotted else ""
    over = [*(["outlines of its labels"] if numbers else []), *(["dots at its landmarks"] if dotted else [])]
    return _Drawn(
        tiles,
        f"{_count(len(chosen), 'pair')} to train on: the fixed and the moving image of "
        f"{' and of '.join(gallery.who(index) for index in chosen)}, side by side"
        + (f", each with {' and '.join(over)}." if over else "."),
        f"{len(chosen)} of {gallery.count} pairs to train on, fixed beside moving.\n{outlined}\n{dots}",
    )


def _targets(gallery: _Gallery) -> _Drawn:
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
        f"{len(chosen)} of {gallery.count} cases to train on: `{key}`, and beside it `{target}`, the image to make.",
    )


def _colours(gallery: _Gallery, numbers: Sequence[int]) -> str:
    """Each outlined class with its colour."""
    if gallery.assignment.task == "instances" or len(numbers) > NAMED:
        return f"{len(numbers)} objects, each in a colour" if numbers else "nothing"
    names = gallery.assignment.data.classes
    words = [names[n] if n < len(names) else ("the label" if numbers == [1] else f"label {n}") for n in numbers]
    coloured = [f"{name} ({colour_of(n)})" for n, name in zip(numbers, words, strict=True)]
    return (", ".join(coloured) or "nothing") + gallery.doc_without_names(numbers)


def _labels_of(tiles: Sequence[Tile]) -> list[int]:
    """The numbers of the labels on some tiles."""
    return sorted({int(n) for tile in tiles if tile.labels is not None for n in np.unique(tile.labels) if n > 0})


def _in_slice(points: Array, cut: Cut) -> Array:
    """The points (P, 2 or 3) that lie in a slice, as its rows and columns."""
    if cut.axis is None:
        return points
    near = points[np.round(points[:, cut.axis]) == cut.index]
    return np.delete(near, cut.axis, axis=1)


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """So many of some indices, from the first to the last."""
    number = min(count, len(indices))
    return [indices[round(i * (len(indices) - 1) / max(1, number - 1))] for i in range(number)]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
