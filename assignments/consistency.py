"""Checks whether an assignment's files agree: interface, task, data, references and brief, for `assignments.load`.

It imports `interface.py` and a source of the author's own, so it is for callers who trust the assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assignments.arrays_checks import arrays_problems
from assignments.assignment import Accuracy, Assignment
from assignments.data.misfits import spacing_misfits
from assignments.data.sharing import sharing_problems
from assignments.data.sources import source_of
from assignments.derived.brief import brief_text
from assignments.derived.interface import lacks, solution_interface
from assignments.derived.starter import starter_problems
from assignments.errors import MedmarkError, Problem
from assignments.folder_checks import kinds_that_need_interface
from assignments.folders import AssignmentError
from assignments.interface import Interface, read_interface
from assignments.interface_checks import TaskNames, interface_problems
from assignments.toml_errors import Document


def declared_problems(
    document: Document, folder: Path, tasks: Mapping[str, TaskNames], assignment: Assignment | None
) -> list[Problem]:
    """Problems of `interface.py` and of what is derived beside it.

    Where the rest of the folder, or its source, cannot be read, nothing is derived: only the file itself is checked.
    """
    kinds = kinds_that_need_interface(document)
    if not kinds:
        return []
    name, data = document.values.get("task"), document.values.get("data")
    task = tasks.get(name) if "accuracy" in kinds and isinstance(name, str) else None
    per_call = data.get("per_call", 1) if isinstance(data, dict) else 1
    path = folder / "interface.py"
    try:
        interface = _declared(assignment) if assignment is not None else None
        if interface is None:
            if not path.is_file():
                return []
            interface = read_interface(path)
            task = task if task is not None and not lacks(path.read_text(encoding="utf-8"), task.entry) else None
    except AssignmentError as error:
        return list(error.problems)
    return interface_problems(path, interface, task, per_call)


def _declared(assignment: Assignment) -> Interface | None:
    """What a solution defines; None where the source cannot be read, which `source_problems` reports."""
    try:
        return solution_interface(assignment)
    except AssignmentError:
        raise
    except MedmarkError:
        return None


def derived_problems(assignment: Assignment) -> list[Problem]:
    """What is wrong with what is derived of a folder that is sound otherwise: its starter and its brief."""
    problems = [Problem(file, "given", None, what, cure) for file, what, cure in starter_problems(assignment)]
    try:
        brief_text(assignment)
        brief_text(assignment.model_copy(update={"own_data": assignment.data}))  # as with the cases of a course
    except AssignmentError as error:
        problems += error.problems
    except MedmarkError:
        pass  # its source cannot be read, which `source_problems` reports
    return problems


def source_problems(
    document: Document, assignment: Assignment, tasks: Mapping[str, TaskNames], *, reported: bool
) -> list[Problem]:
    """What the source contradicts: who may have its cases, and, where it need not be opened, `interface.py`.

    A source that cannot be read is `reported` only to whoever looks up sources: the record of what groups hand in does
    not wait for it.
    """
    if not assignment.has_cases:
        return []
    try:
        source = source_of(assignment)
    except MedmarkError as error:
        where = Problem(str(document.path), "data.source", document.line_of(("data", "source")), str(error), "")
        return [where] if reported else []
    problems = [
        document.problem(tuple(key.split(".")), what, cure) for key, what, cure in sharing_problems(assignment, source)
    ]
    task = tasks.get(assignment.task)
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    if source.declared is not None:  # else `checked_cases` looks, when the folder has been read
        misfits = spacing_misfits(assignment, source.declared)
        problems += [document.problem(("data", "source"), what, cure) for what, cure in misfits]
    if scored and task is not None and source.declared is not None:
        interface = solution_interface(assignment)
        problems += arrays_problems(assignment.folder / "interface.py", interface, task, source.declared)
    return problems
