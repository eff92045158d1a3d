"""The page of hidden cases that a group gets with its returned marks: pictures, the ground truth, and its own answers.

A pure function of what `graders.runs.showing` has chosen. It names no subject and no other group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from assignments.data.image_axes import image_view
from assignments.data.source import Axes
from assignments.errors import listed
from graders.runs.showing import HiddenCase, OwnAnswer, Showing
from reports.case_pictures import NUMBERS, CasePicture, PicturedCase, case_pictures, truth_and_answer
from reports.numbers import fixed, number
from reports.page import policy, render
from reports.sentences import SCORE_DECIMALS

Array = np.ndarray[Any, Any]


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
    assignment = showing.assignment
    pictured = PicturedCase(case.inputs, case.truth, own.prediction)
    facts = [*_inputs_without_picture(case, showing.arrays), *truth_and_answer(assignment, pictured)]
    facts += [(metric, fixed(value, SCORE_DECIMALS)) for metric, value in own.values.items()]
    pictures = case_pictures(assignment, showing.arrays, pictured)
    return CaseView(case.case.id, tuple(pictures), tuple(facts), own.problem)


def _inputs_without_picture(case: HiddenCase, arrays: Mapping[str, Axes]) -> Iterator[tuple[str, str]]:
    """The numbers of inputs that are not images."""
    for key, array in case.inputs.items():
        if key == "spacing" or (key in arrays and image_view(array, arrays[key]) is not None) or array.ndim > 1:
            continue
        values = [number(float(value), 3) for value in np.ravel(array)]
        yield key, listed(values, NUMBERS)
