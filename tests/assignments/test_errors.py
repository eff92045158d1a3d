"""One tree of errors: the type of an error says whether it is the user's mistake."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cli
from assignments.errors import MedmarkError, UserError, nearest
from assignments.folders import AssignmentError
from assignments.toml_errors import TomlErrors
from graders.course.course import CourseError
from graders.failures import EngineFailure, NonFiniteAnswer, Stopped

ROOT = Path(__file__).parents[2]


def test_an_unknown_name_gets_the_nearest_or_all() -> None:
    assert nearest("dise", ["dice", "iou"]) == 'did you mean "dice"?'
    assert nearest("hausdorff", ["iou", "dice"]) == "use one of: dice, iou"
    assert nearest("grace", ["grace_minutes", "weight"]) == 'did you mean "grace_minutes"?'


@pytest.mark.parametrize("of_a_file", [TomlErrors, AssignmentError, CourseError])
def test_an_error_in_a_file_is_a_user_error(of_a_file: type[Exception]) -> None:
    assert issubclass(of_a_file, UserError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("no course here"), 2),
        (TomlErrors([]), 2),
        (EngineFailure("the daemon is away"), 3),
        (NonFiniteAnswer("nan"), 3),
        (Stopped("stopped; go on"), 130),
    ],
)
def test_the_exit_code_follows_from_the_type(error: MedmarkError, code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        cli._explain(error)
    assert ended.value.code == code


def test_an_error_of_another_library_with_the_name_of_a_medmark_error_is_a_defect() -> None:
    other = type("Stopped", (Exception,), {})
    with pytest.raises(other):
        cli._explain(other("of another library"))


CAUGHT = {"_DeclarationError", "UnreadableTable", "Malformed", "WrongAddress", "_WrongCell", "NotANotebook", "_Again"}
"""Their callers turn them into an error of the tree that names the file or the document. `NotANotebook` is raised
behind the wall too, by the same text."""


def test_every_error_of_medmark_is_in_the_tree() -> None:
    """An exception with another root would end a command in a traceback. Code behind the wall cannot import it."""
    roots = set()
    for package in ("assignments", "graders", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            if {"catalogue", "inside", "groups"} & set(path.parts):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base) for base in node.bases}
                    builtin = {"Exception", "ValueError", "RuntimeError", "KeyError", "OSError", "TypeError"}
                    roots |= {node.name} if bases & builtin else set()
    assert roots - CAUGHT == {"MedmarkError"}
