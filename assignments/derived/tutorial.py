"""The notebooks of a tutorial, for PyTorch and for TensorFlow, from one source in percent format.

A source is a Python file whose cells begin with a mark. Its docstring has the title, then `Tutorial 3, 50 minutes.
Needs ...`; the imports before the first mark are those of the interface and of the tests.

    # %% [markdown]             text, each line a comment
    # %%                        code for both
    # %% pytorch                code for one framework; the other one's follows at once
    # %% solution NAME          a function that students write: they get its signature and docstring
    # %% solution NAME pytorch  the same in one framework; the other one's follows at once
    # %% interface              what `check` may ask, as in an interface.py
    # %% test                   public tests, as in a test_public.py; a notebook calls them by `check`

Students' notebooks hold nothing of a solution but its signature and its docstring.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from assignments.derived.notebook_cells import (
    BEGIN,
    END,
    KERNEL,
    carried_cell,
    exercise_cell,
    install_cell,
    numbered,
    ready_cell,
    test_cell,
    text_cell,
)
from assignments.errors import Problem, UserError
from assignments.notebook import Notebook, NotebookCell

TutorialFramework = Literal["pytorch", "tensorflow"]
FRAMEWORKS: Final[tuple[TutorialFramework, ...]] = ("pytorch", "tensorflow")
NAMES: Final = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
TESTS: Final = "test_public.py"
MODULES: Final = ("assignments.notebook", "matplotlib")
"""What the install line brings: it names medmark, and `matplotlib` follows."""
UNWRITTEN: Final = "\nfrom reports.unwritten import explain_unwritten\n\nexplain_unwritten(get_ipython())"
"""Code of the folded cell: a cell that needs a function which is still to be written says so in a sentence."""

_MARK: Final = re.compile(
    r"# %%(?: (?P<kind>\[markdown\]|interface|test|solution (?P<name>\w+)))?(?: (?P<framework>pytorch|tensorflow))?"
)
_FACTS: Final = re.compile(r"Tutorial (\d+), (\d+) minutes\.\s+(Needs .+)\.", re.DOTALL)


@dataclass(frozen=True)
class TutorialCell:
    """One cell of a source."""

    kind: Literal["text", "code", "solution", "test", "interface"]
    source: str
    line: int
    """Of its mark, from 1."""
    framework: TutorialFramework | None = None
    """The only framework that has it; None for both."""
    name: str = ""
    """Of the function, for a solution."""


@dataclass(frozen=True)
class Tutorial:
    """One tutorial, as its source says."""

    name: str
    number: int
    title: str
    minutes: int
    """Of a student's time."""
    needs: str
    """A sentence without its full stop."""
    imports: str
    """Of the interface and the tests."""
    cells: tuple[TutorialCell, ...]

    def tests(self) -> str:
        """The text of its public tests, as a file."""
        return "\n\n\n".join([self.imports, *(cell.source for cell in self.cells if cell.kind == "test")]) + "\n"

    def interface(self) -> str:
        """The text of its interface, as a file."""
        return "\n\n".join([self.imports, *(cell.source for cell in self.cells if cell.kind == "interface")]) + "\n"


def read_tutorial(name: str, text: str, file: str) -> Tutorial:
    """The tutorial of a source.

    Raises:
        UserError: a mark that does not exist, a cell of one framework without the other's, or facts that are missing.
    """
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    head = "\n".join(lines[: starts[0] if starts else None])
    tree = ast.parse(head)
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n\n")
    facts = _FACTS.search(" ".join(rest.split()))
    if facts is None:
        what = "the docstring lacks its facts"
        raise UserError(str(Problem(file, "", 1, what, "write: Tutorial 3, 50 minutes. Needs tutorials 0 to 2.")))
    cells = tuple(_cell(lines, start, end, file) for start, end in pairwise([*starts, len(lines)]))
    _check_pairs(cells, file)
    imports = "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    return Tutorial(name, int(facts[1]), title.rstrip("."), int(facts[2]), facts[3], imports, cells)


