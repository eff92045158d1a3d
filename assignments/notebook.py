"""Jupyter notebooks as data: reads, writes and takes apart `.ipynb` files of versions 4.0 to 4.5.

Nothing of a notebook is run or rendered here. A notebook that was handed in becomes a solution behind the wall, by this
same text: so it needs the standard library alone. Where a notebook may be hostile, nothing in it is believed but its
cells' sources and their order.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

NOTEBOOK: Final = "solution.ipynb"
CARRIED: Final = "MEDMARK"
"""The constant in which a notebook carries its interface and public tests; a solution has no part of it."""
UNANSWERED: Final = "*Write your answer here.*"
"""The text of a cell that a person marks, as it is handed out."""
NOTEBOOK_BYTES: Final = 25_000_000
"""How large a notebook may be, with its outputs."""
SOURCE_CHARACTERS: Final = 250_000
"""Of all code cells together: a tree takes up to a kilobyte of memory for each."""
OWN_IMPORTS: Final = ("assignments", "graders", "reports")
"""medmark itself, which a notebook imports to check its work, and which no sandbox has."""
NOT_PYTHON: Final = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing raises of a text that is not Python, or that is nested too deeply."""
PYTHON_BODIES: Final = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "debug"})
"""Magics of a cell (`%%time`) below which Python stands."""

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})

CellKind = Literal["code", "markdown", "raw"]
KINDS: Final[tuple[CellKind, ...]] = ("code", "markdown", "raw")


class NotANotebook(ValueError):
    """A file that cannot be read as a notebook: the text says why, and what to do."""


@dataclass(frozen=True)
class Grading:
    """What nbgrader's metadata say of a cell."""

    grade_id: str
    solution: bool = False
    """Whether students write it."""
    grade: bool = False
    """Whether it earns points: a test, or with `solution` an answer that a person marks."""
    locked: bool = False
    task: bool = False
    points: float | None = None

    @property
    def is_test(self) -> bool:
        """Whether it tests other cells, so that no student writes it."""
        return self.grade and not self.solution


@dataclass(frozen=True)
class NotebookCell:
    """One cell, without its outputs."""

    kind: CellKind
    source: str
    id: str = ""
    """Of version 4.5; empty in older ones."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Pictures that were pasted into a cell of text: by name and media type, in Base64."""

    @property
    def grading(self) -> Grading | None:
        """nbgrader's metadata; None where there are none, or not as nbgrader writes them."""
        own = self.metadata.get("nbgrader")
        if not isinstance(own, dict) or not isinstance(own.get("grade_id"), str):
            return None
        points = own.get("points")
        return Grading(
            own["grade_id"],
            solution=own.get("solution") is True,
            grade=own.get("grade") is True,
            locked=own.get("locked") is True,
            task=own.get("task") is True,
            points=float(points) if isinstance(points, int | float) and not isinstance(points, bool) else None,
        )


