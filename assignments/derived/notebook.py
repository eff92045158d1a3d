"""The notebook of an assignment, made of its brief, its reference, its interface and its public tests.

A cell a function: what students write has a signature and a docstring, what they are given is whole, and each public
test follows the last function that it needs. The notebook holds its interface and its public tests itself, in one
folded cell, so that `check` needs no other file. Cells have nbgrader's metadata. The source form, for nbgrader and for
staff, has the reference between nbgrader's marks.
"""

from __future__ import annotations

import ast
import base64
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from assignments.assignment import Assignment, Framework, Person
from assignments.derived.brief import brief_text
from assignments.derived.cutting import CutReference, Piece, cut
from assignments.derived.interface import Declared, declared_nodes, interface_text
from assignments.derived.notebook_cells import (
    BEGIN,
    END,
    KERNEL,
    answer_cell,
    carried_cell,
    exercise_cell,
    install_cell,
    numbered,
    ready_cell,
    test_cell,
    text_cell,
)
from assignments.drawing.brief_picture import PICTURE, BriefPicture
from assignments.errors import UserError
from assignments.folders import reference_path
from assignments.load import public_tests
from assignments.notebook import NOTEBOOK, Notebook, NotebookCell

FORMS: Final = frozenset({"tensors", "gradient"})
"""Attributes of `student` before a function's name."""


@dataclass(frozen=True)
class NotebookTerms:
    """What a course says of an assignment, beside the assignment itself."""

    install: str
    """The line that installs medmark."""
    due: str = ""
    """In words; empty where no course sets it."""
    picture: BriefPicture = field(default_factory=BriefPicture)


def notebook_of(
    assignment: Assignment, framework: Framework, terms: NotebookTerms, *, solved: bool = False
) -> Notebook:
    """The notebook for one framework.

    Args:
        solved: Whether it is the source form, which has the answers: for staff alone.

    Raises:
        UserError: there is no reference for this framework, or no brief.
    """
    path = reference_path(assignment.folder, framework)
    if not path.is_file():
        raise UserError(f"{path} is missing: a notebook is cut from a reference. Write it, or name another --framework")
    source = path.read_text(encoding="utf-8")
    exercises = {name: node for name, node in declared_nodes(assignment).items() if name not in assignment.given}
    left = cut(source, exercises, assignment.given)
    cells = [
        *_introduction(assignment, terms),
        *_of_a_reference(left, source, exercises, _tests(assignment), solved=solved),
        *_answers(assignment),
        text_cell(
            f"## Hand in\n\nSave this notebook as `{assignment.id}/{NOTEBOOK}` in your group's repository, commit and "
            "push. Its imports, functions, classes and constants in capitals are marked; whatever else you tried may "
            f"stay. `medmark check --handin` says what the marker will see. A `{assignment.id}/solution.py` beside it "
            "would count instead: delete it."
        ),
    ]
    return Notebook(tuple(numbered(cells)), KERNEL)


# The beginning: title, picture, how to install, the brief, and what `check` reads


def _introduction(assignment: Assignment, terms: NotebookTerms) -> Iterator[NotebookCell]:
    brief = brief_text(assignment, _embedded(terms.picture))
    title, *sections = re.split(r"^(?=## )", brief, flags=re.MULTILINE)
    due = f"\n\n**Due {terms.due}.**" if terms.due else ""
    yield text_cell(
        f"{title.strip()}{due}\n\nRun the cells from top to bottom. Below each function, `check` runs a public test on "
        "what you wrote: `:)` passed, `:(` failed, and why."
    )
    yield install_cell(terms.install)
    yield _carried(assignment)
    yield from map(text_cell, sections)


def _embedded(picture: BriefPicture) -> str:
    """The Markdown of a picture, with the picture itself in place of its file."""
    data = base64.b64encode(picture.png).decode()
    return picture.markdown.replace(f"]({PICTURE})", f"](data:image/png;base64,{data})")


