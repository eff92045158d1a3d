"""Checks an assignment's folder beyond the types of its keys, for `assignments.load`.

Each function accepts a TOML file that has other errors too, so that the author sees all problems at once. Test modules
and Python files are read as text: nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from assignments.assignment import offered_frameworks
from assignments.caps import parse_condition
from assignments.contract_checks import sound_terms
from assignments.data.source_names import is_own, old_name
from assignments.declared_tests import DeclaredTest, contract_tests, declared_tests
from assignments.errors import Problem, nearest
from assignments.folders import in_catalogue, reference_path
from assignments.metric_names import metric_form
from assignments.toml_errors import Document

_DOUBLES_AT_MOST = 0.20
"""Share of a criterion that tests with a double may earn: the class of a double runs beside the student's code."""

_CURES = {
    "brief.md": "describe the task for the students on a page",
    "interface.py": "declare each function that the marker calls, with types",
    "hidden_tests": "write hidden_tests/test_*.py",
    "public_tests": "write public_tests/test_*.py, which students run themselves",
    "misconceptions.toml": "list the mistakes that the hidden tests should catch",
}


def names_problems(
    document: Document,
    folder: Path,
    *,
    tasks: Collection[str] | None,
    metrics: Collection[str] | None,
    sources: Collection[str] | None,
) -> list[Problem]:
    """Names of tasks, metrics and sources that do not exist."""
    problems = _name_problems(document, folder, ("task",), "task", tasks)
    problems += _source_problems(document, folder, sources)
    for index, criterion in _tables(document, "criterion"):
        if criterion.get("kind") == "accuracy":
            problems += _metric_problems(document, folder, ("criterion", index), criterion, metrics)
    return problems


def scoring_problems(document: Document) -> list[Problem]:
    """What an accuracy criterion needs and the file lacks. Without one, an assignment needs neither task nor data."""
    if "accuracy" not in kinds_that_need_interface(document):
        return []
    cures = {"task": "add task = ...", "data": "add a table [data]", "run": "add a table [run]"}
    lacking = [(key, cure) for key, cure in cures.items() if key not in document.values]
    what = "is missing: an accuracy criterion scores the task's predictions for the data's cases"
    return [document.problem((key,), what, cure) for key, cure in lacking]


def _source_problems(document: Document, folder: Path, sources: Collection[str] | None) -> list[Problem]:
    """A source that does not exist, or is named as an earlier medmark did. What a file defines is not read here."""
    data = document.values.get("data")
    name = data.get("source") if isinstance(data, dict) else None
    if not isinstance(name, str) or not is_own(name):
        return _name_problems(document, folder, ("data", "source"), "source", sources)
    if ":" in name:
        return [document.problem(("data", "source"), *old_name(name))]
    path = folder / name
    if not path.is_file():
        return [document.problem(("data", "source"), f"there is no {name} in the assignment's folder", f"add {path}")]
    defined = _defined(path)
    return [defined] if isinstance(defined, Problem) else []


def _metric_problems(
    document: Document,
    folder: Path,
    table: tuple[str, int],
    criterion: dict[str, Any],
    metrics: Collection[str] | None,
) -> list[Problem]:
    """Metrics that do not exist, in one accuracy criterion: its own, those of `also` and those of its caps."""
    problems = _name_problems(document, folder, (*table, "metric"), "metric", metrics)
    also = criterion.get("also")
    for number in range(len(also) if isinstance(also, list) else 0):
        problems += _name_problems(document, folder, (*table, "also", number), "metric", metrics)
    caps = criterion.get("caps")
    for number, cap in enumerate(caps if isinstance(caps, list) else ()):
        when = cap.get("when") if isinstance(cap, dict) else None
        try:
            name = parse_condition(str(when)).metric
        except ValueError:
            continue  # the model reports it
        if metrics is not None and not _exists(name, metrics) and ":" not in name:
            loc = (*table, "caps", number, "when")
            problems.append(document.problem(loc, f'there is no metric "{name}"', nearest(name, metrics)))
    return problems


def _name_problems(
    document: Document, folder: Path, loc: tuple[str | int, ...], kind: str, names: Collection[str] | None
) -> list[Problem]:
    """The problem of one name, if any: it does not exist, or it is a `file.py:function` that does not."""
    value: Any = document.values
    for part in loc:
        if isinstance(value, dict):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, list) and isinstance(part, int) else None
    if not isinstance(value, str):
        return []
    if ":" not in value:
        if names is None or _exists(value, names):
            return []
        return [document.problem(loc, f'there is no {kind} "{value}"', nearest(value, names))]
    if kind == "task":
        return [document.problem(loc, f'there is no task "{value}"', nearest(value, names or ()))]
    file, _, function = value.partition(":")
    path = folder / file
    if not path.is_file():
        return [document.problem(loc, f"there is no {file} in the assignment's folder", f"add {path}")]
    defined = _defined(path)
    if isinstance(defined, Problem):
        return [defined]
    if function not in defined:
        return [document.problem(loc, f"{file} does not define {function}", nearest(function, defined))]
    return []


def _exists(name: str, names: Collection[str]) -> bool:
    return metric_form(name) in {metric_form(other) for other in names}


