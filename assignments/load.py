"""Reads an assignment's folder: assignment.toml and what lies beside it become an Assignment, or one error.

The error lists all that is wrong at once. Nothing of the folder is imported or run here but `interface.py`, and that
only for a caller who gives the tasks: whoever marks or hands out trusts the assignment, whoever checks may not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from assignments.assignment import Accuracy, Anchors, Assignment, Data, Framework, Limits, Run
from assignments.declared_tests import DeclaredTest, declared_tests
from assignments.errors import Problem, nearest
from assignments.folder_checks import files_problems, kinds_that_need_interface, names_problems, tests_problems
from assignments.folders import HANDOUT, AssignmentError, catalogue, find, in_catalogue, reference_path
from assignments.this_user import expanded
from assignments.toml_errors import Document, TomlErrors, check_toml, read_toml

if TYPE_CHECKING:
    from assignments.interface_checks import TaskNames

__all__ = [
    "AssignmentError",
    "DeclaredTest",
    "catalogue",
    "find",
    "folder_digest",
    "hidden_tests",
    "in_catalogue",
    "load",
    "overridden",
    "public_tests",
    "references",
]


def load(
    folder: Path,
    *,
    tasks: Mapping[str, TaskNames] | None = None,
    metrics: Collection[str] | None = None,
    sources: Collection[str] | None = None,
) -> Assignment:
    """The assignment in `folder`.

    `tasks`, `metrics` and `sources` are those that exist, by name; a caller who gives none leaves those names
    unchecked, because the families that define them live above this package. With `tasks`, `interface.py` is
    imported, and has to fit what its task asks.

    Raises:
        AssignmentError: with every problem at once: file, key, line, what and the cure.
    """
    folder = folder.resolve()
    path = folder / "assignment.toml"
    if not path.is_file():
        what = "is missing" if folder.is_dir() else "there is no such folder"
        cure = "name a folder with an assignment.toml, or an id of the catalogue: " + ", ".join(catalogue())
        raise AssignmentError([Problem(str(path), "", None, what, cure)])
    try:
        document = read_toml(path)
    except TomlErrors as error:
        raise AssignmentError(error.problems) from None
    assignment, problems = check_toml(document, Assignment, {"folder": str(folder)})
    if not (folder / HANDOUT).is_file():
        problems += names_problems(document, folder, tasks=tasks, metrics=metrics, sources=sources)
        problems += tests_problems(document, folder)
        problems += files_problems(document, folder)
        if tasks is not None and kinds_that_need_interface(document) and (folder / "interface.py").is_file():
            problems += _interface_problems(document, folder, tasks)
    if assignment is None or problems:
        raise AssignmentError(problems)
    data = assignment.data
    if data.path is not None:
        data = data.model_copy(update={"path": (folder / expanded(data.path)).resolve()})
    return assignment.model_copy(update={"data": data})


def _interface_problems(document: Document, folder: Path, tasks: Mapping[str, TaskNames]) -> list[Problem]:
    from assignments.interface_checks import interface_problems  # jaxtyping and NumPy, for those who need them

    task, data = document.values.get("task"), document.values.get("data")
    asked = tasks.get(task) if "accuracy" in kinds_that_need_interface(document) and isinstance(task, str) else None
    per_call = data.get("per_call", 1) if isinstance(data, dict) else 1
    return interface_problems(folder / "interface.py", asked, per_call)


def hidden_tests(assignment: Assignment) -> tuple[DeclaredTest, ...]:
    """The hidden tests of a loaded assignment, in the order of files and lines."""
    criteria = tuple(item.id for item in assignment.criteria if item.kind == "hidden_tests")
    tests, problems = declared_tests(assignment.folder / "hidden_tests", hidden=True, criteria=criteria)
    if problems:  # the folder was edited since it was loaded
        raise AssignmentError(problems)
    return tests


def public_tests(assignment: Assignment) -> tuple[DeclaredTest, ...]:
    """The public tests of a loaded assignment, in the order of files and lines."""
    tests, problems = declared_tests(assignment.folder / "public_tests", hidden=False)
    if problems:
        raise AssignmentError(problems)
    return tests


def references(assignment: Assignment) -> dict[Framework, Path]:
    """The model answers there are, framework by framework, in the order the assignment names them."""
    paths = {name: reference_path(assignment.folder, name) for name in assignment.frameworks}
    return {framework: path for framework, path in paths.items() if path.is_file()}


def overridden(
    assignment: Assignment,
    *,
    data: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    anchors: Mapping[str, Anchors] | None = None,
    file: Path | None = None,
    key: str = "",
) -> Assignment:
    """The assignment with a course's own values for its data, run and limits, and anchors by accuracy criterion.

    `file` and `key` are where the course says so, for the error; a relative `data.path` starts at that file's
    folder.

    Raises:
        AssignmentError: a key that does not exist, or a value of the wrong type.
    """
    changed: dict[str, Any] = {}
    problems: list[Problem] = []
    accuracies = {item.id: item for item in assignment.criteria if isinstance(item, Accuracy)}
    for id in anchors or {}:
        if id not in accuracies:
            what = "no accuracy criterion of that id"
            problems.append(Problem(str(file), f"{key}.anchors.{id}", None, what, nearest(id, accuracies)))
    if anchors:
        changed["criteria"] = tuple(
            item.model_copy(update={"anchors": anchors[item.id]}) if item.id in anchors else item
            for item in assignment.criteria
        )
    tables: tuple[tuple[str, type[Data] | type[Run] | type[Limits], Mapping[str, Any] | None], ...] = (
        ("data", Data, data),
        ("run", Run, run),
        ("limits", Limits, limits),
    )
    for name, model, values in tables:
        if not values:
            continue
        now: BaseModel = getattr(assignment, name)
        values = dict(values)
        if name == "data" and "path" in values and file is not None:
            values["path"] = str((file.parent / expanded(str(values["path"]))).resolve())
        try:
            given = json.dumps({**now.model_dump(mode="json"), **values}, default=str)
            changed[name] = model.model_validate_json(given, strict=True)
        except ValidationError as error:
            where = ".".join(part for part in (key, name) if part)
            for item in error.errors():
                loc = ".".join([where, *(str(part) for part in item["loc"])])
                unknown = item["type"] == "extra_forbidden"
                what = "unknown key" if unknown else item["msg"].removeprefix("Value error, ")
                cure = nearest(str(item["loc"][-1]), model.model_fields) if unknown else ""
                problems.append(Problem(str(file or assignment.folder), loc, None, what, cure))
    if problems:
        raise AssignmentError(problems)
    return assignment.model_copy(update=changed)


def folder_digest(assignment: Assignment) -> str:
    """SHA-256 over the folder's files, names and bytes: two equal digests asked the same of two groups."""
    total = hashlib.sha256()
    for path in sorted(assignment.folder.rglob("*")):
        name = path.relative_to(assignment.folder)
        if not path.is_file() or any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            continue
        if name.as_posix() == "rehearsal.json":  # it says when, and asks nothing
            continue
        body = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{name.as_posix()}\0{body}\n".encode())
    return total.hexdigest()
