"""Finds the tutorials, and writes their notebooks. `assignments.derived.tutorial` makes each of them.

Their sources hold the answers: they come with the distribution medmark-staff.
"""

from __future__ import annotations

from pathlib import Path

from assignments.derived.tutorial import FRAMEWORKS, Tutorial, read_tutorial, tutorial_notebook
from assignments.errors import UserError, nearest
from assignments.files import replace_file
from assignments.folders import REFERENCES
from graders.authoring.kit_files import KitTerms
from graders.authoring.notebooks import NotebookForm, in_form, refuse_others
from graders.authoring.student_wheel import student_wheel
from graders.version import medmark_version

TUTORIALS = REFERENCES / "tutorials"


def tutorials(folder: Path = TUTORIALS) -> tuple[Tutorial, ...]:
    """All tutorials, in their order.

    Raises:
        UserError: they are not installed.
    """
    paths = sorted(folder.glob("*.py"))
    if not paths:
        raise UserError(
            f"{folder}: has no tutorials. They hold answers, so they come with the staff's package: "
            "pip install 'medmark[staff]'"
        )
    read = [read_tutorial(path.stem, path.read_text(encoding="utf-8"), str(path)) for path in paths]
    return tuple(sorted(read, key=lambda tutorial: tutorial.number))


def write_tutorial(
    name: str, folder: Path, framework: str = "", form: NotebookForm = NotebookForm.STUDENTS
) -> tuple[Path, ...]:
    """Write the notebooks of a tutorial, and for students the wheel that they install; return the files.

    Args:
        framework: Which one; without it, both.
        folder: For nbgrader, a course of nbgrader's, with `source/`.

    Raises:
        UserError: there is no such tutorial or framework, or a notebook lies there that differs.
    """
    by_name = {tutorial.name: tutorial for tutorial in tutorials()}
    if name not in by_name:
        raise UserError(f'There is no tutorial "{name}": {nearest(name, by_name)} List them: medmark tutorial')
    chosen = [each for each in FRAMEWORKS if framework in ("", each)]
    if not chosen:
        raise UserError(f"--framework {framework}: {nearest(framework, FRAMEWORKS)}")
    install = KitTerms(medmark_version()).install_line
    home = folder / "source" / name if form is NotebookForm.NBGRADER else folder
    ending = "_solved" if form is NotebookForm.SOLVED else ""
    texts = {}
    for each in chosen:
        notebook = tutorial_notebook(by_name[name], each, install, solved=form is not NotebookForm.STUDENTS)
        texts[home / f"{name}_{each}{ending}.ipynb"] = in_form(notebook, form)
    refuse_others(texts)
    for path, data in texts.items():
        replace_file(path, data)
    wheel = student_wheel(folder) if form is NotebookForm.STUDENTS else None
    return (*texts, *([wheel] if wheel else []))