def tests_problems(document: Document, folder: Path) -> list[Problem]:
    """Problems of hidden and public tests, and points that do not add up."""
    criteria = {
        str(item.get("id")): (index, item)
        for index, item in _tables(document, "criterion")
        if item.get("kind") == "hidden_tests"
    }
    terms = sound_terms(document)
    own_tests, module_problems = declared_tests(
        folder / "hidden_tests", hidden=True, criteria=tuple(criteria), contracts=terms
    )
    tests = (*contract_tests(terms, tuple(criteria))[0], *own_tests)
    problems = [*module_problems, *_same_ids(document)]
    if tests and not criteria:
        cure = 'add [[criterion]] with id = "tests", kind = "hidden_tests" and their points'
        what = "no criterion gives the tests in hidden_tests/ and [contracts] their points"
        problems.append(document.problem((), what, cure))
    for test in own_tests:
        if test.trains and "trained" not in document.values:
            what = f"is missing, and {test.id} uses trained"
            problems.append(document.problem(("trained",), what, "add [trained] with cases = 48, budget_s = 10"))
    for name, (index, item) in criteria.items():
        points = item.get("points")
        if type(points) is int:  # else the model reports it
            own = [test for test in tests if test.criterion == name]
            problems += _points_problems(document, ("criterion", index, "points"), points, own)
    problems += declared_tests(folder / "public_tests", hidden=False)[1]
    return problems


def _points_problems(
    document: Document, loc: tuple[str | int, ...], points: int, tests: Sequence[DeclaredTest]
) -> list[Problem]:
    """Problems of a criterion's points: its tests do not add up to them, or doubles earn too many."""
    problems: list[Problem] = []
    total = sum(test.points for test in tests)
    if not tests:
        cure = "write hidden_tests/test_*.py or [contracts], or remove the criterion"
        problems.append(document.problem(loc, f"is {points}, but no hidden test earns these points", cure))
    elif total != points:
        what = f"is {points}, but the points of its {len(tests)} hidden tests add up to {total}"
        cure = f"write points = {total}, or change @pytest.mark.points or [contracts]"
        problems.append(document.problem(loc, what, cure))
    with_double = [test for test in tests if test.doubles]
    share = sum(test.points for test in with_double)
    if share > _DOUBLES_AT_MOST * points:
        what = f"tests with student.double earn {share} of {points} points; 20 % is the most"
        cure = "give these fewer points: " + ", ".join(test.id for test in with_double)
        problems.append(document.problem(loc, what, cure))
    return problems


def _same_ids(document: Document) -> list[Problem]:
    """Criteria with the same id."""
    problems: list[Problem] = []
    ids: set[str] = set()
    for index, criterion in _tables(document, "criterion"):
        id = criterion.get("id")
        if isinstance(id, str) and id in ids:
            what = f'is the id of a second criterion "{id}"'
            problems.append(document.problem(("criterion", index, "id"), what, "give each criterion its own id"))
        ids.add(str(id))
    return problems


def kinds_that_need_interface(document: Document) -> set[str]:
    """Kinds of the assignment's criteria that call what `interface.py` declares."""
    return {"hidden_tests", "accuracy"} & {str(item.get("kind")) for _, item in _tables(document, "criterion")}


def files_problems(document: Document, folder: Path) -> list[Problem]:
    """Required files that are missing."""
    kinds = kinds_that_need_interface(document)
    has_tests = "hidden_tests" in kinds
    required = ["brief.md"]
    required += ["interface.py"] if kinds and not _is_interface_derived(document, folder) else []
    required += ["hidden_tests"] if has_tests and not document.values.get("contracts") else []
    if in_catalogue(folder):
        required += ["public_tests"]
        required += ["misconceptions.toml"] if has_tests else []
    problems = [
        Problem(str(folder / name), "", None, "is missing", _CURES[name])
        for name in required
        if not (folder / name).exists()
    ]
    if (folder / "starter").is_dir() and not (folder / "starter" / "solution.py").is_file():
        cure = "write the file that a group starts from"
        problems.append(Problem(str(folder / "starter" / "solution.py"), "", None, "is missing", cure))
    if in_catalogue(folder):
        for framework in offered_frameworks(document.values):
            path = reference_path(folder, framework)
            if not path.is_file():
                problems.append(Problem(str(path), "", None, "is missing", "write the reference solution"))
    return problems


def _is_interface_derived(document: Document, folder: Path) -> bool:
    """Whether a folder has no interface.py and needs none: what an accuracy criterion calls follows from the data."""
    if (folder / "interface.py").is_file() or "accuracy" not in kinds_that_need_interface(document):
        return False
    from assignments.data.sources import are_arrays_declared  # imports NumPy, which not all callers need

    data = document.values.get("data")
    return isinstance(data, dict) and are_arrays_declared(str(data.get("source")))


def _tables(document: Document, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The `[[name]]` tables, with their indices, of a file that may have other errors."""
    value = document.values.get(name)
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def _defined(path: Path) -> set[str] | Problem:
    """Names of the functions, classes and values at the top level of a Python file."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except SyntaxError as error:
        return Problem(str(path), "", error.lineno, f"is not valid Python: {error.msg}", "correct the syntax")
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names