def _cell(lines: Sequence[str], start: int, end: int, file: str) -> TutorialCell:
    mark = _MARK.fullmatch(lines[start].rstrip())
    if mark is None:
        what, cure = f"{lines[start]!r} begins no cell", "see the list in assignments/derived/tutorial.py"
        raise UserError(str(Problem(file, "", start + 1, what, cure)))
    source = "\n".join(lines[start + 1 : end]).strip("\n")
    framework = next((each for each in FRAMEWORKS if each == mark["framework"]), None)
    kind = mark["kind"] or "code"
    if kind == "[markdown]":
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.split("\n"))
        return TutorialCell("text", text, start + 1, framework)
    if mark["name"]:
        return TutorialCell("solution", source, start + 1, framework, mark["name"])
    rest: Literal["code", "test", "interface"] = "test" if kind == "test" else "interface" if kind != "code" else "code"
    return TutorialCell(rest, source, start + 1, framework)


def _check_pairs(cells: Sequence[TutorialCell], file: str) -> None:
    """Raise `UserError` unless each cell of PyTorch is followed by TensorFlow's, and no other cell is TensorFlow's."""
    before: TutorialCell | None = None
    for cell in [*cells, None]:
        awaits = before is not None and before.framework == "pytorch"
        fits = cell is not None and cell.framework == "tensorflow"
        alike = before is not None and cell is not None and (before.kind, before.name) == (cell.kind, cell.name)
        if awaits != fits or (awaits and not alike):
            line = before.line if awaits and before is not None else cell.line if cell is not None else None
            what = "a cell of one framework stands alone"
            raise UserError(
                str(Problem(file, "", line, what, "write the PyTorch cell, and TensorFlow's right below it"))
            )
        before = cell


def tutorial_notebook(
    tutorial: Tutorial, framework: TutorialFramework, install: str, *, solved: bool = False
) -> Notebook:
    """The notebook of a tutorial for one framework.

    Args:
        install: The line that installs medmark.
        solved: Whether it is the source form, which has the answers between nbgrader's marks: for staff alone.
    """
    cells = [
        text_cell(
            f"# {tutorial.number} · {tutorial.title}\n\n{NAMES[framework]} · about {tutorial.minutes} minutes. "
            f"{tutorial.needs}.\n\nRun the cells from top to bottom. Three functions are yours to write. Below each, "
            "`check` runs a public test on what you wrote: `:)` passed, `:(` failed, and why. Nothing here is marked."
        ),
        install_cell(f"{install} matplotlib", MODULES),
        carried_cell(tutorial.name, tutorial.interface(), {TESTS: tutorial.tests()}, after=UNWRITTEN),
    ]
    own = [cell for cell in tutorial.cells if cell.framework in (None, framework)]
    for number, cell in enumerate(own, 1):
        cells += _notebook_cells(cell, number, solved=solved)
    return Notebook(tuple(numbered(cells)), KERNEL)


def _notebook_cells(cell: TutorialCell, number: int, *, solved: bool) -> Iterator[NotebookCell]:
    if cell.kind == "text":
        yield text_cell(cell.source)
    elif cell.kind == "code":
        yield ready_cell(cell.source, f"given-{number}")
    elif cell.kind == "solution":
        yield exercise_cell(exercise_text(cell.source, solved=solved), cell.name)
    elif cell.kind == "test":
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef):
                yield test_cell(f"{TESTS}::{node.name}", " ".join((ast.get_docstring(node) or "").split()))


def exercise_text(source: str, *, solved: bool) -> str:
    """A function as students get it: signature and docstring; `solved`, with its body between nbgrader's marks."""
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    end = node.body[0].end_lineno  # of the docstring
    lines = source.split("\n")
    if solved:
        return "\n".join([*lines[:end], f"    {BEGIN}", *lines[end:], f"    {END}"])
    return "\n".join([*lines[:end], "    raise NotImplementedError"])
