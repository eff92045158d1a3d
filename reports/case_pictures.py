"""What a page shows of one case: a slice of each image with the outlines of truth and answer, and both in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.drawing.cutting import Cut, cut_through, labels_on, orientation, usable_spacing
from assignments.errors import listed
from graders.metrics.registration import warp_labels
from graders.tasks import Task, task_named
from reports.numbers import fixed, number
from reports.slices import LARGEST, Outline, Picture, cut_picture, few_outlines

Array = np.ndarray[Any, Any]

MAPS = ("mask", "labels", "instances")
"""Forms of answers that have a number for each voxel."""
NUMBERS = 12
"""Numbers of a row that a page lists."""


@dataclass(frozen=True)
class PicturedCase:
    """What there is to draw of one case; arrays by key, without a leading N."""

    inputs: Mapping[str, Array]
    truth: Mapping[str, Array]
    answer: Array | None
    """None: there is none."""


@dataclass(frozen=True)
class CasePicture:
    """A slice of one image, with the outlines of the ground truth and of the group's answer on it."""

    title: str
    picture: Picture
    """Its outlines are those of the ground truth."""
    own: tuple[Outline, ...] = ()


def image_count(task: Task, arrays: Mapping[str, Axes], case: PicturedCase) -> int:
    """How many pictures a case has."""
    views = [image_view(array, arrays[key]) for key, array in case.inputs.items() if key in arrays]
    return sum(view is not None for view in views) + (2 if task.name == "synthesis" else 0)


def case_pictures(
    assignment: Assignment,
    arrays: Mapping[str, Axes],
    case: PicturedCase,
    *,
    both: bool = False,
    largest: int = LARGEST,
) -> Iterator[CasePicture]:
    """A slice of every image: of the inputs, then of an image to synthesise and of the group's.

    Args:
        both: Whether the slice is the one with the most of truth and answer together, and not of the truth alone.
        largest: Rows and columns of a picture at most.
    """
    task = task_named(assignment.task)
    cuts: dict[tuple[int, ...], Cut] = {}
    for key, array in case.inputs.items():
        image = image_view(array, arrays[key]) if key in arrays else None
        if image is None:
            continue
        shape = image.shape[1:]
        truth = labels_on(key, shape, case.truth.values())
        answer = _answer_map(task, case, key, shape)
        if shape not in cuts:
            spacing = usable_spacing(case.inputs.get("spacing"), len(shape))
            orient = orientation(assignment.data, with_spacing="spacing" in arrays)
            cuts[shape] = cut_through(shape, spacing, orient, _shown_labels(truth, answer, both))
        yield _picture(key, image, cuts[shape], truth, answer, largest)
    if task.name == "synthesis":
        target = case.truth[task.truth]
        cut = cuts.get(target.shape) or cut_through(target.shape, usable_spacing(None, target.ndim), "file", None)
        yield _picture("ground truth", target[None], cut, largest=largest)
        if case.answer is not None:
            yield _picture("your answer", case.answer[None], cut, largest=largest)


def truth_and_answer(assignment: Assignment, case: PicturedCase) -> Iterator[tuple[str, str]]:
    """The truth and the answer of a case, where they are words or numbers."""
    task, names = task_named(assignment.task), assignment.data.classes
    truth, answer = case.truth[task.truth], case.answer
    if task.name == "classification":
        yield "ground truth", _class(int(truth), names)
        if answer is not None:
            # The probability of class 1 of two, or of every class.
            row = answer if answer.ndim else np.array([1 - float(answer), float(answer)])
            yield "your answer", _probabilities(row, names)
    elif task.name == "multilabel":
        yield "ground truth", listed([_class(int(k), names) for k in np.flatnonzero(truth)], NUMBERS) or "none"
        if answer is not None:
            yield "your answer", _probabilities(answer, names)
    elif task.name == "regression":
        yield "ground truth", number(float(truth), 3)
        if answer is not None:
            yield "your answer", number(float(answer), 3)


def _probabilities(row: Array, names: Sequence[str]) -> str:
    return listed([f"{_class(k, names)} {fixed(float(p), 2)}" for k, p in enumerate(row)], NUMBERS)


def _class(k: int, names: Sequence[str]) -> str:
    return names[k] if k < len(names) else f"class {k}"


def _shown_labels(truth: Array | None, answer: Array | None, both: bool) -> Array | None:
    """What the slice shows the most of."""
    if both and truth is not None and answer is not None:
        return (truth > 0) | (answer > 0)
    return truth if truth is not None and truth.any() else answer


def _picture(
    title: str, image: Array, cut: Cut, truth: Array | None = None, answer: Array | None = None, largest: int = LARGEST
) -> CasePicture:
    drawn, words = cut_picture(image, truth, cut, largest)
    if answer is None:
        return CasePicture(", ".join([title, *words]), drawn)
    own = few_outlines(cut.of(answer), drawn, largest)
    if own is None:
        words.append("the answer has too many pieces to outline")
    return CasePicture(", ".join([title, *words]), drawn, own or ())


def _answer_map(task: Task, case: PicturedCase, key: str, shape: tuple[int, ...]) -> Array | None:
    """The group's numbers of an image's voxels; of a pair, the moving labels as its field warps them."""
    if case.answer is None:
        return None
    form = next((task.forms[name] for name in MAPS if name in task.forms), None)
    if form is not None and case.answer.shape == shape:
        return np.asarray(form(case.answer[None])[0])
    if task.name == "registration" and key == "fixed" and case.truth[task.truth].shape == (2, *shape):
        return warp_labels(case.truth[task.truth][1], case.answer)
    return None
