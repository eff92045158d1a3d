"""Writes an assignment's points where nbgrader looks for them: into its gradebook, and notebooks below `autograded/`.

The gradebook is written by `nbgrader_writer.py`, in a process of its own that imports nbgrader. It is copied first.
What is withheld stays empty and waits for a person: it is never 0.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from assignments.derived.notebook_cells import KERNEL, checksum
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.notebook import Notebook, NotebookCell, write_notebook
from graders.failures import ToolkitFailure
from graders.intake.listing import without_controls
from graders.intake.nbgrader_course import NbgraderCourse
from graders.intake.nbgrader_gradebook import HEAD, NbgraderGradebook
from graders.intake.nbgrader_hand_ins import TIMESTAMP, notebook_file, open_notebook, timestamp_of
from graders.intake.nbgrader_notebook import SortedCell, SortedNotebook, sorted_notebook
from graders.record.notebook_course import CellPoints, HandedNotebook, TeacherCell, TeacherNotebook
from graders.runs.nbgrader_marking import MarkedNotebooks

WRITER: Final = Path(__file__).with_name("nbgrader_writer.py")
NO_RESPONSE: Final = "No response."
"""nbgrader's own words, by which formgrader and feedback show that nothing was written."""


_Points = dict[tuple[str, str], dict[str, CellPoints]]
"""By student and notebook: the points of each cell, by grade id."""


@dataclass(frozen=True)
class WrittenPoints:
    """What was written."""

    gradebook: Path
    backup: Path
    """The gradebook as it was before."""
    cells: int
    notebooks: int
    """Files below `autograded/`."""
    notes: tuple[str, ...] = ()


def write_points(marked: MarkedNotebooks) -> WrittenPoints:
    """Write the points of all students into the gradebook, and their notebooks below `autograded/`.

    Raises:
        UserError: there is no gradebook, it is of an unknown version, or no nbgrader can be had; nothing is written.
        ToolkitFailure: nbgrader failed while it wrote; the text names the copy of the gradebook.
    """
    course = marked.course
    gradebook = _writable(course)
    python = _python_with_nbgrader()
    backup = _copied(gradebook.path)
    points: _Points = {}
    for each in marked.points:
        points.setdefault((each.student, each.notebook), {})[each.grade_id] = each
    work = {
        "db_url": f"sqlite:///{gradebook.path.resolve()}",
        "course_id": gradebook.course_id,
        "assignment": course.assignment,
        "submissions": list(_submissions(course, points)),
    }
    notes, untimed = _run_writer(python, work, backup)
    times = [
        f"{student}: {TIMESTAMP} holds no time, and formgrader ends at it: correct it or delete it"
        for student in untimed
    ]
    for handed in course.handed:
        folder = course.folder / course.settings.autograded_directory / handed.student / course.assignment
        cells = points.get((handed.student, handed.notebook), {})
        replace_file(folder / f"{handed.notebook}.ipynb", _autograded(_in_order(course, handed), cells))
        if handed.student not in untimed and (timestamp := timestamp_of(course.hand_in(handed.student))):
            replace_file(folder / TIMESTAMP, timestamp)
    return WrittenPoints(gradebook.path, backup, len(marked.points), len(course.handed), (*notes, *times))


def check_writable(course: NbgraderCourse) -> None:
    """Refuse before anything runs what `write_points` would refuse afterwards.

    Raises:
        UserError: there is no gradebook, it is of an unknown version, or no nbgrader can be had.
    """
    _writable(course)
    _python_with_nbgrader()


def _writable(course: NbgraderCourse) -> NbgraderGradebook:
    """The gradebook, if medmark may write into it."""
    gradebook = course.gradebook
    if gradebook is None:
        raise UserError(
            f"{course.folder} has no gradebook to write into: nbgrader generate_assignment {course.assignment} makes it"
        )
    if gradebook.head != HEAD:
        raise UserError(
            f"{gradebook.path} has tables of version {gradebook.head or 'unknown'}, and medmark writes into {HEAD} "
            "alone, that of nbgrader 0.9: nbgrader db upgrade, after a copy of the file"
        )
    if course.settings.unread:
        raise UserError(f"{course.settings.unread[0]}: write it as a plain text, so that medmark knows where to write")
    return gradebook


def _python_with_nbgrader() -> str:
    """A Python that can import nbgrader: this one, else that of the `nbgrader` on PATH."""
    if importlib.util.find_spec("nbgrader") is not None:
        return sys.executable
    program = shutil.which("nbgrader")
    if program is not None:
        with open(program, "rb") as file:
            first = file.readline(1000).decode(errors="replace").strip()
        if first.startswith("#!") and Path(first[2:]).is_file():
            return first[2:]
    raise UserError("--write needs nbgrader, here or on PATH: pip install 'medmark[notebooks]'")


