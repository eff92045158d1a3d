"""The notebook of an assignment, made of its brief, its reference, its interface and its public tests.

A cell a function: what students write has a signature and a docstring, what they are given is whole, and each public
test follows the last function that it needs. The notebook holds its interface and its public tests itself, in one
folded cell, so that `check` needs no other file. Cells have nbgrader's metadata. The source form, for nbgrader and for
staff, has the reference between nbgrader's marks.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from assignments.assignment import Assignment, Framework, Person
from assignments.derived.brief import brief_text
from assignments.derived.cutting import CutReference, Piece, cut, quoted
from assignments.derived.interface import Declared, declared_nodes, interface_text
from assignments.drawing.brief_picture import PICTURE, BriefPicture
from assignments.errors import UserError
from assignments.folders import reference_path
from assignments.load import public_tests
from assignments.notebook import CARRIED, NOTEBOOK, UNANSWERED, Notebook, NotebookCell

BEGIN: Final = "### BEGIN SOLUTION"
END: Final = "### END SOLUTION"
KERNEL: Final = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
FOLDED: Final = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
"""Metadata by which Colab, JupyterLab and Jupyter Book fold a cell."""
WIDTH: Final = 100
"""Characters of a line of a comment."""
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
        _text(
            f"## Hand in\n\nSave this notebook as `{assignment.id}/{NOTEBOOK}` in your group's repository, commit and "
            "push. Its imports, functions, classes and constants in capitals are marked; whatever else you tried may "
            f"stay. `medmark check --handin` says what the marker will see. A `{assignment.id}/solution.py` beside it "
            "would count instead: delete it."
        ),
    ]
    return Notebook(tuple(_numbered(cells)), KERNEL)


def _numbered(cells: Sequence[NotebookCell]) -> Iterator[NotebookCell]:
    for number, cell in enumerate(cells, 1):
        if cell.grading is None:
            yield replace(cell, id=f"cell-{number}")
            continue
        own = {**cell.metadata["nbgrader"], "cell_type": cell.kind, "checksum": checksum(cell)}
        id = re.sub(r"[^\w-]", "-", cell.grading.grade_id)[:64]
        yield replace(cell, id=id, metadata={**cell.metadata, "nbgrader": own})


# The beginning: title, picture, how to install, the brief, and what `check` reads


def _introduction(assignment: Assignment, terms: NotebookTerms) -> Iterator[NotebookCell]:
    brief = brief_text(assignment, _embedded(terms.picture))
    title, *sections = re.split(r"^(?=## )", brief, flags=re.MULTILINE)
    due = f"\n\n**Due {terms.due}.**" if terms.due else ""
    yield _text(
        f"{title.strip()}{due}\n\nRun the cells from top to bottom. Below each function, `check` runs a public test on "
        "what you wrote: `:)` passed, `:(` failed, and why."
    )
    yield _ready(
        f"try:\n    import assignments.notebook  # medmark\nexcept ImportError:\n    %{terms.install}", "given-install"
    )
    yield NotebookCell("code", _carried(assignment), metadata=FOLDED | _grading("given-medmark", locked=True))
    yield from map(_text, sections)


def _embedded(picture: BriefPicture) -> str:
    """The Markdown of a picture, with the picture itself in place of its file."""
    data = base64.b64encode(picture.png).decode()
    return picture.markdown.replace(f"]({PICTURE})", f"](data:image/png;base64,{data})")


def _carried(assignment: Assignment) -> str:
    """The cell with the interface and the public tests."""
    paths = sorted((assignment.folder / "public_tests").glob("test_*.py"))
    tests = {path.name: path.read_text(encoding="utf-8") for path in paths}
    doubles = assignment.folder / "doubles.py"
    texts = {"assignment": assignment.id, "interface": interface_text(assignment)}
    if doubles.is_file():
        texts["doubles"] = doubles.read_text(encoding="utf-8")
    lines = [f'    "{key}": {_quoted(text)},' for key, text in texts.items()]
    files = [f'        "{name}": {_quoted(text)},' for name, text in tests.items()]
    return "\n".join([
        "# You are given this cell: the interface and the public tests, which `check` reads. You need not open it.",
        "from assignments.notebook import check",
        "",
        f"{CARRIED} = {{",
        *lines,
        '    "tests": {',
        *files,
        "    },",
        "}",
    ])  # fmt: skip


def _quoted(text: str) -> str:
    """A text as Python, as people read it wherever they can."""
    if "\n" not in text:
        return repr(text)
    return quoted(text) if "'''" in text or text.endswith("\\") else f"r'''{text}'''"


def _answers(assignment: Assignment) -> Iterator[NotebookCell]:
    """A cell for each answer that a person marks: by its id the marker gets it."""
    for criterion in assignment.criteria:
        if isinstance(criterion, Person) and criterion.is_in_notebook:
            yield _text("## Questions\n\nA person marks what you write here.")
            for line in criterion.lines:
                yield _text(f"**{line.title}** ({line.points} points). {line.question}")
                own = _grading(line.id, solution=True, grade=True, points=line.points)
                yield NotebookCell("markdown", UNANSWERED, metadata=own)


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
    yield _ready("\n".join([*imports, "", left.framework]).strip(), "given-imports")
    solution = _Solution(source, exercises, left, imports) if solved else None
    everything = {piece.name for piece in left.pieces if piece.name}
    waiting, present = list(tests), set()
    for piece in _grouped(left.pieces):
        if piece.kind == "rule":
            yield _text(f"## {piece.text.strip('# -=─').capitalize()}")
        elif piece.name in exercises:
            text = piece.text if solution is None else solution.cell(piece)
            yield NotebookCell("code", text, metadata=_grading(piece.name, solution=True))
        else:
            yield _ready(piece.text, f"given-{piece.name}")
        present.add(piece.name)
        for test in [test for test in waiting if test.needs & everything <= present]:
            waiting.remove(test)
            yield _test_cell(test)
    yield from map(_test_cell, waiting)


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


def _test_cell(test: _Test) -> NotebookCell:
    comment = textwrap.fill(test.sentence, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
    source = f'{comment}\ncheck("{test.id}")'
    return NotebookCell(
        "code", source, metadata=_grading(test.id.partition("::")[2], grade=True, locked=True, points=1)
    )


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


def without_marks(notebook: Notebook) -> Notebook:
    """A notebook of the source form as people read it: without nbgrader's marks."""

    def plain(cell: NotebookCell) -> NotebookCell:
        lines = [line for line in cell.source.split("\n") if line.strip() not in (BEGIN, END)]
        return replace(cell, source="\n".join(lines))

    return replace(notebook, cells=tuple(_numbered([plain(cell) for cell in notebook.cells])))


# Cells


def _text(source: str) -> NotebookCell:
    return NotebookCell("markdown", source.strip())


def _ready(source: str, id: str) -> NotebookCell:
    return NotebookCell("code", source, metadata=_grading(id, locked=True))


def _grading(
    id: str, *, solution: bool = False, grade: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    """nbgrader's metadata of a cell, schema 3, without its checksum."""
    own: dict[str, Any] = {
        "grade": grade, "grade_id": id, "locked": locked, "schema_version": 3, "solution": solution, "task": False,
    }  # fmt: skip
    return {"nbgrader": own if points is None else own | {"points": points}}


def checksum(cell: NotebookCell) -> str:
    """nbgrader's checksum of a cell of schema 3, by which it sees that a locked cell was edited.

    Source: nbgrader/utils.py, compute_checksum.
    """
    grading = cell.grading
    if grading is None:
        raise ValueError("nbgrader has no checksum of a cell without metadata of its own")
    locked = not grading.solution and (grading.grade or grading.locked)
    words = [cell.source, cell.kind, *map(str, (grading.grade, grading.solution, locked)), grading.grade_id]
    if grading.grade:
        words.append(str(float(grading.points or 0)))
    return hashlib.md5("".join(words).encode(), usedforsecurity=False).hexdigest()
