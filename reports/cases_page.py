"""The page of hidden cases that a group gets with its returned marks: pictures, the ground truth, and its own answers.

A pure function of what `graders.runs.showing` has chosen. It names no subject and no other group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.errors import listed
from graders.metrics.registration import warp_labels
from graders.runs.showing import HiddenCase, OwnAnswer, Showing
from graders.tasks import Task, task_named
from reports.cutting import Cut, cut_picture, cut_through, labels_on, orientation, usable_spacing
from reports.numbers import fixed, number
from reports.page import policy, render
from reports.sentences import SCORE_DECIMALS
from reports.slices import Outline, Picture, outlines

Array = np.ndarray[Any, Any]

MAPS = ("mask", "labels", "instances")
"""Forms of answers that have a number for each voxel."""
NUMBERS = 12
"""Numbers of a row that the page lists."""


@dataclass(frozen=True)
class CasePicture:
    """A slice of one image, with the outlines of the ground truth and of the group's answer on it."""

    title: str
    picture: Picture
    """Its outlines are those of the ground truth."""
    own: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class CaseView:
    """One case as the page shows it."""

    id: str
    pictures: tuple[CasePicture, ...]
    facts: tuple[tuple[str, str], ...]
    """Words and numbers beside the pictures: what they are, and their text."""
    problem: str


def cases_page(showing: Showing, group: str, course: str = "") -> str:
    """The whole page of one group as HTML: it loads nothing and runs nothing."""
    answers = showing.answers(group)
    views = [_view(showing, case, own) for case, own in zip(showing.cases, answers, strict=True)]
    return render(
        "cases.html",
        csp=policy(),
        assignment=showing.assignment,
        group=group,
        course=course,
        cases=views,
        of=showing.of,
        outlined=any(shown.own or shown.picture.outlines for view in views for shown in view.pictures),
        repeats=showing.assignment.run.seeds if showing.assignment.run.mode == "retrain" else 1,
    )


def _view(showing: Showing, case: HiddenCase, own: OwnAnswer) -> CaseView:
    task, assignment = task_named(showing.assignment.task), showing.assignment
    facts = [*_inputs_without_picture(case, showing.arrays), *_truth_and_answer(task, assignment, case, own)]
    facts += [(metric, fixed(value, SCORE_DECIMALS)) for metric, value in own.values.items()]
    return CaseView(case.case.id, tuple(_pictures(showing, task, case, own)), tuple(facts), own.problem)


def _pictures(showing: Showing, task: Task, case: HiddenCase, own: OwnAnswer) -> Iterator[CasePicture]:
    """A slice of every image: of the inputs, then of an image to synthesise and of the group's."""
    cuts: dict[tuple[int, ...], Cut] = {}
    for key, array in case.inputs.items():
        image = image_view(array, showing.arrays[key]) if key in showing.arrays else None
        if image is None:
            continue
        shape = image.shape[1:]
        truth = labels_on(key, shape, case.truth.values())
        answer = _answer_map(task, case, own, key, shape)
        if shape not in cuts:
            spacing = usable_spacing(case.inputs.get("spacing"), len(shape))
            orient = orientation(showing.assignment.data, with_spacing="spacing" in showing.arrays)
            cuts[shape] = cut_through(shape, spacing, orient, truth if truth is not None and truth.any() else answer)
        yield _picture(key, image, cuts[shape], truth, answer)
    if task.name == "synthesis":
        target = case.truth[task.truth]
        cut = cuts.get(target.shape) or cut_through(target.shape, usable_spacing(None, target.ndim), "file", None)
        yield _picture("ground truth", target[None], cut)
        if own.prediction is not None:
            yield _picture("your answer", own.prediction[None], cut)


def _picture(
    title: str, image: Array, cut: Cut, truth: Array | None = None, answer: Array | None = None
) -> CasePicture:
    drawn, words = cut_picture(image, truth, cut)
    own = () if answer is None else outlines(cut.of(answer), drawn)
    return CasePicture(", ".join([title, *words]), drawn, own)


def _answer_map(task: Task, case: HiddenCase, own: OwnAnswer, key: str, shape: tuple[int, ...]) -> Array | None:
    """The group's numbers of an image's voxels; of a pair, the moving labels as its field warps them."""
    if own.prediction is None:
        return None
    form = next((task.forms[name] for name in MAPS if name in task.forms), None)
    if form is not None and own.prediction.shape == shape:
        return np.asarray(form(own.prediction[None])[0])
    if task.name == "registration" and key == "fixed" and case.truth[task.truth].shape == (2, *shape):
        return warp_labels(case.truth[task.truth][1], own.prediction)
    return None


def _inputs_without_picture(case: HiddenCase, arrays: Mapping[str, Axes]) -> Iterator[tuple[str, str]]:
    """The numbers of inputs that are not images."""
    for key, array in case.inputs.items():
        if key == "spacing" or (key in arrays and image_view(array, arrays[key]) is not None) or array.ndim > 1:
            continue
        values = [number(float(value), 3) for value in np.ravel(array)]
        yield key, listed(values, NUMBERS)


def _truth_and_answer(
    task: Task, assignment: Assignment, case: HiddenCase, own: OwnAnswer
) -> Iterator[tuple[str, str]]:
    """The truth and the answer of a case that are words or numbers."""
    truth, names = case.truth[task.truth], assignment.data.classes
    if task.name == "classification":
        yield "ground truth", _class(int(truth), names)
        if own.prediction is not None:
            yield "your answer", _probabilities(own.prediction, names)
    elif task.name == "multilabel":
        yield "ground truth", listed([_class(int(k), names) for k in np.flatnonzero(truth)], NUMBERS) or "none"
        if own.prediction is not None:
            pairs = [f"{_class(k, names)} {fixed(float(p), 2)}" for k, p in enumerate(own.prediction)]
            yield "your answer", listed(pairs, NUMBERS)
    elif task.name == "regression":
        yield "ground truth", number(float(truth), 3)
        if own.prediction is not None:
            yield "your answer", number(float(own.prediction), 3)


def _probabilities(prediction: Array, names: Sequence[str]) -> str:
    """The probability of class 1 of two, or of every class."""
    row = prediction if prediction.ndim else np.array([1 - float(prediction), float(prediction)])
    return listed([f"{_class(k, names)} {fixed(float(p), 2)}" for k, p in enumerate(row)], NUMBERS)


def _class(k: int, names: Sequence[str]) -> str:
    return names[k] if k < len(names) else f"class {k}"
