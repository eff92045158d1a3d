"""Reads the instructor's cells out of nbgrader's gradebook, a file of SQLite's. It writes nothing.

nbgrader itself is not imported. What it may have left beside the file, a journal that is not rolled back or a log that
is not merged, is read with it: all of them are copied first.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Final

from assignments.errors import UserError
from graders.record.notebook_course import TeacherCell, TeacherNotebook

HEAD: Final = "e43177bfe90b"
"""The version of the gradebook's tables, as nbgrader 0.9 has them."""
BESIDE: Final = ("", "-wal", "-journal")
"""The file, and what SQLite keeps beside it."""
OF_A_NOTEBOOK: Final = "join base_cell using (id) where base_cell.notebook_id = ?"


@dataclass(frozen=True)
class NbgraderGradebook:
    """The part of a gradebook that one assignment needs."""

    path: Path
    course_id: str
    head: str
    """The version of its tables, as Alembic calls it."""
    notebooks: tuple[TeacherNotebook, ...]


@contextmanager
def opened_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the gradebook, which lasts as long as the block.

    Raises:
        UserError: the file is not a gradebook, or cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="medmark-gradebook-") as scratch:
        copy = Path(scratch) / "gradebook.db"
        try:
            for ending in BESIDE:
                if (source := path.with_name(path.name + ending)).is_file():
                    copyfile(source, copy.with_name(copy.name + ending))
            with closing(sqlite3.connect(copy)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise UserError(
                f"{path} cannot be read as a gradebook of nbgrader's ({error}): nbgrader db upgrade brings an older "
                "one up to date, after a copy of it"
            ) from None


def assignments_of(path: Path) -> tuple[str, ...]:
    """The assignments that a gradebook knows, by name.

    Raises:
        UserError: the file is not a gradebook, or cannot be read.
    """
    with opened_copy(path) as gradebook:
        return tuple(name for (name,) in gradebook.execute("select name from assignment order by name"))


def read_gradebook(path: Path, assignment: str, orders: Mapping[str, Sequence[str]]) -> NbgraderGradebook:
    """The notebooks of an assignment with their cells.

    Args:
        orders: By notebook, the grade ids of its cells in their order; without, the order in which they were stored.

    Raises:
        UserError: the file is not a gradebook, or cannot be read, or its assignment has no notebook.
    """
    with opened_copy(path) as gradebook:
        (head,) = gradebook.execute("select version_num from alembic_version").fetchone() or ("",)
        row = gradebook.execute("select id, course_id from assignment where name = ?", [assignment]).fetchone()
        rows = gradebook.execute(
            "select id, name from notebook where assignment_id = ? order by name", [row[0]] if row else [""]
        )
        notebooks = tuple(
            TeacherNotebook(name, tuple(_in_order(tuple(_cells(gradebook, id)), orders.get(name, ()))))
            for id, name in rows
        )
    if not notebooks:
        raise UserError(
            f"{path} has no notebook of {assignment}: nbgrader generate_assignment {assignment} puts its cells there"
        )
    return NbgraderGradebook(path, row[1], head, notebooks)


def _cells(gradebook: sqlite3.Connection, notebook: str) -> Iterator[TeacherCell]:
    """Every cell of a notebook that nbgrader follows, as it was stored."""
    points = {
        kind: dict(gradebook.execute(f"select name, max_score from {kind} {OF_A_NOTEBOOK}", [notebook]))
        for kind in ("grade_cells", "task_cells")
    }
    solutions = {name for (name,) in gradebook.execute(f"select name from solution_cells {OF_A_NOTEBOOK}", [notebook])}
    sources = "select name, cell_type, locked, source from source_cell where notebook_id = ? order by rowid"
    for name, kind, locked, source in gradebook.execute(sources, [notebook]):
        yield TeacherCell(
            name,
            "code" if kind == "code" else "markdown",
            (source or "").replace("\r\n", "\n"),
            points=float(points["grade_cells"].get(name, points["task_cells"].get(name, 0.0))),
            grade=name in points["grade_cells"],
            solution=name in solutions,
            locked=bool(locked),
            task=name in points["task_cells"],
        )


def _in_order(cells: Sequence[TeacherCell], order: Sequence[str]) -> Sequence[TeacherCell]:
    """The cells as the notebook has them; as they are, if it has not all of them."""
    at = {grade_id: number for number, grade_id in enumerate(order)}
    complete = all(cell.grade_id in at for cell in cells)
    return sorted(cells, key=lambda cell: at[cell.grade_id]) if complete else cells
