"""Reads a course of nbgrader's: the instructor's notebooks, and what each student handed in. It changes nothing in it.

    source/ps1/*.ipynb  release/ps1/*.ipynb  gradebook.db       the instructor's
    submitted/ada/ps1/*.ipynb  timestamp.txt  and other files   what students handed in: hostile

No link is followed, only regular files with ordinary names count, and nothing is run. Without a gradebook the cells
come from the source notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assignments.errors import UserError, nearest
from assignments.notebook import NotANotebook, Notebook, read_notebook
from graders.intake.checkout import is_ordinary
from graders.intake.hand_in_folders import NAMED
from graders.intake.listing import first_of, printable
from graders.intake.nbgrader_gradebook import NbgraderGradebook, assignments_of, read_gradebook
from graders.intake.nbgrader_hand_ins import files_below, read_hand_in
from graders.intake.nbgrader_notebook import released_sources, teacher_cells
from graders.intake.nbgrader_settings import NbgraderSettings, settings_of
from graders.record.notebook_course import HandedNotebook, TeacherNotebook


@dataclass(frozen=True)
class NbgraderCourse:
    """One assignment of a course of nbgrader's, as it lies on disk."""

    folder: Path
    assignment: str
    settings: NbgraderSettings
    gradebook: NbgraderGradebook | None
    """None where there is no such file."""
    notebooks: tuple[TeacherNotebook, ...]
    released: Mapping[str, Mapping[str, str]]
    """By notebook and grade id, the sources that students received."""
    handed: tuple[HandedNotebook, ...] = ()
    """One for each student who handed in and each notebook."""
    notes: tuple[str, ...] = ()
    """Of the course as a whole: what could not be read, or was left out."""

    def hand_in(self, student: str) -> Path:
        """The folder of a student's hand-in."""
        return self.folder / self.settings.submitted_directory / student / self.assignment


def read_course(folder: Path, assignment: str | None = None, only: Sequence[str] = ()) -> NbgraderCourse:
    """An assignment with all hand-ins.

    Args:
        assignment: Its name; without, the only one that there is.
        only: Students whose hand-ins are read; without, all.

    Raises:
        UserError: the folder is not a course of nbgrader's, has no such assignment, or several and none is named.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    settings = settings_of(folder)
    gradebook = settings.gradebook(folder)
    name = _chosen(folder, settings, gradebook if gradebook.is_file() else None, assignment)
    source = _notebooks_in(folder / settings.source_directory / name)
    release = _notebooks_in(folder / settings.release_directory / name)
    released = {key: released_sources(notebook) for key, notebook in release.items()}
    read, notes = None, list(settings.unread)
    if gradebook.is_file():
        orders = {key: tuple(released_sources(notebook)) for key, notebook in (release | source).items()}
        read = read_gradebook(gradebook, name, orders)
        teachers = read.notebooks
    else:
        notes.append(
            f"{folder} has no gradebook: the instructor's cells are those of {settings.source_directory}/{name}"
        )
        teachers = tuple(_of_sources(folder, source, released, name))
    course = NbgraderCourse(folder, name, settings, read, teachers, released)
    files, left_out = _instructors_files(course)
    handed: list[HandedNotebook] = []
    more: list[str] = []
    for student in _students(course, only, more):
        handed += read_hand_in(course.hand_in(student), student, teachers, released, files)
    if not handed:
        raise UserError(
            f"{folder / settings.submitted_directory}: nobody handed in {name}. nbgrader collect {name} puts hand-ins "
            f"there, as {settings.submitted_directory}/STUDENT/{name}/NOTEBOOK.ipynb"
        )
    return replace(course, handed=tuple(handed), notes=(*notes, *left_out, *more))


def _chosen(folder: Path, settings: NbgraderSettings, gradebook: Path | None, named: str | None) -> str:
    """The assignment that is meant."""
    sources = folder / settings.source_directory
    names = set(assignments_of(gradebook)) if gradebook is not None else set()
    if sources.is_dir() and gradebook is None:
        names = {path.name for path in sources.iterdir() if path.is_dir() and any(path.glob("*.ipynb"))}
    if not names:
        raise UserError(
            f"{folder} is not a course of nbgrader's: it has neither a gradebook.db with an assignment nor "
            f"{settings.source_directory}/ASSIGNMENT/*.ipynb. Name the folder in which you type nbgrader autograde"
        )
    if named is None:
        if len(names) > 1:
            raise UserError(f"{folder} has several assignments, so name one of them: {first_of(sorted(names), 20)}")
        return names.pop()
    if named not in names:
        raise UserError(f'{folder} has no assignment "{named}": {nearest(named, sorted(names))}')
    return named


def _notebooks_in(folder: Path) -> dict[str, Notebook]:
    """The instructor's notebooks of a folder, by name; none without a folder."""
    notebooks = {}
    for path in sorted(folder.glob("*.ipynb")):
        try:
            notebooks[path.stem] = read_notebook(path.read_bytes(), path.name)
        except NotANotebook as error:
            raise UserError(f"{folder}: {error}") from None
    return notebooks


