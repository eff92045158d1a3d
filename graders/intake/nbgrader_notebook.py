"""Puts a student's notebook in order before it runs, by the rules of nbgrader's autograde.

A cell is known by its grade id. Locked cells and test cells get the instructor's source back, whatever stands there;
of two cells with one id the last counts; points and flags come from the gradebook alone. Beyond nbgrader, a locked cell
or a test cell that is missing is brought back.

Source: nbgrader 0.9.6, preprocessors/deduplicateids.py and overwritecells.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from assignments.notebook import Notebook, NotebookCell
from graders.intake.listing import first_of
from graders.record.notebook_course import RunCell, TeacherCell, TeacherNotebook

HIDDEN: Final = re.compile(r"^[^\n]*\bBEGIN HIDDEN TESTS\b.*?\bEND HIDDEN TESTS\b[^\n]*\n?", re.DOTALL | re.MULTILINE)
"""What nbgrader leaves out of a test cell for students."""


@dataclass(frozen=True)
class SortedCell:
    """A cell as it will run, or as a person will mark it."""

    number: int
    """In the notebook that was handed in, from 1; 0 for a cell that is brought back."""
    cell: NotebookCell
    """With the kind and the source that count."""
    teacher: TeacherCell | None = None
    """None for a cell of the student's own."""

    @property
    def is_locked(self) -> bool:
        """Whether the source is the instructor's."""
        return self.teacher is not None and (self.teacher.locked or self.teacher.is_test)


@dataclass(frozen=True)
class SortedNotebook:
    """A student's notebook by the instructor's."""

    cells: tuple[SortedCell, ...]
    notes: tuple[str, ...] = ()
    """What a person should know, each a sentence with its cell."""
    stops: str = ""
    """Why nbgrader gives it no points, or runs other cells; empty if it runs the same."""

    def to_run(self) -> tuple[RunCell, ...]:
        """Its code cells, in their order."""
        return tuple(
            RunCell(
                each.number,
                each.cell.source,
                test=each.teacher.grade_id if each.teacher is not None and each.teacher.is_test else "",
                points=each.teacher.points if each.teacher is not None and each.teacher.is_test else 0.0,
                locked=each.is_locked,
            )
            for each in self.cells
            if each.cell.kind == "code"
        )

    def by_hand(self) -> tuple[TeacherCell, ...]:
        """What a person marks, with the student's answers as sources."""
        return tuple(
            replace(each.teacher, source=each.cell.source)
            for each in self.cells
            if each.teacher is not None and each.teacher.is_manual
        )


def sorted_notebook(
    notebook: Notebook, teacher: TeacherNotebook, released: Mapping[str, str] | None = None
) -> SortedNotebook:
    """The notebook as it runs.

    Args:
        released: By grade id, the sources that students received, by which an edited one is seen; without, the
            instructor's own without hidden tests.
    """
    own = {cell.grade_id: cell for cell in teacher.cells}
    last = {grade_id: number for number, cell in enumerate(notebook.cells, 1) if (grade_id := _id_of(cell)) in own}
    notes = [*_doubled(notebook, last)]
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        grade_id = _id_of(cell)
        if last.get(grade_id) != number:
            cells.append(SortedCell(number, cell))
            continue
        sorted_cell = _by_the_instructor(number, cell, own[grade_id])
        notes += _edited(number, cell, own[grade_id], (released or {}).get(grade_id))
        cells.append(sorted_cell)
    notes += _moved(cells, teacher)
    missing = [each for each in teacher.cells if each.grade_id not in last]
    notes += map(_missing, missing)
    for each in missing:
        if each.is_test or (each.locked and each.kind == "code"):
            cells.insert(_position(cells, teacher, each), SortedCell(0, NotebookCell("code", each.source), each))
    return SortedNotebook(tuple(cells), tuple(notes), _stops(notebook, teacher, last))


def _id_of(cell: NotebookCell) -> str:
    return "" if cell.grading is None else cell.grading.grade_id


def _by_the_instructor(number: int, cell: NotebookCell, own: TeacherCell) -> SortedCell:
    source = own.source if own.locked or own.is_test else cell.source
    return SortedCell(number, replace(cell, kind=own.kind, source=source), own)


def _doubled(notebook: Notebook, last: Mapping[str, int]) -> Iterator[str]:
    numbers: dict[str, list[int]] = {}
    for number, cell in enumerate(notebook.cells, 1):
        if (grade_id := _id_of(cell)) in last:
            numbers.setdefault(grade_id, []).append(number)
    for grade_id, several in numbers.items():
        if len(several) > 1:
            cells = first_of(list(map(str, several)), 5)
            yield f"cells {cells} are all {grade_id}: the last counts, the others run as cells of the student's own"


