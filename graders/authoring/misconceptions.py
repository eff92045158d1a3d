"""Checks the misconceptions of an assignment against its references, and applies them. `rehearse` runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.errors import Problem, nearest
from assignments.load import AssignmentError, hidden_tests, references
from assignments.misconceptions import (
    MISCONCEPTIONS_FILE,
    Misconception,
    MisconceptionsFile,
    short_edits_problem,
    with_long_edits,
)
from assignments.toml_errors import Document, TomlErrors, check_toml, read_toml
from graders.authoring.anchors import proving_frameworks
from graders.marks.contract_mistakes import contract_misconceptions


def misconceptions(assignment: Assignment) -> tuple[Misconception, ...]:
    """The assignment's misconceptions, each checked against its references, and those that its contracts bring.

    Raises:
        AssignmentError: with every problem of the file.
    """
    path = assignment.folder / MISCONCEPTIONS_FILE
    if not path.is_file():
        brought = contract_misconceptions(assignment)
        if missing := [*_unlisted(assignment, {item.id for item in brought})]:
            raise AssignmentError(missing)
        return brought
    try:
        document = read_toml(path)
    except TomlErrors as error:
        raise AssignmentError(error.problems) from None
    if problems := list(_unreadable(document, assignment)):
        raise AssignmentError(problems)
    file, problems = check_toml(replace(document, values=with_long_edits(document.values)), MisconceptionsFile)
    if file is None:
        raise AssignmentError(problems)
    texts = {name: path.read_text(encoding="utf-8") for name, path in references(assignment).items()}
    tests = [test.id for test in hidden_tests(assignment)]
    seen: set[str] = set()
    for index, item in enumerate(file.misconception):
        at = ("misconception", index)
        if item.id in seen:
            problems.append(document.problem((*at, "id"), f'a second "{item.id}"', "give it an id of its own"))
        seen.add(item.id)
        problems += _unknown_tests(document, index, item, tests)
        problems += _misfits(document, index, _of_references(item, assignment), texts)
    brought = contract_misconceptions(assignment, seen)
    problems += _unlisted(assignment, seen | {item.id for item in brought})
    if problems:
        raise AssignmentError(problems)
    return (*(_of_references(item, assignment) for item in file.misconception), *brought)


def _of_references(item: Misconception, assignment: Assignment) -> Misconception:
    """The misconception with its edits of all references spelt out: of those that have to prove the assignment."""
    proving = [name for name in references(assignment) if name in proving_frameworks(assignment)]
    edits = [
        edit.model_copy(update={"framework": framework})
        for edit in item.edits
        for framework in (proving if edit.framework is None else [edit.framework])
    ]
    return item.model_copy(update={"edits": tuple(edits)})


def write_solution(folder: Path, misconception: Misconception, framework: Framework, reference: Path) -> Path:
    """Write a solution folder that holds the reference with the mistake in it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = misconception.applied(framework, reference.read_text(encoding="utf-8"))
    (folder / "solution.py").write_text(text, encoding="utf-8")
    return folder


def _unreadable(document: Document, assignment: Assignment) -> Iterator[Problem]:
    """Short edits with a mistake, and what may fail: rehearsals record that now."""
    items = document.values.get("misconception")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        if "may_fail" in item:
            cure = f"remove it, and record what fails: medmark rehearse {assignment.id} --record"
            yield document.problem(("misconception", index, "may_fail"), "is recorded, and no longer written", cure)
        if isinstance(item.get("edits"), dict) and (problem := short_edits_problem(item["edits"])):
            yield document.problem(("misconception", index, "edits"), *problem)


def _unlisted(assignment: Assignment, ids: set[str]) -> Iterator[Problem]:
    """Misconceptions that a hidden test names, and that the file does not have."""
    for test in hidden_tests(assignment):
        # A contract names its own mistakes, some of which no reference of this assignment may be able to have.
        for id in () if test.contract else test.mistaken:
            if id not in ids:
                file = assignment.folder / "hidden_tests" / test.id.partition("::")[0]
                what = f'{test.id.partition("::")[2]} names the misconception "{id}", which is not listed'
                yield Problem(str(file), "mistaken", test.line, what, nearest(id, ids))


def _unknown_tests(document: Document, index: int, item: Misconception, tests: list[str]) -> Iterator[Problem]:
    for number, name in enumerate(item.fails):
        if name not in tests:
            at = ("misconception", index, "fails", number)
            yield document.problem(at, f'there is no hidden test "{name}"', nearest(name, tests))


def _misfits(document: Document, index: int, item: Misconception, texts: dict[Framework, str]) -> Iterator[Problem]:
    """Edits that do not apply to the reference they name."""
    for number, edit in enumerate(item.edits):
        if edit.framework is not None and edit.framework not in texts:
            cure = nearest(edit.framework, texts)
            yield document.problem(
                ("misconception", index, "edits", number, "framework"),
                f"there is no reference in {edit.framework}",
                cure,
            )
    for framework, text in texts.items():
        try:
            changed = item.applied(framework, text)
        except ValueError as error:
            cure = "copy the text from the reference, with enough around it to occur once"
            yield document.problem(("misconception", index, "edits"), str(error), cure)
            continue
        if changed == text and item.edits_for(framework):
            at = ("misconception", index, "edits")
            yield document.problem(at, f"changes nothing in the {framework} reference", "replace with other text")
