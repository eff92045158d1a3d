"""The brief that students read: `brief.md`, in which `{{ functions }}`, `{{ marking }}` and `{{ data }}` are filled in.

A course may set other cases than the assignment's own. So what a brief says of its own cases stands between
`{% if own_cases %}` and `{% else %}`, and `{{ cases }}` says what there is to say of others.

It is a template of Jinja. A brief without `{{` and `{%` comes out byte for byte as it is, and so does that of a
handout, which holds the filled text. `{{ picture }}` is filled in by whoever has the cases to draw.
"""

from __future__ import annotations

import ast
import copy
import re
import traceback
from collections.abc import Collection, Iterator

from assignments.assignment import Assignment
from assignments.derived.cases_text import case_counts, cases_text
from assignments.derived.data_table import data_table
from assignments.derived.interface import declared_nodes
from assignments.derived.marking_table import marking_table
from assignments.errors import Problem, UserError, nearest
from assignments.folders import HANDOUT, AssignmentError

BRIEF = "brief.md"
_TEMPLATE = "<template>"
"""What Jinja calls a template that it did not read from a file."""


def brief_text(assignment: Assignment, picture: str = "") -> str:
    """The brief as students read it.

    Args:
        picture: Markdown for `{{ picture }}` (`assignments.drawing.brief_picture`); without it there is none.

    Raises:
        AssignmentError: the template has an error, which is named with its line.
        UserError: there is no brief, or it cannot be read.
    """
    text = _template(assignment)
    if (assignment.folder / HANDOUT).is_file() or not ("{{" in text or "{%" in text):
        return text
    return _filled(assignment, text, picture)


def shows_picture(assignment: Assignment) -> bool:
    """Whether the brief has `{{ picture }}`.

    Raises:
        UserError: there is no brief, or it cannot be read.
    """
    return re.search(r"\{\{-?\s*picture\b", _template(assignment)) is not None


def _template(assignment: Assignment) -> str:
    path = assignment.folder / BRIEF
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; put it back, and run the same command again") from None
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text: see byte {error.start}"
        raise AssignmentError([Problem(str(path), "", None, what, "save it as UTF-8")]) from None


def _filled(assignment: Assignment, text: str, picture: str) -> str:
    from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError  # briefs without need no Jinja

    tables: dict[str, object] = {
        "functions": "\n".join(_functions(assignment)),
        "picture": picture,
        "marking": marking_table(assignment),
        "data": data_table(assignment),
        "own_cases": assignment.own_data is None,
        "cases": cases_text(assignment),
        "mode": assignment.run.mode,
        **{str(part): count for part, count in case_counts(assignment).items()},
    }
    try:
        # Markdown, of which nothing is escaped: an author writes it, and it is never shown as markup of a page.
        template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text)
        return template.render(tables)
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, TemplateSyntaxError):
            line: int | None = error.lineno
        else:
            lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == _TEMPLATE]
            line = lines[-1] if lines else None
        what = f"cannot be filled in: {error}"
        cure = f"{_cure(str(error), tables)}, or write {{% raw %}} around text that has {{{{ of its own"
        raise AssignmentError([Problem(str(assignment.folder / BRIEF), "", line, what, cure)]) from None


def _cure(error: str, tables: Collection[str]) -> str:
    name = error.split("'")[1] if error.count("'") >= 2 else ""
    return nearest(name, tables) if name.isidentifier() and "undefined" in error else "correct the template"


def _functions(assignment: Assignment) -> Iterator[str]:
    """A table of what a solution defines: name with arguments, and the first paragraph of the docstring."""
    yield from ("| function | what it does |", "|---|---|")
    for node in declared_nodes(assignment).values():
        mark = " (you are given it)" if node.name in assignment.given else ""
        if isinstance(node, ast.FunctionDef):
            yield _row(f"{node.name}({_arguments(node)})", f"{_summary(node)}{mark}")
            continue
        methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        init = methods.pop("__init__", None)
        yield _row(f"{node.name}({_arguments(init, 1) if init is not None else ''})", f"{_summary(node)}{mark}")
        for name, method in methods.items():
            if not name.startswith("_"):
                yield _row(f"{node.name}.{name}({_arguments(method, 1)})", _summary(method))


def _row(call: str, text: str) -> str:
    cells = (f"`{call}`", text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _summary(node: ast.FunctionDef | ast.ClassDef) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def _arguments(node: ast.FunctionDef, skipped: int = 0) -> str:
    """The arguments without their types; a method's without `self`."""
    arguments = copy.deepcopy(node.args)
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    positional = arguments.posonlyargs or arguments.args
    del positional[:skipped]
    return ast.unparse(arguments)
