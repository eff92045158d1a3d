"""Chooses which published cases a picture shows, and which slice of each with which labels and points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import Cases
from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.drawing.cutting import Cut, cut_through, labels_on, orientation, usable_spacing
from assignments.drawing.pixels import WINDOW
from assignments.drawing.sheet import Tile, colour_of
from assignments.task_forms import TASK_FORMS

Array = np.ndarray[Any, Any]
Case = Mapping[str, Array]

NAMED = 6
"""Classes that a caption names; of more it gives the number."""


class Gallery:
    """The cases to choose from, and what is drawn of each."""

    def __init__(self, assignment: Assignment, arrays: Mapping[str, Axes], cases: Mapping[str, Cases]) -> None:
        self.assignment, self.arrays, self.cases = assignment, arrays, cases
        self.count = len(next(iter(cases.values())))
        self.truth = TASK_FORMS[assignment.task].truth if assignment.task else ""
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
        return spread(self._of_different_subjects(range(self.count), count), count)

    def of_class(self, number: int, count: int) -> list[int]:
        """The first cases of a class, of different subjects where there are as many."""
        y = np.array([int(value) for value in self.cases[self.truth]])
        return self._of_different_subjects(np.flatnonzero(y == number).tolist(), count)[:count]

    def tile(self, index: int, key: str, words: str, *, labelled: bool = True, points: Array | None = None) -> Tile:
        """A slice of an image of a case, with the outlines of the labels on it."""
        view, labels, cut = self._cut(index, key)
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
        cuts = [self._cut(index, self.images[0])[2] for index in indices]
        return [self.who(i) + (f" ({cut.words})" if cut.words else "") for i, cut in zip(indices, cuts, strict=True)]

    @property
    def most(self) -> str:
        """Which slice of a volume is drawn, as the end of a sentence."""
        return "; of each volume, the slice with the most of the label" if self.has_volumes else ""

    def colours(self, numbers: Sequence[int]) -> str:
        """Each outlined class with its colour."""
        if self.assignment.task == "instances" or len(numbers) > NAMED:
            return f"{len(numbers)} objects, each in a colour" if numbers else "nothing"
        names = self.assignment.data.classes
        words = [names[n] if n < len(names) else ("the label" if numbers == [1] else f"label {n}") for n in numbers]
        coloured = [f"{name} ({colour_of(n)})" for n, name in zip(numbers, words, strict=True)]
        return (", ".join(coloured) or "nothing") + self.doc_without_names(numbers)

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

    def _cut(self, index: int, key: str) -> tuple[Array, Array | None, Cut]:
        """An image of a case with its channels first, the labels on its voxels, and the slice to draw."""
        case = self.case(index)
        view = self._view(case, key)
        assert view is not None
        shape = view.shape[1:]
        truths = (case[name] for name, axes in self.arrays.items() if axes.role == "truth" and name in case)
        labels = labels_on(key, shape, truths)
        orient = orientation(self.assignment.data, with_spacing="spacing" in self.arrays)
        return view, labels, cut_through(shape, usable_spacing(case.get("spacing"), len(shape)), orient, labels)

    def _of_different_subjects(self, indices: Sequence[int], count: int) -> list[int]:
        """The first case of each subject among some cases; all of them if these are too few."""
        if "subject" not in self.cases:
            return list(indices)
        first: dict[int, int] = {}
        for index in indices:
            first.setdefault(int(self.cases["subject"][index]), index)
        return list(first.values()) if len(first) >= count else list(indices)


def _in_slice(points: Array, cut: Cut) -> Array:
    """The points (P, 2 or 3) that lie in a slice, as its rows and columns."""
    if cut.axis is None:
        return points
    near = points[np.round(points[:, cut.axis]) == cut.index]
    return np.delete(near, cut.axis, axis=1)


def spread(indices: Sequence[int], count: int) -> list[int]:
    """So many of some indices, from the first to the last."""
    number = min(count, len(indices))
    return [indices[round(i * (len(indices) - 1) / max(1, number - 1))] for i in range(number)]
