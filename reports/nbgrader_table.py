"""The points of an assignment of nbgrader's as lines and as JSON: what nbgrader would say, and what medmark says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from graders.record.notebook_course import CellPoints
from graders.runs.nbgrader_marking import MarkedNotebooks
from graders.runs.nbgrader_writing import WrittenPoints
from reports.numbers import number
from reports.terminal import fitted, quantity, terminal_text

LISTED: Final = 30
"""How many lines of a kind are listed without `--all`."""
NAME: Final = 32
"""Columns of a student's name."""


@dataclass(frozen=True)
class StudentPoints:
    """The sums of one student."""

    student: str
    nbgrader: float
    """As nbgrader sums them: a cell without points counts 0."""
    medmark: float
    of: float
    open_cells: int
    """Cells that wait for a person, which are in no sum."""


def student_points(points: Sequence[CellPoints]) -> tuple[StudentPoints, ...]:
    """The sums of every student, in their order."""
    by_student: dict[str, list[CellPoints]] = {}
    for each in points:
        by_student.setdefault(each.student, []).append(each)
    return tuple(
        StudentPoints(
            student,
            sum(each.nbgrader or 0.0 for each in own),
            sum(each.medmark or 0.0 for each in own),
            sum(each.max_points for each in own),
            sum(each.medmark is None for each in own),
        )
        for student, own in by_student.items()
    )


def differences(points: Sequence[CellPoints]) -> tuple[CellPoints, ...]:
    """The cells of which nbgrader and medmark say something else."""
    return tuple(each for each in points if each.nbgrader != each.medmark or (each.reason and each.where != "none"))


def table_lines(marked: MarkedNotebooks, *, whole: bool = False) -> Iterator[str]:
    """A line for each student, then what differs, what waits for a person, and what could not be read.

    Args:
        whole: Whether every cell is listed, and no list ends early.
    """
    yield f"{marked.course.assignment}: {quantity(len({each.student for each in marked.points}), 'student')}"
    yield _row("student", "nbgrader", "medmark", "of", "for a person")
    for each in student_points(marked.points):
        left = quantity(each.open_cells, "cell") if each.open_cells else ""
        yield _row(each.student, number(each.nbgrader, 2), number(each.medmark, 2), number(each.of, 2), left)
    yield ""
    if whole:
        yield from (_cell_line(each) for each in marked.points)
        yield ""
    yield from _differing(marked.points, whole=whole)
    yield from _withheld(marked.withheld, whole=whole)
    yield from _waiting(marked.points)
    if share := _share(marked.points):
        yield share
    problems = [f"  {student}, {notebook}: {sentence}" for student, notebook, sentence in marked.problems]
    if problems:
        yield f"{quantity(len(problems), 'note')} on notebooks:"
        yield from _listed(problems, whole=whole)


def _row(student: str, nbgrader: str, medmark: str, of: str, rest: str) -> str:
    name = fitted(terminal_text(student), NAME)
    return f"{name}{nbgrader:>10}{medmark:>10}{of:>8}   {rest}".rstrip()


def _cell_line(each: CellPoints) -> str:
    where = {"host": "", "inside": ", judged beside the student's code", "person": ", by a person", "none": ""}
    message = f": {each.message}" if each.message else ""
    return f"  {_what(each)}{where[each.where]}{message}"


def _what(each: CellPoints) -> str:
    both = f"nbgrader {number(each.nbgrader, 2)}, medmark {number(each.medmark, 2)} of {number(each.max_points, 2)}"
    return f"{each.student}, {each.notebook}, {each.grade_id}: {both}"


def _differing(points: Sequence[CellPoints], *, whole: bool) -> Iterator[str]:
    cells = differences(points)
    if not cells:
        yield "nbgrader would give the same points in every cell."
        return
    yield f"{quantity(len(cells), 'cell')} of {len(points)} would have other points with nbgrader:"
    lines = [f"  {_what(each)}: {each.reason}{f' ({each.message})' if each.message else ''}" for each in cells]
    yield from _listed(lines, whole=whole)


def _listed(lines: Sequence[str], *, whole: bool) -> Iterator[str]:
    yield from lines if whole else lines[:LISTED]
    if not whole and len(lines) > LISTED:
        yield f"  and {len(lines) - LISTED} more: --all lists them"


def _withheld(cells: Sequence[CellPoints], *, whole: bool) -> Iterator[str]:
    """The notebooks without points through no fault of the student."""
    reasons = {(each.student, each.notebook): each.reason for each in cells}
    if reasons:
        count = f"{quantity(len(cells), 'cell')} of {quantity(len(reasons), 'notebook')}"
        yield f"{count} withheld, the student is not to blame:"
        yield from _listed([f"  {who}, {name}: {why}" for (who, name), why in reasons.items()], whole=whole)


def _waiting(points: Sequence[CellPoints]) -> Iterator[str]:
    """The cells that a person has to mark: by cell, since a person marks one after another."""
    waiting = Counter(
        (each.notebook, each.grade_id) for each in points if each.medmark is None and each.where != "none"
    )
    if waiting:
        yield f"{quantity(waiting.total(), 'answer')} for a person:"
        yield from (f"  {notebook}, {grade_id}: {count}" for (notebook, grade_id), count in waiting.items())


def _share(points: Sequence[CellPoints]) -> str:
    """Where the test cells were judged."""
    host, inside = (sum(each.where == where for each in points) for where in ("host", "inside"))
    if not host + inside:
        return ""
    beside = f", {inside} beside the student's code" if inside else ""
    return f"{host} of {quantity(host + inside, 'test')} were judged outside the sandbox{beside}."


def written_lines(written: WrittenPoints) -> Iterator[str]:
    """What `--write` did, and what to type next."""
    yield f"{quantity(written.cells, 'cell')} written to {written.gradebook}; as it was before: {written.backup}"
    yield from (f"  {note}" for note in written.notes)
    yield f"{quantity(written.notebooks, 'notebook')} written for formgrader. Next: nbgrader generate_feedback"


def notebooks_as_json(marked: MarkedNotebooks) -> dict[str, Any]:
    """The same for programs, with every cell."""
    return {
        "assignment": marked.course.assignment,
        "students": [asdict(each) for each in student_points(marked.points)],
        "cells": [asdict(each) for each in marked.points],
        "problems": [
            {"student": student, "notebook": notebook, "text": text} for student, notebook, text in marked.problems
        ],
        "notes": list(marked.course.notes),
        "cpu_s": marked.cpu_s,
    }
