"""Reads the mistakes that an assignment's hidden tests must catch: small edits of its reference solutions.

Each stands in `misconceptions.toml` with the tests that must fail for it. `graders.authoring.rehearse` runs them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from assignments.assignment import Assignment, Framework, Frozen
from assignments.errors import Problem, nearest
from assignments.load import AssignmentError, hidden_tests, references
from assignments.toml_errors import Document, TomlErrors, check_toml, read_toml


class Edit(Frozen):
    """One replacement in a reference's text."""

    framework: Framework | None = None
    """The reference to edit; without one, every reference."""
    find: str = Field(min_length=1)
    """Text that occurs exactly once in the reference."""
    replace: str


class Misconception(Frozen):
    """One mistake that students make, and what it should cost them."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    """The mistake in a few words."""
    feedback: str = Field("", alias="told")
    """What a tutor says to a student who made it."""
    edits: tuple[Edit, ...] = Field(min_length=1)
    fails: tuple[str, ...] = Field(min_length=1)
    """Ids of the hidden tests that fail for it, in every framework it has edits for."""
    may_fail: tuple[str, ...] = ()
    """Ids of hidden tests that may pass or fail; every other test passes."""

    def edits_for(self, framework: Framework) -> tuple[Edit, ...]:
        """Its edits of one framework's reference; empty if the mistake is impossible there."""
        return tuple(edit for edit in self.edits if edit.framework in (None, framework))

    def applied(self, framework: Framework, text: str) -> str:
        """The reference's text with the mistake in it.

        Raises:
            ValueError: an edit's text does not occur exactly once, or the result is not valid Python.
        """
        for edit in self.edits_for(framework):
            count = text.count(edit.find)
            if count != 1:
                first = edit.find.strip().splitlines()[0] if edit.find.strip() else edit.find
                raise ValueError(f"{first!r} occurs {count} times in the {framework} reference, not once")
            text = text.replace(edit.find, edit.replace)
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise ValueError(f"the edited {framework} reference is not valid Python: {error.msg}") from None
        return text


class _File(Frozen):
    misconception: tuple[Misconception, ...] = ()


def misconceptions(assignment: Assignment) -> tuple[Misconception, ...]:
    """The assignment's misconceptions, each checked against its references; none without the file.

    Raises:
        AssignmentError: with every problem of the file.
    """
    path = assignment.folder / "misconceptions.toml"
    if not path.is_file():
        return ()
    try:
        document = read_toml(path)
    except TomlErrors as error:
        raise AssignmentError(error.problems) from None
    file, problems = check_toml(document, _File)
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
        problems += _misfits(document, index, item, texts)
    if problems:
        raise AssignmentError(problems)
    return file.misconception


def write_solution(folder: Path, misconception: Misconception, framework: Framework, reference: Path) -> Path:
    """Write a solution folder that holds the reference with the mistake in it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = misconception.applied(framework, reference.read_text(encoding="utf-8"))
    (folder / "solution.py").write_text(text, encoding="utf-8")
    return folder


def _unknown_tests(document: Document, index: int, item: Misconception, tests: list[str]) -> Iterator[Problem]:
    for key, names in (("fails", item.fails), ("may_fail", item.may_fail)):
        for number, name in enumerate(names):
            at = ("misconception", index, key, number)
            if name not in tests:
                yield document.problem(at, f'there is no hidden test "{name}"', nearest(name, tests))
            elif key == "may_fail" and name in item.fails:
                yield document.problem(at, f'"{name}" stands in fails too', "remove it from one of the two")


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
