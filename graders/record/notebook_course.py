"""A course of nbgrader's: the instructor's cells, what each student handed in, and what each cell earned.

The records between the room that reads such a course, the one that asks, and the pages. `nbgrader` itself is not
imported: its gradebook is SQLite, and a notebook is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Where = Literal["host", "inside", "person", "none"]
"""Where a test cell was judged: on the host, beside the student's code, by a person, or nowhere."""


@dataclass(frozen=True)
class TeacherCell:
    """A cell of the instructor's, as nbgrader's gradebook holds it: a test cell has its hidden tests."""

    grade_id: str
    kind: Literal["code", "markdown"]
    source: str
    points: float = 0.0
    grade: bool = False
    solution: bool = False
    locked: bool = False
    task: bool = False

    @property
    def is_test(self) -> bool:
        """Whether it is judged by running it."""
        return self.grade and not self.solution and self.kind == "code"

    @property
    def is_manual(self) -> bool:
        """Whether a person marks it."""
        return self.task or (self.grade and (self.solution or self.kind == "markdown"))


@dataclass(frozen=True)
class TeacherNotebook:
    """A notebook of an assignment, its cells in the order of the source notebook, else of the gradebook."""

    name: str
    cells: tuple[TeacherCell, ...]


@dataclass(frozen=True)
class RunCell:
    """A code cell of a student's notebook, in the order in which the cells run."""

    number: int
    """In the notebook that was handed in, from 1 and with text cells; 0 for a cell that medmark brings back."""
    source: str
    """As it stands there; of a locked cell and of a test cell the instructor's own source."""
    test: str = ""
    """The grade id, if it is a test cell."""
    points: float = 0.0
    """What it is worth, if it is a test cell."""
    locked: bool = False
    """Whether the source is the instructor's: a locked cell."""


@dataclass(frozen=True)
class HandedNotebook:
    """One student's notebook as it will run."""

    student: str
    notebook: str
    cells: tuple[RunCell, ...] = ()
    manual: tuple[TeacherCell, ...] = ()
    """What a person marks; `source` is the student's answer."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """What else lies in the folder of the hand-in, by its path there."""
    notes: tuple[str, ...] = ()
    """What a person should know: cells that were missing, doubled or edited, each a sentence with its cell."""
    problem: str = ""
    """Why the notebook cannot be read, with the cure; empty if it can."""
    absent: bool = False
    """Whether there is no such file; `problem` says so."""
    stops: str = ""
    """Why nbgrader gives this notebook no points, or runs other cells, so that its points are not known here."""


@dataclass(frozen=True)
class TestCellResult:
    """What one test cell of one student came to."""

    grade_id: str
    max_points: float
    where: Where
    passed: bool = False
    """Whether it ran to its end without an exception."""
    value: str | None = None
    """The text of the value of its last expression, by which a cell gives part of its points; None without one."""
    number: float | None = None
    """That value, where it is a number."""
    on_stderr: bool = False
    """Whether something was written to stderr while it ran: nbgrader gives 0 for that."""
    withheld: bool = False
    """Whether it could not be judged, through no fault of the student."""
    message: str = ""
    """Why it failed, or why it was judged where it was."""


@dataclass(frozen=True)
class NotebookResult:
    """What one student's notebook came to, cell by cell."""

    student: str
    notebook: str
    cells: tuple[TestCellResult, ...]
    problems: tuple[str, ...] = ()
    """Of the notebook as a whole, each a sentence."""
    cpu_s: float = 0.0


@dataclass(frozen=True)
class CellPoints:
    """The points of one cell of one student: what nbgrader would say and what medmark says."""

    student: str
    notebook: str
    grade_id: str
    max_points: float
    nbgrader: float | None
    """None where nbgrader gives no points by itself."""
    medmark: float | None
    """None where a person marks, or where the mark is withheld: never 0."""
    where: Where
    reason: str = ""
    """Why the two differ; empty where they agree."""
    message: str = ""
