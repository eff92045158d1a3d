"""Reads an assignment's folder into an `Assignment`, or raises one error that lists every problem.

The only file of the folder that it imports is `interface.py`, and only if the caller passes the tasks: whoever marks or
hands out trusts the assignment, whoever checks a solution may not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from assignments.assignment import (
    Accuracy,
    AnyAnchors,
    Assignment,
    Cap,
    Data,
    Framework,
    Limits,
    Run,
    Unanchored,
    offered_frameworks,
)
from assignments.baselines import baseline_problems
from assignments.contract_checks import contract_problems
from assignments.declared_tests import DeclaredTest, contract_tests, declared_tests
from assignments.errors import MedmarkError, Problem, UserError, nearest
from assignments.folder_checks import (
    files_problems,
    names_problems,
    scoring_problems,
    tests_problems,
)
from assignments.folders import (
    HANDOUT,
    PROOFS,
    AssignmentError,
    catalogue,
    find,
    in_catalogue,
    lacks_staff_files,
    reference_path,
)
from assignments.public_settings import public_settings
from assignments.rubric_files import with_rubrics
from assignments.this_user import expand_home
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
    "own_files",
    "public_tests",
    "references",
]


def load(
    folder: Path,
    *,
    tasks: Mapping[str, TaskNames] | None = None,
    metrics: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    public: bool = False,
) -> Assignment:
    """The assignment in `folder`.

    `tasks`, `metrics` and `sources` are those that exist, by name. Names of a kind that the caller does not pass stay
    unchecked: the packages that define them import this one. With `tasks`, `interface.py` is imported and must serve
    its task.

    With `public`, what students do not have is not asked for: hidden tests, misconceptions and references.

    Raises:
        AssignmentError: with every problem: its file, key, line and cure.
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
    assignment, problems = check_toml(document, Assignment, {"folder": str(folder), "own_data": None})
    problems += scoring_problems(document)
    if not public and lacks_staff_files(folder):
        what = "its hidden tests and references are not installed: this is medmark as students have it"
        raise AssignmentError([Problem(str(folder), "", None, what, "install them: pip install 'medmark[staff]'")])
    if not public and not (folder / HANDOUT).is_file():
        problems += names_problems(document, folder, tasks=tasks, metrics=metrics, sources=sources)
        problems += tests_problems(document, folder)
        problems += contract_problems(document, tasks, assignment)
        problems += files_problems(document, folder)
        problems += _baseline_problems(document, folder, tasks)
        if tasks is not None:
            from assignments.consistency import declared_problems, derived_problems, source_problems  # import NumPy

            problems += declared_problems(document, folder, tasks, assignment)
            if assignment is not None and not problems:
                problems += derived_problems(assignment)
                problems += source_problems(document, assignment, tasks, reported=sources is not None)
    if assignment is not None:
        assignment, wrong = with_rubrics(assignment, document)
        problems += wrong
    if assignment is None or problems:
        raise AssignmentError(problems)
    data = assignment.data
    paths = {name: path for name in _PATHS if (path := getattr(data, name)) is not None}
    absolute = {name: (folder / expand_home(path)).resolve() for name, path in paths.items()}
    return assignment.model_copy(update={"data": data.model_copy(update=absolute)})


_PATHS = ("path", "split")
"""Paths in `[data]`, each relative to the file that names it."""


def _baseline_problems(document: Document, folder: Path, tasks: Mapping[str, TaskNames] | None) -> Iterator[Problem]:
    task = (tasks or {}).get(str(document.values.get("task")))
    entry = task.entry if task is not None else "predict"
    return baseline_problems(folder, offered_frameworks(document.values), entry)


def hidden_tests(assignment: Assignment) -> tuple[DeclaredTest, ...]:
    """The contracts of a loaded assignment in the order of its file, then its hidden tests by files and lines."""
    criteria = tuple(item.id for item in assignment.criteria if item.kind == "hidden_tests")
    contracts, wrong = contract_tests(assignment.contracts, criteria)
    tests, problems = declared_tests(
        assignment.folder / "hidden_tests", hidden=True, criteria=criteria, contracts=assignment.contracts
    )
    if problems or wrong:  # the folder was edited since it was loaded
        raise AssignmentError([*wrong, *problems])
    return (*contracts, *tests)


def public_tests(assignment: Assignment) -> tuple[DeclaredTest, ...]:
    """The public tests of a loaded assignment, in the order of files and lines."""
    tests, problems = declared_tests(assignment.folder / "public_tests", hidden=False)
    if problems:
        raise AssignmentError(problems)
    return tests


def references(assignment: Assignment) -> dict[Framework, Path]:
    """The model answers that exist, by framework, in the order of the assignment's `frameworks`."""
    paths = {name: reference_path(assignment.folder, name) for name in assignment.frameworks}
    return {framework: path for framework, path in paths.items() if path.is_file()}


