"""What can be wrong with an assignment's folder beyond the types of its keys; read by `assignments.load`.

Each function reads a TOML file that may be wrong in other ways too, so that all problems come at once. Test
modules and Python files are read as text: nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path
from typing import Any

from assignments.caps import parse_condition
from assignments.declared_tests import declared_tests
from assignments.errors import Problem, nearest
from assignments.folders import in_catalogue, reference_path
from assignments.metric_names import metric_form
from assignments.toml_errors import Document

_DOUBLES_AT_MOST = 0.20
"""Share of a criterion that tests with a double may earn: a double's class runs beside the student's code."""

_CURES = {
    "brief.md": "say in a page what is asked, for the students",
    "interface.py": "declare each function that a test asks, with types",
    "hidden_tests": "write hidden_tests/test_*.py",
    "starter": "write starter/solution.py, the file that a group starts from",
    "public_tests": "write public_tests/test_*.py, which students run themselves",
    "misconceptions.toml": "write the mistakes that the hidden tests are to catch",
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
    problems = _named(document, folder, ("task",), "task", tasks)
    problems += _named(document, folder, ("data", "source"), "source", sources)
    for index, criterion in _tables(document, "criterion"):
        if criterion.get("kind") != "accuracy":
            continue
        at = ("criterion", index)
        problems += _named(document, folder, (*at, "metric"), "metric", metrics)
        also = criterion.get("also")
        for number in range(len(also) if isinstance(also, list) else 0):
            problems += _named(document, folder, (*at, "also", number), "metric", metrics)
        caps = criterion.get("caps")
        for number, cap in enumerate(caps if isinstance(caps, list) else ()):
            when = cap.get("when") if isinstance(cap, dict) else None
            try:
                name = parse_condition(str(when)).metric
            except ValueError:
                continue  # the model says so already
            if metrics is not None and not _known(name, metrics) and ":" not in name:
                place = (*at, "caps", number, "when")
                problems.append(document.problem(place, f'no metric "{name}"', nearest(name, metrics)))
    return problems


def _named(
    document: Document, folder: Path, loc: tuple[str | int, ...], kind: str, known: Collection[str] | None
) -> list[Problem]:
    """What is wrong with one name: not known, or a `file.py:function` that is not there."""
    value: Any = document.values
    for part in loc:
        if isinstance(value, dict):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, list) and isinstance(part, int) else None
    if not isinstance(value, str):
        return []
    if ":" not in value:
        if known is None or _known(value, known):
            return []
        return [document.problem(loc, f'no {kind} "{value}"', nearest(value, known))]
    if kind == "task":
        return [document.problem(loc, f'no task "{value}"', nearest(value, known or ()))]
    file, _, function = value.partition(":")
    path = folder / file
    if not path.is_file():
        return [document.problem(loc, f"there is no {file} in the assignment's folder", f"add {path}")]
    names = _defined(path)
    if isinstance(names, Problem):
        return [names]
    if function not in names:
        return [document.problem(loc, f"{file} defines no {function}", nearest(function, names))]
    return []


def _known(name: str, names: Collection[str]) -> bool:
    return metric_form(name) in {metric_form(known) for known in names}


def tests_problems(document: Document, folder: Path) -> list[Problem]:
    """What is wrong with hidden and public tests, and points that do not add up."""
    places = {
        str(item.get("id")): (index, item)
        for index, item in _tables(document, "criterion")
        if item.get("kind") == "hidden_tests"
    }
    home = folder / "hidden_tests"
    tests, found = declared_tests(home, hidden=True, criteria=tuple(places))
    problems = [*found, *_same_ids(document)]
    if tests and not places:
        cure = 'add [[criterion]] with id = "tests", kind = "hidden_tests" and their points'
        problems.append(document.problem((), "hidden_tests/ is there, but no criterion is", cure))
    for name, (index, item) in places.items():
        points = item.get("points")
        own = [test for test in tests if test.criterion == name]
        total = sum(test.points for test in own)
        if type(points) is not int:
            continue  # the model says so already
        at = ("criterion", index, "points")
        if not own:
            cure = "write hidden_tests/test_*.py, or take the criterion out"
            problems.append(document.problem(at, f"{points} points, but no hidden test earns them", cure))
        elif total != points:
            what = f"is {points}, but the points of its {len(own)} hidden tests add up to {total}"
            cure = f"write points = {total}, or change @pytest.mark.points"
            problems.append(document.problem(at, what, cure))
        doubles = [test for test in own if test.doubles]
        share = sum(test.points for test in doubles)
        if share > _DOUBLES_AT_MOST * points:
            what = f"tests with student.double earn {share} of {points} points; 20 % is the most"
            cure = "give these fewer points: " + ", ".join(test.id for test in doubles)
            problems.append(document.problem(at, what, cure))
    problems += declared_tests(folder / "public_tests", hidden=False)[1]
    return problems


def _same_ids(document: Document) -> list[Problem]:
    """Criteria with the same id."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, criterion in _tables(document, "criterion"):
        name = criterion.get("id")
        if isinstance(name, str) and name in seen:
            what = f'a second criterion called "{name}"'
            problems.append(document.problem(("criterion", index, "id"), what, "give it an id of its own"))
        seen.add(str(name))
    return problems


def kinds_that_need_interface(document: Document) -> set[str]:
    """Kinds of the criteria that ask what `interface.py` declares."""
    return {"hidden_tests", "accuracy"} & {str(item.get("kind")) for _, item in _tables(document, "criterion")}


def files_problems(document: Document, folder: Path) -> list[Problem]:
    """Files that should be there and are not."""
    kinds = kinds_that_need_interface(document)
    asks = "hidden_tests" in kinds
    wanted = ["brief.md"]
    wanted += ["interface.py"] if kinds else []
    wanted += ["hidden_tests"] if asks else []
    if in_catalogue(folder):
        wanted += ["starter", "public_tests"]
        wanted += ["misconceptions.toml"] if asks else []
    problems = [
        Problem(str(folder / name), "", None, "is missing", _CURES[name])
        for name in wanted
        if not (folder / name).exists()
    ]
    if (folder / "starter").is_dir() and not (folder / "starter" / "solution.py").is_file():
        cure = "write the file that a group starts from"
        problems.append(Problem(str(folder / "starter" / "solution.py"), "", None, "is missing", cure))
    if in_catalogue(folder):
        frameworks = document.values.get("frameworks", ["pytorch", "tensorflow"])
        for framework in frameworks if isinstance(frameworks, list) else ():
            path = reference_path(folder, str(framework))
            if not path.is_file():
                problems.append(Problem(str(path), "", None, "is missing", "write the reference solution"))
    return problems


def _tables(document: Document, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The `[[name]]` tables of a file that may be wrong in other ways."""
    found = document.values.get(name)
    listed = found if isinstance(found, list) else []
    return [(index, item) for index, item in enumerate(listed) if isinstance(item, dict)]


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