def _edited(number: int, cell: NotebookCell, own: TeacherCell, released: str | None) -> Iterator[str]:
    """What of a cell the student changed and may not: it never counts."""
    name = f"cell {number} ({own.grade_id})"
    if cell.kind != own.kind:
        yield f"{name} was turned into {cell.kind}: it counts as {own.kind}, as the instructor has it"
    if own.locked or own.is_test:
        sources = {_bare(own.source), _bare(HIDDEN.sub("", own.source)), *([_bare(released)] if released else [])}
        if _bare(cell.source) not in sources:
            yield f"{name} was edited, and is locked: the instructor's own source counts"
    grading = cell.grading
    if grading is None:
        return
    if own.grade and grading.points is not None and grading.points != own.points:
        yield f"{name} says {grading.points:g} points: the gradebook's {own.points:g} count"
    if (grading.grade, grading.solution, grading.task) != (own.grade, own.solution, own.task):
        yield f"{name} has other metadata of nbgrader's than the instructor's: those never count"


def _bare(source: str) -> str:
    """A source without the blanks at the ends of its lines, which editors take away."""
    return "\n".join(line.rstrip() for line in source.rstrip().split("\n"))


def _moved(cells: Sequence[SortedCell], teacher: TeacherNotebook) -> Iterator[str]:
    order = {cell.grade_id: number for number, cell in enumerate(teacher.cells)}
    present = [(each.number, each.teacher.grade_id) for each in cells if each.teacher is not None]
    for (_, before), (number, after) in pairwise(present):
        if order[after] < order[before]:
            yield f"cell {number} ({after}) was moved behind {before}: cells run in the student's order"


def _missing(cell: TeacherCell) -> str:
    if cell.is_test:
        return f"the test cell {cell.grade_id} is missing, and is brought back"
    if cell.is_manual:
        return f"{cell.grade_id}, which a person marks, is missing: look whether the answer stands in another cell"
    if cell.locked:
        back = ", and is brought back" if cell.kind == "code" else ""
        return f"the locked cell {cell.grade_id} is missing{back}"
    return f"the cell {cell.grade_id}, in which the answer belongs, is missing"


def _stops(notebook: Notebook, teacher: TeacherNotebook, last: Mapping[str, int]) -> str:
    """Where nbgrader 0.9.6 ends in an error, or runs other cells than these."""
    own = {cell.grade_id: cell for cell in teacher.cells}
    for number, cell in enumerate(notebook.cells, 1):
        grading = cell.grading
        if grading is None:
            continue
        is_followed = grading.grade or grading.solution or grading.locked
        teacher_cell = own.get(grading.grade_id)
        if teacher_cell is None:
            if is_followed:
                return f"nbgrader ends at cell {number}, whose id the gradebook does not have"
        elif is_followed and last[grading.grade_id] != number:
            return f"nbgrader ends at cell {number}, since a later one is {grading.grade_id} too"
        elif teacher_cell.locked and (grading.grade, grading.solution) != (teacher_cell.grade, teacher_cell.solution):
            return f"nbgrader ends at the metadata of cell {number}, which were edited"
    back = [each.grade_id for each in teacher.cells if each.locked and not each.is_test and each.kind == "code"]
    missing = [grade_id for grade_id in back if grade_id not in last]
    return f"nbgrader would run it without the locked cell {missing[0]}" if missing else ""


def _position(cells: Sequence[SortedCell], teacher: TeacherNotebook, missing: TeacherCell) -> int:
    """Where a cell is brought back: after all that precede it in the instructor's order.

    A test cell follows the student's own cells there too, since the answer may stand in them.
    """
    ids = [cell.grade_id for cell in teacher.cells]
    before = set(ids[: ids.index(missing.grade_id)])
    at = 1 + max(
        (at for at, each in enumerate(cells) if each.teacher is not None and each.teacher.grade_id in before),
        default=-1,
    )
    while missing.is_test and at < len(cells) and cells[at].teacher is None:
        at += 1
    return at


def released_sources(notebook: Notebook) -> dict[str, str]:
    """By grade id, the sources of the notebook that students received."""
    return {_id_of(cell): cell.source for cell in notebook.cells if _id_of(cell)}


def teacher_cells(notebook: Notebook) -> Iterator[TeacherCell]:
    """The cells that nbgrader follows, of a notebook of the instructor's."""
    for cell in notebook.cells:
        grading = cell.grading
        if (
            grading is not None
            and cell.kind != "raw"
            and (grading.grade or grading.solution or grading.locked or grading.task)
        ):
            yield TeacherCell(
                grading.grade_id,
                cell.kind,
                cell.source,
                points=grading.points or 0.0,
                grade=grading.grade,
                solution=grading.solution,
                locked=not grading.solution and (grading.grade or grading.locked),
                task=grading.task,
            )