def overridden(
    assignment: Assignment,
    *,
    data: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    anchors: Mapping[str, AnyAnchors] | None = None,
    caps: Mapping[str, tuple[Cap, ...]] | None = None,
    file: Path | None = None,
    key: str = "",
) -> Assignment:
    """The assignment with a course's values for its data, run and limits, and with anchors and caps by criterion.

    Other cases have no anchors and no caps but those that the course sets: the assignment's own were measured on its
    own cases. `file` and `key` say where the course sets them, for the error. A relative `data.path` starts at that
    file's folder.

    Raises:
        AssignmentError: a key does not exist, or a value has the wrong type.
    """
    accuracies = {item.id: item for item in assignment.criteria if isinstance(item, Accuracy)}
    what = "there is no accuracy criterion with this id"
    problems = [
        Problem(str(file), f"{key}.{table}.{id}", None, what, nearest(id, accuracies))
        for table, values in (("anchors", anchors), ("caps", caps))
        for id in values or {}
        if id not in accuracies
    ]
    update: dict[str, Any] = {}
    if data and file is not None:
        data = _course_data(assignment, data, file)
    has_other_cases = bool(data) and _has_other_cases(assignment, data or {})
    if has_other_cases:
        update["own_data"] = assignment.data
    if anchors or caps or has_other_cases:
        update["criteria"] = tuple(
            _scaled(item, anchors or {}, caps or {}, has_other_cases) if isinstance(item, Accuracy) else item
            for item in assignment.criteria
        )
    for name, values in (("data", data), ("run", run), ("limits", limits)):
        if not values:
            continue
        current: Data | Run | Limits = getattr(assignment, name)
        combined = json.dumps({**current.model_dump(mode="json"), **values}, default=str)
        try:
            update[name] = current.model_validate_json(combined, strict=True)
        except ValidationError as error:
            table = ".".join(part for part in (key, name) if part)
            problems += _override_problems(error, type(current), str(file or assignment.folder), table)
    changed = assignment.model_copy(update=update)
    if file is not None and (data or run) and not problems:
        problems += _sharing_problems(changed, str(file), key)
    if problems:
        raise AssignmentError(problems)
    return changed


def _has_other_cases(assignment: Assignment, data: Mapping[str, Any]) -> bool:
    """Whether a course's values for `[data]` take the cases from elsewhere."""
    return any(str(data[name]) != str(getattr(assignment.data, name)) for name in ("source", "path") if name in data)


def _scaled(
    criterion: Accuracy, anchors: Mapping[str, AnyAnchors], caps: Mapping[str, tuple[Cap, ...]], has_other_cases: bool
) -> Accuracy:
    """A criterion with a course's anchors and caps; on other cases, with no others."""
    own: AnyAnchors = criterion.anchors
    if has_other_cases:
        own = Unanchored(better="higher" if own.rising else "lower")
    own_caps = () if has_other_cases else criterion.caps
    scale = {"anchors": anchors.get(criterion.id, own), "caps": caps.get(criterion.id, own_caps)}
    return criterion.model_copy(update=scale)


def _course_data(assignment: Assignment, data: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """A course's values for `[data]`. Another folder has another split, which is kept beside the course's secret."""
    paths = {name: str((file.parent / expand_home(str(data[name]))).resolve()) for name in _PATHS if name in data}
    other: dict[str, Any] = {}
    if data.get("source", assignment.data.source) != assignment.data.source:
        other = {"train": None, "val": 0, "test": None, "redraw": False}
    if {"source", "path"} & data.keys():
        other["split"] = str(file.parent / "hidden" / f"{assignment.id}.split.csv")
    return {**other, **data, **paths}


def _sharing_problems(assignment: Assignment, file: str, key: str) -> list[Problem]:
    """Where a course's values contradict who may have the cases."""
    from assignments.data.sharing import sharing_problems
    from assignments.data.sources import source_of

    if not assignment.has_cases:
        return []
    try:
        contradictions = list(sharing_problems(assignment, source_of(assignment)))
    except MedmarkError:
        return []  # whoever draws the cases reports it; the record of what groups hand in does not wait for the source
    return [Problem(file, f"{key}.{name}", None, what, cure) for name, what, cure in contradictions]


def _override_problems(error: ValidationError, model: type[BaseModel], file: str, table: str) -> Iterator[Problem]:
    """The problems of a course's values for one table of the assignment."""
    for item in error.errors():
        loc = ".".join([table, *(str(part) for part in item["loc"])])
        unknown = item["type"] == "extra_forbidden"
        what = "unknown key" if unknown else item["msg"].removeprefix("Value error, ")
        cure = nearest(str(item["loc"][-1]), model.model_fields) if unknown else ""
        yield Problem(file, loc, None, what, cure)


def folder_digest(assignment: Assignment) -> str:
    """SHA-256 over the names and bytes of the folder's files: groups with equal digests had the same assignment.

    It is published with every handout. So it leaves out what of few subjects could be found by trying: the split, the
    seed of the split, and where the subjects lie.
    """
    total = hashlib.sha256()
    for name, path in own_files(assignment):
        if name.startswith(f"{PROOFS}/"):  # they record what holds of the assignment, and when
            continue
        content = path.read_bytes()
        if name == "assignment.toml":
            with suppress(UserError, UnicodeDecodeError):
                text = content.decode()
                content = content if public_settings(text) == text else public_settings(text).encode()
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def own_files(assignment: Assignment) -> Iterator[tuple[str, Path]]:
    """The files of the folder that make the assignment, by name: without caches, splits, and subjects' own files.

    The digests of cases are part of every result anyway, and a folder of patients may be large.
    """
    folder, data = assignment.folder, assignment.data.path
    apart = {assignment.split_file, folder / "split.csv"}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            continue
        if path not in apart and (data is None or data == folder or not path.is_relative_to(data)):
            yield name.as_posix(), path
