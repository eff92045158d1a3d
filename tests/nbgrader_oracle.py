"""The real nbgrader, as an oracle: what it makes of a course, and which points it gives."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import pytest

NBGRADER = Path(sys.executable).parent / "nbgrader"
with_nbgrader = pytest.mark.skipif(not NBGRADER.is_file(), reason="nbgrader is not installed (extra `notebooks`)")
POINTS = """
select submitted_assignment.student_id, notebook.name, base_cell.name, grade.auto_score
from grade
join submitted_notebook on submitted_notebook.id = grade.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
join notebook on notebook.id = submitted_notebook.notebook_id
join base_cell on base_cell.id = grade.cell_id
where assignment.name = ?
"""

CellKey = tuple[str, str, str]
"""Student, notebook, grade id."""


def nbgrader(course: Path, *words: str | Path, fails: bool = False) -> str:
    """What the real nbgrader says; the test fails where it does, or with `fails` where it does not."""
    root = str(Path(__file__).parents[1])
    path = f"{NBGRADER.parent}{os.pathsep}{os.environ['PATH']}"  # it runs alembic from there
    done = subprocess.run(
        [NBGRADER, *words], cwd=course, env={**os.environ, "PATH": path, "PYTHONPATH": root}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def nbgrader_config(name: str) -> str:
    """What nbgrader needs to know of a course, and time enough for each cell on a busy machine."""
    return (
        f"c = get_config()\nc.CourseDirectory.course_id = {name!r}\n"
        "c.Execute.timeout = 600\nc.Execute.iopub_timeout = 600\n"
    )


def empty_course(folder: Path) -> Path:
    """A course with what nbgrader needs to know of it: `quickstart` takes 20 s of CPU to add its example."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(nbgrader_config(folder.name))
    return folder


def example_course(folder: Path) -> Path:
    """The course that `nbgrader quickstart` makes, with its example ps1 released."""
    nbgrader(folder, "quickstart", "dl")
    nbgrader(folder / "dl", "generate_assignment", "ps1")
    return folder / "dl"


def auto_scores(course: Path, assignment: str) -> dict[CellKey, float | None]:
    """The points that the gradebook of a course holds, of cells for a person too."""
    with closing(sqlite3.connect(course / "gradebook.db")) as gradebook:
        return {
            (student, name, cell): points for student, name, cell, points in gradebook.execute(POINTS, [assignment])
        }


def autograded(
    course: Path, assignment: str, scratch: Path, *, fails: bool = False, without: Collection[str] = ()
) -> dict[CellKey, float | None]:
    """The points that `nbgrader autograde` gives, in a copy of the course, which stays below `scratch`.

    Args:
        fails: Whether it is expected to end with an error, as after a notebook that is not JSON.
        without: Students whose hand-ins are left out.
    """
    copy = scratch / f"{course.name}_autograded"
    shutil.copytree(course, copy)
    for student in without:
        shutil.rmtree(copy / "submitted" / student)
    nbgrader(copy, "autograde", assignment, "--create", fails=fails)
    return auto_scores(copy, assignment)