def _of_sources(
    folder: Path, sources: Mapping[str, Notebook], released: Mapping[str, Mapping[str, str]], assignment: str
) -> Iterator[TeacherNotebook]:
    """The instructor's cells without a gradebook; those in which students answer as students received them."""
    for name, notebook in sources.items():
        cells = tuple(teacher_cells(notebook))
        if any("### AUTOTEST" in cell.source or "### HASHED AUTOTEST" in cell.source for cell in cells):
            raise UserError(
                f"{folder}: {name} has tests that nbgrader still has to write (AUTOTEST): "
                f"nbgrader generate_assignment {assignment} writes them into the gradebook"
            )
        received = released.get(name, {})
        if cells:
            own = (replace(each, source=received.get(each.grade_id, "")) if each.solution else each for each in cells)
            yield TeacherNotebook(name, tuple(own))


def _students(course: NbgraderCourse, only: Sequence[str], notes: list[str]) -> Iterator[str]:
    """Everybody who handed in; what cannot be a hand-in is noted."""
    submitted = course.folder / course.settings.submitted_directory
    if not submitted.is_dir():
        raise UserError(f"{submitted} is missing: nbgrader collect {course.assignment} puts hand-ins there")
    students = sorted(entry.name for entry in submitted.iterdir() if (entry / course.assignment).is_dir())
    for name in only:
        if name not in students:
            raise UserError(f'--only "{name}": has no {course.assignment} in {submitted}; {nearest(name, students)}')
    for name in only or students:
        if not is_ordinary(name):
            notes.append(f"{submitted.name}/{printable(name)}: its name is not ordinary, so it is left out")
        elif (submitted / name).is_symlink() or course.hand_in(name).is_symlink():
            notes.append(f"{submitted.name}/{printable(name)}: is a link, which medmark does not follow: left out")
        else:
            yield name


def _instructors_files(course: NbgraderCourse) -> tuple[dict[str, Path], list[str]]:
    """What else lies beside the instructor's notebooks: nbgrader copies it over the student's.

    A file that students did not receive stays out: it may hold what a hidden test expects.
    """
    source, release = (
        files_below(folder / course.assignment)[0] if (folder / course.assignment).is_dir() else {}
        for folder in (
            course.folder / course.settings.source_directory,
            course.folder / course.settings.release_directory,
        )
    )
    if not source or not course.released:
        return release | source, []
    kept_back = [path for path in source if path not in release]
    names = first_of([f"{course.settings.source_directory}/{course.assignment}/{path}" for path in kept_back], NAMED)
    notes = [f"students did not receive {names}, so their code does not either"] if kept_back else []
    return {path: file for path, file in source.items() if path in release}, notes