def _carried(assignment: Assignment) -> NotebookCell:
    """The cell with the interface and the public tests."""
    paths = sorted((assignment.folder / "public_tests").glob("test_*.py"))
    tests = {path.name: path.read_text(encoding="utf-8") for path in paths}
    doubles = assignment.folder / "doubles.py"
    text = doubles.read_text(encoding="utf-8") if doubles.is_file() else ""
    return carried_cell(assignment.id, interface_text(assignment), tests, text)


def _answers(assignment: Assignment) -> Iterator[NotebookCell]:
    """A cell for each answer that a person marks: by its id the marker gets it."""
    for criterion in assignment.criteria:
        if isinstance(criterion, Person) and criterion.is_in_notebook:
            yield text_cell("## Questions\n\nA person marks what you write here.")
            for line in criterion.lines:
                yield text_cell(f"**{line.title}** ({line.points} points). {line.question}")
                yield answer_cell(line.id, line.points)


# The body: the reference, cell by cell


@dataclass(frozen=True)
class _Test:
    """A public test, and the functions that it needs."""

    id: str
    sentence: str
    needs: frozenset[str]


def _tests(assignment: Assignment) -> list[_Test]:
    return [_Test(test.id, test.docstring, _needed(test.source)) for test in public_tests(assignment)]


def _needed(source: str) -> frozenset[str]:
    """The names of the solution that a test calls: `student.f(...)`, `student.tensors.f(...)`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            on = node.value
            if isinstance(on, ast.Attribute) and on.attr in FORMS:
                on = on.value
            if isinstance(on, ast.Name) and on.id == "student":
                names.add(node.attr)
    return frozenset(names)


def _of_a_reference(
    left: CutReference, source: str, exercises: Mapping[str, Declared], tests: Sequence[_Test], *, solved: bool
) -> Iterator[NotebookCell]:
    """A heading for each section, a cell for each function or group of constants, and tests where they can run."""
    imports = _imports(left, source)
    yield ready_cell("\n".join([*imports, "", left.framework]).strip(), "given-imports")
    solution = _Solution(source, exercises, left, imports) if solved else None
    everything = {piece.name for piece in left.pieces if piece.name}
    waiting, present = list(tests), set()
    for piece in _grouped(left.pieces):
        if piece.kind == "rule":
            yield text_cell(f"## {piece.text.strip('# -=─').capitalize()}")
        elif piece.name in exercises:
            text = piece.text if solution is None else solution.cell(piece)
            yield exercise_cell(text, piece.name)
        else:
            yield ready_cell(piece.text, f"given-{piece.name}")
        present.add(piece.name)
        for test in [test for test in waiting if test.needs & everything <= present]:
            waiting.remove(test)
            yield test_cell(test.id, test.sentence)
    yield from (test_cell(test.id, test.sentence) for test in waiting)


def _imports(left: CutReference, source: str) -> Sequence[str]:
    """What given code needs, and the packages of the reference: a notebook begins with these."""
    lines = source.split("\n")
    own = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if all(name.split(".")[0] not in sys.stdlib_module_names for name in names):
                own.append("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    needed = [line for line in left.imports if line.strip("\n") not in own and not _is_part(line, own)]
    return [*(line.strip("\n") for line in needed), *([""] if needed and own else []), *own]


def _is_part(line: str, own: Sequence[str]) -> bool:
    """Whether an import brings nothing that these do not bring: a starter imports fewer names of a module."""
    bound = {alias.asname or alias.name for each in own for alias in _aliases(each)}
    return {alias.asname or alias.name for alias in _aliases(line)} <= bound


def _aliases(line: str) -> Iterator[ast.alias]:
    for node in ast.parse(line.strip()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from node.names


def _grouped(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, with statements that follow each other as one."""
    group: Piece | None = None
    for piece in pieces:
        if group is not None and piece.kind == group.kind == "statement":
            group = replace(group, text=f"{group.text}\n{piece.text}", end=piece.end)
            continue
        if group is not None:
            yield group
        group = piece
    if group is not None:
        yield group


