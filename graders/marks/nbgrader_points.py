"""Turns what a test cell came to into points: what nbgrader would say, and what medmark says.

nbgrader fails open: a value without a number in it, or a negative number, is full marks, and it fails shut: any line on
stderr is 0. medmark counts a finite number from 0 to the maximum; anything else it leaves to a person.

Source: nbgrader 0.9.6, utils.py, determine_grade and get_partial_grade; converters/autograde.py for absent notebooks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from graders.record.notebook_course import (
    CellPoints,
    HandedNotebook,
    NotebookResult,
    TeacherCell,
    TeacherNotebook,
    TestCellResult,
    Where,
)

NO_RESPONSE: Final = "nothing was written there"
NOT_RUN: Final = "the notebook did not run, through no fault of the student: run the same command again"


def points_of(
    handed: HandedNotebook, teacher: TeacherNotebook, result: NotebookResult | None
) -> tuple[CellPoints, ...]:
    """The points of each cell of one notebook that earns any, in the instructor's order.

    Args:
        result: What its test cells came to; None where it cannot be read, or did not run.
    """
    points = _each(handed, teacher, result)
    if handed.stops and not handed.problem:
        return tuple(replace(each, nbgrader=None, reason=each.reason or handed.stops) for each in points)
    return tuple(points)


def _each(handed: HandedNotebook, teacher: TeacherNotebook, result: NotebookResult | None) -> Iterator[CellPoints]:
    results = {} if result is None else {cell.grade_id: cell for cell in result.cells}
    answers = {cell.grade_id: cell for cell in handed.manual}
    brought_back = {cell.test for cell in handed.cells if cell.test and not cell.number}
    for cell in teacher.cells:
        if not (cell.is_test or cell.is_manual):
            continue
        whole = _Of(handed, cell)
        if handed.problem:
            reason = "" if handed.absent else "nbgrader stops at this notebook, and its export writes 0.0"
            nothing = 0.0 if handed.absent else None
            yield whole.points(nothing, 0.0, reason, handed.problem)
        elif cell.is_manual:
            yield _by_hand(whole, answers)
        elif (judged := results.get(cell.grade_id)) is None:
            yield whole.points(None, None, NOT_RUN)
        else:
            yield _of_a_test(whole, judged, brought_back=cell.grade_id in brought_back)


class _Of:
    """Whose points, of which cell."""

    def __init__(self, handed: HandedNotebook, cell: TeacherCell) -> None:
        self.handed, self.cell = handed, cell

    def points(
        self, nbgrader: float | None, medmark: float | None, reason: str = "", message: str = "", where: Where = "none"
    ) -> CellPoints:
        """The points of the cell."""
        student, notebook, cell = self.handed.student, self.handed.notebook, self.cell
        return CellPoints(student, notebook, cell.grade_id, cell.points, nbgrader, medmark, where, reason, message)


def _by_hand(whole: _Of, answers: Mapping[str, TeacherCell]) -> CellPoints:
    """A cell for a person: both give 0 where the answer is what students received."""
    answer = answers.get(whole.cell.grade_id)
    if answer is None:
        return whole.points(None, None, message="the cell is missing from the notebook", where="person")
    if whole.cell.grade and whole.cell.solution and answer.source == whole.cell.source:
        return whole.points(0.0, 0.0, message=NO_RESPONSE, where="person")
    return whole.points(None, None, where="person")


def _of_a_test(whole: _Of, judged: TestCellResult, *, brought_back: bool) -> CellPoints:
    nbgrader = nbgrader_points(judged)
    medmark, reason = medmark_points(judged)
    if brought_back:
        nbgrader, reason = (
            None,
            reason or "the student deleted this test: nbgrader gives nothing, medmark brings it back",
        )
    elif nbgrader == medmark and medmark is not None:
        reason = ""
    elif nbgrader != medmark and not reason:
        reason = judged.message or "it was judged nowhere, so nbgrader's points are not known"
    return whole.points(nbgrader, medmark, reason, judged.message, judged.where)


def nbgrader_points(judged: TestCellResult) -> float | None:
    """What nbgrader would give; None where it gives nothing, since its grading of the notebook ends in an error."""
    most = judged.max_points
    if judged.withheld or judged.where == "none":
        return None
    if not judged.passed or judged.on_stderr:
        return 0.0
    if judged.value is None:
        return most
    if not judged.value:
        return None  # KeyError: output ['data']['text/plain'] does not exist
    try:
        points = float(judged.value)
    except ValueError:
        return most
    if points > most:
        return None  # ValueError: partial credit cannot be greater than maximum points for cell
    return points if points >= 0 else most


def medmark_points(judged: TestCellResult) -> tuple[float | None, str]:
    """What medmark gives, None where it is for a person; and why it may differ from nbgrader."""
    most, number = judged.max_points, judged.number
    if judged.withheld:
        return None, judged.message or NOT_RUN
    if not judged.passed:
        return 0.0, ""
    stderr = "it passed, and wrote to stderr, for which nbgrader gives 0" if judged.on_stderr else ""
    if judged.value is None:
        return most, stderr
    shown = judged.value if len(judged.value) <= 40 else f"{judged.value[:37]}..."
    if number is None or judged.value in ("True", "False"):
        return None, f"its last value, {shown}, is not a number: nbgrader gives full marks, a person has to look"
    if not math.isfinite(number) or number < 0:
        return None, f"its last value is {shown}, which are not points: nbgrader gives full marks, a person has to look"
    if number > most:
        return None, f"its last value, {shown}, is more than {most:g} points: nbgrader ends in an error there"
    return number, stderr or f"its last value, {shown}, is {number:g}: nbgrader does not read it as a number"
