"""Hands out an assignment as notebooks. `assignments.derived.notebook` makes each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from assignments.assignment import Framework
from assignments.derived.notebook import NotebookTerms, notebook_of
from assignments.derived.notebook_cells import without_marks
from assignments.errors import UserError, nearest
from assignments.files import replace_file
from assignments.folders import reference_path
from assignments.handout import shown_picture
from assignments.notebook import NOTEBOOK, Notebook, write_notebook
from graders.authoring.handing_out import PlannedHandout
from graders.authoring.student_wheel import student_wheel


class NotebookForm(StrEnum):
    """For whom a notebook is."""

    STUDENTS = "for students"
    SOLVED = "with the answers, for staff"
    NBGRADER = "nbgrader's source form, with the answers between its marks"


def form_of(*, solved: bool, nbgrader: bool) -> NotebookForm:
    """The form that two options ask for."""
    return NotebookForm.NBGRADER if nbgrader else NotebookForm.SOLVED if solved else NotebookForm.STUDENTS


def write_notebooks(
    planned: PlannedHandout,
    folder: Path,
    framework: str = "",
    form: NotebookForm = NotebookForm.STUDENTS,
    *,
    agreed: bool = False,
) -> tuple[Path, ...]:
    """Write the notebooks of an assignment; return the files.

    For students they lie in the folder of the assignment, with the wheel that they install. For nbgrader the folder is
    a course of nbgrader's, with `source/`.

    Args:
        framework: Which one; without it, each that the assignment offers.
        agreed: Whether a person agrees that patients' cases leave, where the handout `needs_consent`: a notebook has
            their picture.

    Raises:
        UserError: nobody agreed, the framework is not offered or has no reference, or a notebook lies there that
            differs.
    """
    planned.refuse_without_consent(agreed)
    frameworks = _frameworks(planned, framework)
    paths = _paths(planned.assignment.id, folder, frameworks, form)
    picture = shown_picture(planned.assignment, planned.cases)
    terms = NotebookTerms(planned.terms.install_line, planned.terms.due, picture)
    texts = {}
    for name, path in zip(frameworks, paths, strict=True):
        notebook = notebook_of(planned.assignment, name, terms, solved=form is not NotebookForm.STUDENTS)
        texts[path] = in_form(notebook, form)
    refuse_others(texts)
    if form is not NotebookForm.SOLVED and picture.png:
        planned.record()
    for path, data in texts.items():
        replace_file(path, data)
    installs = form is NotebookForm.STUDENTS and not planned.terms.install
    wheel = student_wheel(folder / planned.assignment.id) if installs else None
    return (*paths, *([wheel] if wheel else []))


def in_form(notebook: Notebook, form: NotebookForm) -> bytes:
    """The file of a notebook that has the answers where its form does: only nbgrader's keeps the marks around them."""
    return write_notebook(without_marks(notebook) if form is NotebookForm.SOLVED else notebook)


def refuse_others(texts: Mapping[Path, bytes]) -> None:
    """Raise `UserError` where another file lies at one of these paths."""
    for path, data in texts.items():
        if path.exists() and path.read_bytes() != data:
            raise UserError(f"{path} is there already and differs: it may be somebody's work. Name an empty folder")


def _frameworks(planned: PlannedHandout, framework: str) -> Sequence[Framework]:
    """The frameworks of which a notebook can be made.

    Raises:
        UserError: there is none, or the one that was named is not offered.
    """
    assignment = planned.assignment
    if framework:
        chosen = [name for name in assignment.frameworks if name == framework]
        if not chosen:
            raise UserError(f"--framework {framework}: {nearest(framework, assignment.frameworks)}")
        return chosen
    present = [name for name in assignment.frameworks if reference_path(assignment.folder, name).is_file()]
    if not present:
        raise UserError(f"{assignment.folder}: has no reference, which a notebook is cut from. Write one first")
    return present


def _paths(id: str, folder: Path, frameworks: Sequence[Framework], form: NotebookForm) -> Sequence[Path]:
    """Where each notebook belongs; of several, the first has the shortest name."""
    if form is NotebookForm.NBGRADER:
        names = [id, *(f"{id}_{name}" for name in frameworks[1:])]
        return [folder / "source" / id / f"{name}.ipynb" for name in names]
    if form is NotebookForm.SOLVED:
        return [folder / f"{id}_{name}_solved.ipynb" for name in frameworks]
    return [folder / id / name for name in (NOTEBOOK, *(f"solution_{name}.ipynb" for name in frameworks[1:]))]
