"""Pictures of a group's best, median and worst public case, with the truth and its prediction.

Every group has these cases, so their pictures tell nothing of the hidden ones. The answers are numbers from a file that
medmark wrote; nothing of them is read as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from pathlib import Path
from typing import Any, Final

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.columns import field_names
from assignments.data.sharing import sharing_of
from assignments.derived.interface import solution_interface
from assignments.errors import MedmarkError
from assignments.metric_words import metric_words
from graders.marks.words import cause_words
from graders.record.answer_files import load_public_answers
from graders.record.documents import PublicScores, RankedCase
from graders.tasks import Task, task_named
from graders.tasks.public_set import PublicSet, public_set
from reports.case_pictures import CasePicture, PicturedCase, case_pictures, image_count, truth_and_answer
from reports.numbers import fixed
from reports.sentences import SCORE_DECIMALS
from reports.slices import LARGEST

Array = np.ndarray[Any, Any]

PAGE_BYTES: Final = 140_000
"""All pictures of a page take at most so many, as base64 of the worst pixels: noise."""
SMALLEST: Final = 48
"""Rows and columns that a picture has at least."""


@dataclass(frozen=True)
class PublicView:
    """One public case as the page shows it."""

    heading: str
    """`Best: Dice 0.91`"""
    pictures: tuple[CasePicture, ...]
    facts: tuple[tuple[str, str], ...]
    """Words and numbers beside the pictures: what they are, and their text."""


@dataclass(frozen=True)
class PublicViews:
    """What the page shows of public cases; `missing` says why it shows none."""

    missing: str = ""
    views: tuple[PublicView, ...] = ()
    count: int = 0
    """Public cases that were scored."""
    confidential: bool = False
    """Whether the pictures are of patients that only students may see."""

    @property
    def outlined(self) -> bool:
        """Whether there are outlines that a legend must explain."""
        return any(shown.own or shown.picture.outlines for view in self.views for shown in view.pictures)


class PublicAlbum:
    """Draws the public cases of one assignment's groups. The cases are drawn or read once, when they are needed."""

    def __init__(self, assignment: Assignment, store: Path | None) -> None:
        self._assignment = assignment
        self._store = store
        """The folder of stored answers; None where nothing can be drawn."""

    def views(self, criterion: Accuracy, scores: PublicScores | None) -> PublicViews | None:
        """The pictures for one group; None where there is nothing to say, as of older records."""
        if scores is None or self._store is None:
            return None
        if not scores.cases:
            return PublicViews(missing=cause_words(scores.cause) if scores.cause else "no case was answered")
        public = self._public
        if public is None:
            return PublicViews(missing="the public cases cannot be read any more")
        if public.inputs_digest != scores.answers.inputs:
            return PublicViews(missing="the public cases have changed since they were predicted")
        try:
            stored = load_public_answers(self._store, scores.answers)
        except MedmarkError:
            return PublicViews(missing="the stored predictions are gone")
        task = task_named(self._assignment.task)
        cases = [
            _pictured(public, task, shown.index, stored.arrays[task.prediction][shown.index]) for shown in scores.cases
        ]
        largest = _largest(sum(image_count(task, public.arrays, case) for case in cases))
        views = tuple(
            self._view(criterion, scores, shown, case, largest) for shown, case in zip(scores.cases, cases, strict=True)
        )
        return PublicViews("", views, scores.count, sharing_of(self._assignment) == "students")

    @cached_property
    def _public(self) -> PublicSet | None:
        try:
            return public_set(self._assignment, solution_interface(self._assignment))
        except MedmarkError:  # the cases are gone, and the page says so
            return None

    def _view(
        self, criterion: Accuracy, scores: PublicScores, shown: RankedCase, case: PicturedCase, largest: int
    ) -> PublicView:
        assignment, public = self._assignment, self._public
        assert public is not None
        name = metric_words(scores.metric, criterion, assignment.data.classes)
        return PublicView(
            heading=f"{shown.rank.capitalize()}: {name} {fixed(shown.score, SCORE_DECIMALS)}",
            pictures=tuple(case_pictures(assignment, public.arrays, case, both=True, largest=largest)),
            facts=tuple(truth_and_answer(assignment, case)),
        )


def _pictured(public: PublicSet, task: Task, index: int, answer: Array) -> PicturedCase:
    hidden = public.set
    truth = hidden.truth[index]
    truths: Mapping[str, Array] = {key: truth[key] for key in field_names(hidden.truth)} or {task.truth: truth}
    inputs = {key: np.asarray(cases[index]) for key, cases in hidden.inputs.items()}
    return PicturedCase(inputs, truths, np.asarray(answer))


def _largest(pictures: int) -> int:
    """Rows and columns of each of so many pictures, so that they fit a page. Colours take three bytes a pixel."""
    side = isqrt(PAGE_BYTES * 3 // 4 // max(1, pictures))
    return min(LARGEST, max(SMALLEST, side))