class _Solution:
    """The reference's own code for the cells that students write."""

    def __init__(
        self, source: str, exercises: Mapping[str, Declared], left: CutReference, imports: Sequence[str]
    ) -> None:
        self.lines = source.split("\n")
        self.imports = frozenset(imports)
        self.tree = ast.parse(source)
        self.exercises = exercises
        self.left = left
        at_hand = {line for piece in left.pieces for line in range(piece.line, piece.end + 1)}
        self.first = next((piece.line for piece in left.pieces if piece.name in exercises), 0)
        """The line of the first exercise, which takes what stands before it."""
        self.own = [node for node in self.tree.body if node.lineno not in at_hand and not self._is_at_hand(node)]
        """What a solution has besides: its helpers, and imports that students do not get."""

    def _is_at_hand(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._lines_of(node) in self.imports
        return isinstance(node, ast.Expr) or self._lines_of(node) in self.left.framework

    def _lines_of(self, node: ast.stmt) -> str:
        return "\n".join(self.lines[node.lineno - 1 : node.end_lineno])

    def cell(self, piece: Piece) -> str:
        """The stub of an exercise with the answer between nbgrader's marks, and the helpers that follow it."""
        node = next((each for each in self.tree.body if getattr(each, "name", "") == piece.name), None)
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            raise UserError(f"{piece.name}: the reference imports it, and a notebook needs its code. Define it there")
        if isinstance(node, ast.FunctionDef):
            text = piece.text.removesuffix("raise NotImplementedError").rstrip(" ")
            text += f"    {BEGIN}\n{self._body(node)}"
        else:
            text = self._class(piece.text, node)
        tail = self._tail(node, piece)
        if isinstance(node, ast.ClassDef):
            return f"{text}\n\n\n{BEGIN}\n{tail}\n{END}" if tail else text
        return "\n\n\n".join(filter(None, [text, tail])) + f"\n    {END}"

    def _tail(self, node: ast.FunctionDef | ast.ClassDef, piece: Piece) -> str:
        """What follows an answer: decorators that its stub lacks, and helpers with their imports and constants."""
        text, before = self._around(node), ""
        for helper in self._helpers(piece):
            kind = "definition" if isinstance(helper, Declared) else type(helper).__name__.removesuffix("From")
            gap = "\n" if kind == before != "definition" else "\n\n\n"
            text += (gap if text else "") + self._lines_of(helper)
            before = kind
        return text

    def _body(self, node: ast.FunctionDef) -> str:
        """The lines of a function after its docstring."""
        has_doc = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        body = node.body[1:] if has_doc and len(node.body) > 1 else node.body
        before = node.body[0].end_lineno if body is not node.body else body[0].lineno - 1
        assert before is not None
        return "\n".join(self.lines[before : node.end_lineno]).strip("\n")

    def _class(self, stub: str, node: ast.ClassDef) -> str:
        """The stub of a class, each method with its answer between the marks."""
        methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        parts = re.split(r"(?<=        raise NotImplementedError)", stub)
        filled = []
        for part in parts:
            names = re.findall(r"^    def (\w+)", part, flags=re.MULTILINE)
            if names and names[-1] in methods:
                answer = f"{BEGIN}\n{self._body(methods[names[-1]])}\n        {END}"
                part = part.replace("raise NotImplementedError", answer)
            filled.append(part)
        return "".join(filled)

    def _around(self, node: ast.FunctionDef | ast.ClassDef) -> str:
        """Decorators that a stub lacks, applied to the function."""
        names = [ast.unparse(item) for item in node.decorator_list if not isinstance(item, ast.Name)]
        call = node.name
        for name in reversed(names):
            call = f"{name}({call})"
        return f"{node.name} = {call}" if names else ""

    def _helpers(self, piece: Piece) -> Iterator[ast.stmt]:
        """What the solution has besides, from this exercise's line to the next exercise's."""
        later = [each.line for each in self.left.pieces if each.name in self.exercises and each.line > piece.line]
        end = min(later, default=len(self.lines) + 1)
        start = 0 if piece.line == self.first else piece.line
        yield from (node for node in self.own if start < node.lineno < end)