def _copied(gradebook: Path) -> Path:
    """A copy of the gradebook beside it, which SQLite makes itself, so that it is whole."""
    backup = gradebook.with_name(f"{gradebook.stem}.before-medmark-{datetime.now():%Y%m%d-%H%M%S}.db")
    with closing(sqlite3.connect(gradebook)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


def _run_writer(python: str, work: Mapping[str, Any], backup: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run the program that writes; what it says, and whose time it could not read."""
    alone = "-P" if python == sys.executable else "-I"  # the modules beside it shall not hide nbgrader's
    done = subprocess.run(
        [python, alone, str(WRITER)], input=json.dumps(work), capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if done.returncode == 0 and lines else {"error": done.stderr.strip()[-500:]}
    except ValueError:
        answer = {"error": done.stdout.strip()[-500:]}
    if answer["error"]:
        raise ToolkitFailure(f"nbgrader could not write: {answer['error']}. The gradebook as it was: {backup}")
    return tuple(answer["notes"]), tuple(answer["untimed"])


def _in_order(course: NbgraderCourse, handed: HandedNotebook) -> SortedNotebook:
    """The notebook as it ran, with its cells of text; of one that cannot be read, the instructor's cells alone."""
    teacher = next(each for each in course.notebooks if each.name == handed.notebook)
    path, _ = notebook_file(course.hand_in(handed.student), handed.notebook, course.notebooks)
    if path is not None and not handed.problem:
        return sorted_notebook(open_notebook(path), teacher)
    why = SortedCell(0, NotebookCell("markdown", f"**{without_controls(handed.problem)}**"))
    rest = [SortedCell(0, NotebookCell(cell.kind, cell.source), cell) for cell in teacher.cells]
    return SortedNotebook((why, *rest))


def _submissions(course: NbgraderCourse, points: _Points) -> Iterator[dict[str, Any]]:
    """What the program is to write, by student."""
    teachers = {each.name: each for each in course.notebooks}
    by_student: dict[str, list[HandedNotebook]] = {}
    for handed in course.handed:
        by_student.setdefault(handed.student, []).append(handed)
    for student, notebooks in by_student.items():
        yield {
            "student": student,
            "timestamp": timestamp_of(course.hand_in(student)),
            "notebooks": [
                {
                    "name": each.notebook,
                    "points": {id: cell.medmark for id, cell in points.get((student, each.notebook), {}).items()},
                    "comments": dict(_comments(_in_order(course, each), teachers[each.notebook])),
                }
                for each in notebooks
            ],
        }


def _comments(notebook: SortedNotebook, teacher: TeacherNotebook) -> Iterator[tuple[str, str]]:
    """nbgrader's comment on each cell in which students answer: whether nothing was written."""
    sources = {cell.grade_id: cell.source for cell in teacher.cells if cell.solution}
    for each in notebook.cells:
        if each.teacher is not None and each.teacher.solution:
            grade_id = each.teacher.grade_id
            yield grade_id, NO_RESPONSE if each.cell.source == sources[grade_id] else ""


def _autograded(notebook: SortedNotebook, points: Mapping[str, CellPoints]) -> bytes:
    """The notebook for formgrader and for feedback: no output and no metadata of the student's, and what we say."""
    document = json.loads(write_notebook(Notebook(tuple(map(_shown, notebook.cells)), KERNEL)))
    for cell, each in zip(document["cells"], notebook.cells, strict=True):
        own = points.get(each.teacher.grade_id) if each.teacher is not None and each.teacher.is_test else None
        lines = [] if own is None else [line for line in (own.message, own.reason) if line]
        if lines:
            text = "".join(f"{without_controls(line)}\n" for line in lines)
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}]
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _shown(each: SortedCell) -> NotebookCell:
    """A cell with the metadata of the instructor's, and none of the student's."""
    teacher = each.teacher
    if teacher is None:
        return NotebookCell(each.cell.kind, each.cell.source, attachments=each.cell.attachments)
    graded = _graded(teacher)
    received = NotebookCell(teacher.kind, teacher.source, metadata={"nbgrader": graded})
    own = {**graded, "cell_type": teacher.kind, "checksum": checksum(received)}
    return NotebookCell(each.cell.kind, each.cell.source, "", {"nbgrader": own}, each.cell.attachments)


def _graded(teacher: TeacherCell) -> dict[str, Any]:
    flags = {"grade": teacher.grade, "solution": teacher.solution, "locked": teacher.locked, "task": teacher.task}
    points = {"points": teacher.points} if teacher.grade or teacher.task else {}
    return {"grade_id": teacher.grade_id, "schema_version": 3, **flags, **points}
