"""A small course of nbgrader's: one notebook, and students who do with it what students do.

`run_here` runs cells in this process, as a kernel would: a plain stand-in for what runs behind the wall.
"""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assignments.notebook import Notebook, NotebookCell, plain_python, read_notebook, write_notebook
from graders.record.notebook_course import HandedNotebook, NotebookResult, TestCellResult
from tests.nbgrader_oracle import nbgrader_config

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def cell(grade_id: str, source: str, points: float | None = None, kind: str = "code", **flags: bool) -> NotebookCell:
    """A cell with nbgrader's metadata of schema 3."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False, **flags}
    own = {"schema_version": 3, "grade_id": grade_id, "cell_type": kind, **plain}
    return NotebookCell(kind, source, "", {"nbgrader": own | ({} if points is None else {"points": points})})


def graded(grade_id: str, source: str, points: float) -> NotebookCell:
    """A test cell."""
    return cell(grade_id, source, points, grade=True, locked=True)


WORK = Notebook(
    (
        NotebookCell("markdown", "# Doubling"),
        cell("setup", "SCALE = 2", locked=True),
        cell(
            "double",
            "def double(x):\n    ### BEGIN SOLUTION\n    return SCALE * x\n    ### END SOLUTION",
            solution=True,
        ),
        graded(
            "whole",
            "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(0.5) == 1.0\n### END HIDDEN TESTS",
            2,
        ),
        graded("partial", "1.0 * (double(1) == 2) + 0.5 * (double(3) == 6)", 2),
        cell("essay", "Why?", 3, "markdown", grade=True, solution=True),
        graded("last", "assert double(5) == 10", 1),
    ),
    KERNEL,
)
RIGHT = "def double(x):\n    return SCALE * x"
WRONG = "def double(x):\n    return x + 2"
LOUD = "import sys\n\ndef double(x):\n    print('hm', file=sys.stderr)\n    return SCALE * x"


def write_course(folder: Path) -> Path:
    """The course without a gradebook, which `nbgrader generate_assignment ps1` makes."""
    (folder / "source/ps1").mkdir(parents=True)
    (folder / "source/ps1/work.ipynb").write_bytes(write_notebook(WORK))
    (folder / "nbgrader_config.py").write_text(nbgrader_config("dl"))
    return folder


def released(course: Path) -> Notebook:
    """The notebook that students receive."""
    return read_notebook((course / "release/ps1/work.ipynb").read_bytes())


def hand_in(course: Path, student: str, content: Notebook | bytes, name: str = "work.ipynb") -> Path:
    """Put a notebook where nbgrader collects hand-ins."""
    path = course / "submitted" / student / "ps1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else write_notebook(content))
    return path


def with_source(notebook: Notebook, grade_id: str, source: str) -> Notebook:
    """The notebook with another source in one cell."""
    return with_cell(notebook, grade_id, lambda cell: [replace(cell, source=source)])


def with_cell(notebook: Notebook, grade_id: str, change: Callable[[NotebookCell], Sequence[NotebookCell]]) -> Notebook:
    """The notebook with other cells in place of one."""
    cells: list[NotebookCell] = []
    for each in notebook.cells:
        is_it = each.grading is not None and each.grading.grade_id == grade_id
        cells += change(each) if is_it else [each]
    return replace(notebook, cells=tuple(cells))


def without(notebook: Notebook, grade_id: str) -> Notebook:
    """The notebook without one cell."""
    return with_cell(notebook, grade_id, lambda cell: [])


def with_metadata(notebook: Notebook, grade_id: str, **changed: Any) -> Notebook:
    """The notebook with other metadata of nbgrader's in one cell."""
    return with_cell(
        notebook,
        grade_id,
        lambda cell: [replace(cell, metadata={"nbgrader": {**cell.metadata["nbgrader"], **changed}})],
    )


def run_here(
    handed: Sequence[HandedNotebook], sandbox: object, framework: str, jobs: int, on_progress: Callable[..., None]
) -> Iterator[NotebookResult]:
    """Runs trusted notebooks of these tests in this process; the interface of what runs them behind the wall."""
    for each in handed:
        names: dict[str, Any] = {"__name__": "__main__"}
        cells = [(run, _executed(run.source, names)) for run in each.cells]
        yield NotebookResult(
            each.student,
            each.notebook,
            tuple(replace(result, grade_id=run.test, max_points=run.points) for run, result in cells if run.test),
        )


def _executed(source: str, names: dict[str, Any]) -> TestCellResult:
    tree = ast.parse(plain_python(source).text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value, message = None, ""
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(tree, "cell", "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        except Exception as error:  # noqa: BLE001 - of a student's cell
            message = f"{type(error).__name__}: {error}"
    number = float(value) if isinstance(value, int | float) else None
    text = None if value is None else repr(value)
    return TestCellResult("", 0.0, "host", not message, text, number, bool(err.getvalue()), message=message)
