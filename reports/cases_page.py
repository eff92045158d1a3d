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
from graders.runs.showing import HiddenCase, OwnAnswer, Showing
from graders.tasks import Task, task_named
from reports.case_pictures import CasePicture, PicturedCase, case_pictures, class_name
from reports.numbers import fixed, number
from reports.page import policy, render
from reports.sentences import SCORE_DECIMALS

Array = np.ndarray[Any, Any]

NUMBERS = 12
"""Numbers of a row that the page lists."""


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
    pictured = PicturedCase(case.inputs, case.truth, own.prediction)
    pictures = case_pictures(assignment, showing.arrays, pictured)
    return CaseView(case.case.id, tuple(pictures), tuple(facts), own.problem)


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
        yield "ground truth", class_name(int(truth), names)
        if own.prediction is not None:
            yield "your answer", _probabilities(own.prediction, names)
    elif task.name == "multilabel":
        yield "ground truth", listed([class_name(int(k), names) for k in np.flatnonzero(truth)], NUMBERS) or "none"
        if own.prediction is not None:
            pairs = [f"{class_name(k, names)} {fixed(float(p), 2)}" for k, p in enumerate(own.prediction)]
            yield "your answer", listed(pairs, NUMBERS)
    elif task.name == "regression":
        yield "ground truth", number(float(truth), 3)
        if own.prediction is not None:
            yield "your answer", number(float(own.prediction), 3)


def _probabilities(prediction: Array, names: Sequence[str]) -> str:
    """The probability of class 1 of two, or of every class."""
    row = prediction if prediction.ndim else np.array([1 - float(prediction), float(prediction)])
    return listed([f"{class_name(k, names)} {fixed(float(p), 2)}" for k, p in enumerate(row)], NUMBERS)