@dataclass(frozen=True)
class Notebook:
    """The cells of a notebook, in their order."""

    cells: tuple[NotebookCell, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """The language that the notebook names, in small letters; `python` where it names none."""
        for key, name in (("kernelspec", "language"), ("language_info", "name")):
            part = self.metadata.get(key)
            language = part.get(name) if isinstance(part, dict) else None
            if isinstance(language, str) and language:
                return language.casefold()
        return "python"

    @property
    def is_python(self) -> bool:
        """Whether its cells are in Python."""
        return self.language in ("python", "ipython")


def read_notebook(data: bytes, name: str = NOTEBOOK) -> Notebook:
    """The notebook that bytes hold.

    Raises:
        NotANotebook: they hold none of version 4, or one that is too large.
    """
    if len(data) > NOTEBOOK_BYTES:
        size, most = len(data) // 1_000_000, NOTEBOOK_BYTES // 1_000_000
        raise NotANotebook(
            f"{name} has {size} MB, and {most} are read: clear its outputs (Clear All Outputs), and save"
        )
    document = _document(data, name)
    version = document.get("nbformat")
    if version != 4 or not isinstance(document.get("cells"), list):
        what = f"of version {version}" if type(version) is int and version != 4 else "not as Jupyter writes it"
        raise NotANotebook(f"{name} is a notebook {what}: open it in Jupyter, and save it again")
    metadata = document.get("metadata")
    cells = tuple(_cell(cell, number, name) for number, cell in enumerate(document["cells"], 1))
    return Notebook(cells, metadata if isinstance(metadata, dict) else {})


def answers_in(notebook: Notebook, ids: Sequence[str]) -> dict[str, str]:
    """What was written in the cells with these ids, nbgrader's or the cells' own; the last cell of an id counts."""
    answers = {cell.grading.grade_id if cell.grading else cell.id: cell.source.strip() for cell in notebook.cells}
    return {id: answers[id] for id in ids if id in answers}


def _document(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise NotANotebook(f"{name} is nested too deeply for a notebook: save it again in Jupyter") from None
    except ValueError as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        cure = "open it in Jupyter, and save it again; <<<<<<< and >>>>>>> are left by a merge in Git"
        raise NotANotebook(f"{name} is not JSON{line}, so nobody can open it: {cure}") from None
    if not isinstance(document, dict) or "nbformat" not in document:
        raise NotANotebook(f"{name} is JSON, but no notebook: save it in Jupyter as .ipynb")
    return document


def _cell(cell: object, number: int, name: str) -> NotebookCell:
    own = cell if isinstance(cell, dict) else {}
    source, kind, metadata, id = (own.get(key) for key in ("source", "cell_type", "metadata", "id"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or kind not in KINDS:
        raise NotANotebook(f"{name}: cell {number} is not as Jupyter writes it: save the notebook again in Jupyter")
    # JSON can name halves of characters, which no file of text can hold.
    text = source.encode("utf-8", "replace").decode("utf-8")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    pictures = {} if kind == "code" else _pictures(own.get("attachments"))
    metadata = metadata if isinstance(metadata, dict) else {}
    return NotebookCell(kind, lines, id if isinstance(id, str) else "", metadata, pictures)


def _pictures(attachments: object) -> dict[str, dict[str, str]]:
    """The pictures among a cell's attachments: of the kinds that can hold no program."""
    pictures = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        kinds = bundle.items() if isinstance(bundle, dict) else ()
        if plain := {kind: data for kind, data in kinds if kind in PICTURES and isinstance(data, str)}:
            pictures[name] = plain
    return pictures


def write_notebook(notebook: Notebook) -> bytes:
    """The notebook as a file of version 4.5, without outputs: equal notebooks give equal bytes."""
    cells = [_written(cell, number) for number, cell in enumerate(notebook.cells, 1)]
    document = {"cells": cells, "metadata": dict(notebook.metadata), "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _written(cell: NotebookCell, number: int) -> dict[str, Any]:
    whole = {
        "cell_type": cell.kind,
        "id": cell.id or f"cell-{number}",
        "metadata": dict(cell.metadata),
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        return whole | {"execution_count": None, "outputs": []}
    return whole | ({"attachments": cell.attachments} if cell.attachments else {})


def check(*tests: str) -> float:
    """Run public tests on the functions of the notebook that calls this, as they are now; how many passed.

    Args:
        tests: Their ids, `test_public.py::test_name` or the name alone; without any, all of them.
    """
    from reports.live_check import check_live  # a student's door to all of medmark, which knows nothing of notebooks

    return check_live(sys._getframe(1).f_globals, tests)


@dataclass(frozen=True)
class Origin:
    """Where a line of a notebook stands: both count from 1, cells of text too."""

    cell: int
    line: int

    def __str__(self) -> str:
        return f"cell {self.cell}, line {self.line}"


@dataclass(frozen=True)
class NotebookSolution:
    """The part of a notebook that is the solution, as one Python source."""

    text: str
    origins: tuple[Origin | None, ...]
    """Of each line of the text; None for a line of medmark's own."""
    notes: tuple[str, ...] = ()
    """What was left out as a matter of course, and which of two definitions counts: each a sentence with its cell."""
    problems: tuple[str, ...] = ()
    """What was left out and will be missed."""


def refuse_long_code(notebook: Notebook, name: str) -> None:
    """Raise `NotANotebook` if the code is too long to parse."""
    if sum(len(cell.source) for cell in notebook.cells if cell.kind == "code") > SOURCE_CHARACTERS:
        raise NotANotebook(f"{name} has more than {SOURCE_CHARACTERS} characters of code: keep data in files")


def cell_tree(source: str) -> ast.Module | None:
    """The tree of a cell without its magics; None if it is not Python."""
    try:
        return _parsed(plain_python(source).text)
    except NOT_PYTHON:
        return None


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def solution_of(notebook: Notebook, name: str = NOTEBOOK) -> NotebookSolution:
    """Definitions, imports, constants in capitals, and everything in cells that nbgrader calls a solution.

    All else is work that a person does in a notebook: plots, tries and checks.

    Raises:
        NotANotebook: it is in another language, or its code is too long.
    """
    if not notebook.is_python:
        raise NotANotebook(f"{name} is in {notebook.language[:40]!r}: only Python is marked")
    refuse_long_code(notebook, name)
    parts = [_part(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.kind == "code"]
    lines: list[str] = []
    origins: list[Origin | None] = []
    for part in parts:
        lines += [f"# cell {part.number}", *part.lines]
        origins += [None, *(Origin(part.number, line) for line in range(1, len(part.lines) + 1))]
    notes = (*(note for part in parts for note in part.notes), *_twice(parts))
    problems = (*(part.problem for part in parts if part.problem), *_lost(parts))
    return NotebookSolution("\n".join(lines) + "\n", tuple(origins), notes, problems)


@dataclass(frozen=True)
class _Part:
    """What one code cell gives."""

    number: int
    lines: tuple[str, ...] = ()
    """Of the cell; those that are left out are empty."""
    solution: tuple[ast.stmt, ...] = ()
    rest: tuple[ast.stmt, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def _part(number: int, cell: NotebookCell) -> _Part:
    grading = cell.grading
    if grading is not None and grading.is_test:
        return _Part(number)
    plain = plain_python(cell.source)
    is_locked = grading is not None and grading.locked
    magics = () if is_locked else plain.magics
    notes = tuple(f"cell {number}, line {magic.line}: {magic.text} is left out" for magic in magics)
    try:
        tree = _parsed(plain.text)
    except NOT_PYTHON as error:
        at = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        why = f"cell {number}{at}: is not Python ({type(error).__name__}), so the whole cell is left out"
        return _Part(number, notes=notes, problem=why)
    whole = grading is not None and grading.solution
    body = [node for node in tree.body if not _is_own_import(node)]
    stays = [whole or _is_of_a_solution(node) for node in body]
    solution = tuple(node for node, stay in zip(body, stays, strict=True) if stay)
    rest = tuple(node for node, stay in zip(body, stays, strict=True) if not stay)
    return _Part(number, tuple(_without(plain.text, tree.body, solution)), solution, rest, notes)


def _is_own_import(node: ast.stmt) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    return any(name.split(".")[0] in OWN_IMPORTS for name in names)


def _is_of_a_solution(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return not _is_own_import(node)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign() | ast.AnnAssign():
            return all(_is_constant(name) and name != CARRIED for name in _assigned(node))
        case ast.If() | ast.Try():
            inner = [*node.body, *node.orelse, *getattr(node, "finalbody", ())]
            inner += [each for handler in getattr(node, "handlers", ()) for each in handler.body]
            return not _is_script(node) and all(isinstance(each, ast.Pass) or _is_of_a_solution(each) for each in inner)
    return False


def _is_script(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, which runs in a notebook, and in no solution."""
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    )


def _assigned(node: ast.stmt) -> list[str]:
    """The names that a statement assigns; an empty text for other targets, such as `x[0]`."""
    targets: Sequence[ast.expr] = ()
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For):
        targets = [node.target]
    flat: list[ast.expr] = []
    for target in targets:
        flat += target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return [target.id if isinstance(target, ast.Name) else "" for target in flat]


def _is_constant(name: str) -> bool:
    return name.isupper() or (name.startswith("__") and name.endswith("__"))


def _without(text: str, body: Sequence[ast.stmt], solution: Sequence[ast.stmt]) -> list[str]:
    """The lines of a cell, with those of statements that are left out empty. Comments stay."""
    lines, stay = text.split("\n"), set(map(id, solution))
    spans = [_span(node) for node in body]
    shared = {at for at, (first, _) in enumerate(spans) if at and spans[at - 1][1] >= first}
    shared |= {at - 1 for at in shared}
    for at, (node, (first, last)) in enumerate(zip(body, spans, strict=True)):
        if id(node) not in stay or at in shared:
            lines[first - 1 : last] = [""] * (last - first + 1)
    for at in sorted(shared):  # statements that share a line, such as `import numpy; x = f()`
        if id(body[at]) in stay:
            first = spans[at][0] - 1
            lines[first] = "; ".join(filter(None, [lines[first], ast.unparse(body[at])]))
    return lines


def _span(node: ast.stmt) -> tuple[int, int]:
    """Its first and last line, decorators included."""
    decorators = [each.lineno for each in getattr(node, "decorator_list", ())]
    return min([node.lineno, *decorators]), node.end_lineno or node.lineno


def _twice(parts: Sequence[_Part]) -> Iterator[str]:
    """Functions and classes that several cells define: the last counts, as it does in a notebook that runs in order."""
    cells: dict[str, list[int]] = {}
    for part in parts:
        for node in part.solution:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                cells.setdefault(node.name, []).append(part.number)
    for name, numbers in cells.items():
        if len(numbers) > 1:
            yield f"{name} is defined in cells {', '.join(map(str, numbers))}: the last one counts"


def _lost(parts: Sequence[_Part]) -> Iterator[str]:
    """Variables that the solution reads and that stay behind."""
    bound = {name for part in parts for node in part.solution for name in _bound(node)}
    statements = [node for part in parts for node in part.solution]
    read = {each.id for node in statements for each in ast.walk(node) if isinstance(each, ast.Name)}
    for part in parts:
        for name in dict.fromkeys(name for node in part.rest for name in _assigned(node)):
            if name in read and name not in bound:
                yield (
                    f"cell {part.number}: {name} is left out, and the solution reads it. Only imports, definitions and "
                    f"constants in capitals are part of it: write {name.upper()}, or assign it inside the function"
                )


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement binds anywhere in it: a local variable shadows one of the notebook."""
    for each in ast.walk(node):
        match each:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=alias):
                yield alias or name.split(".")[0]


@dataclass(frozen=True)
class Magic:
    """A line that IPython understands and Python does not."""

    line: int
    text: str


@dataclass(frozen=True)
class PlainPython:
    """A cell's source without magics, line for line."""

    text: str
    magics: tuple[Magic, ...] = ()


_OF_A_CELL: Final = re.compile(r"%%(\w*)")
_OF_A_LINE: Final = re.compile(r"(\s*+)(?:[%!?].*|[\w.,* ]+=\s*[%!](?!=).*|[^#'\"]*[\w.\]]\?\??\s*)$")
"""`%matplotlib inline`, `!pip install x`, `files = !ls`, `numpy.sum?`."""


def plain_python(source: str) -> PlainPython:
    """A cell's source with each magic replaced: by nothing, or by `pass` where a block needs a statement."""
    lines, magics = source.split("\n"), []
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    if whole := _OF_A_CELL.match(lines[first]):
        magics.append(Magic(first + 1, lines[first].strip()[:60]))
        lines[first] = ""
        if whole[1] not in PYTHON_BODIES:
            return PlainPython("\n" * (len(lines) - 1), tuple(magics))
    if not any(_OF_A_LINE.match(line) for line in lines):
        return PlainPython("\n".join(lines), tuple(magics))
    scan = _Scan()
    for at, line in enumerate(lines):
        match = None if scan.goes_on else _OF_A_LINE.match(line)
        if match is None:
            scan = scan.after(line)
            continue
        magics.append(Magic(at + 1, line.strip()[:60]))
        lines[at] = f"{match[1]}pass" if match[1] else ""
    return PlainPython("\n".join(lines), tuple(magics))


_BRACKETS: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_OUTSIDE: Final = re.compile(r"#.*|\"\"\"|'''|[\"'()\[\]{}]|\\$")
_INSIDE: Final = {quote: re.compile(rf"\\.?|{quote}") for quote in ('"', "'", '"""', "'''")}


@dataclass(frozen=True)
class _Scan:
    """How far a source is at the end of a line. The time is linear, however hostile the source."""

    quote: str = ""
    """Of the string that is open."""
    depth: int = 0
    """How many brackets are open."""
    joined: bool = False
    """Whether the line ended in a backslash."""

    @property
    def goes_on(self) -> bool:
        """Whether the next line belongs to the same statement."""
        return bool(self.quote) or self.depth > 0 or self.joined

    def after(self, line: str) -> _Scan:
        """The same, a line later."""
        quote, depth, joined, at = self.quote, self.depth, False, 0
        while match := (_INSIDE[quote] if quote else _OUTSIDE).search(line, at):
            sign, at = match[0], match.end()
            joined = sign == "\\"
            if quote:
                quote = "" if sign == quote else quote
            elif sign[0] in "\"'":
                quote = sign
            else:
                depth = max(depth + _BRACKETS.get(sign, 0), 0)
        return _Scan(quote if len(quote) == 3 or joined else "", depth, joined)
