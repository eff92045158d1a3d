"""The cells that medmark writes into a notebook: texts, code, exercises and tests, with nbgrader's metadata.

The source form, for nbgrader and for staff, has the answers between nbgrader's marks. Whoever makes a notebook decides
which cells it has.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from assignments.derived.cutting import quoted
from assignments.notebook import CARRIED, UNANSWERED, Notebook, NotebookCell

BEGIN: Final = "### BEGIN SOLUTION"
END: Final = "### END SOLUTION"
KERNEL: Final = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
FOLDED: Final = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
"""Metadata by which Colab, JupyterLab and Jupyter Book fold a cell."""
WIDTH: Final = 100
"""Characters of a line of a comment."""


def install_cell(line: str, modules: Sequence[str] = ("assignments.notebook",)) -> NotebookCell:
    """The cell that installs medmark, and what else a notebook needs, where one of the modules is missing."""
    imports = "\n".join(
        f"    import {name}" + ("  # medmark" if name.startswith("assignments") else "") for name in modules
    )
    return ready_cell(f"try:\n{imports}\nexcept ImportError:\n    %{line}", "given-install")


def carried_cell(id: str, interface: str, tests: Mapping[str, str], doubles: str = "", after: str = "") -> NotebookCell:
    """The folded cell with the interface and the public tests, which `check` reads.

    Args:
        tests: The text of each file, by its name.
        after: Code that follows.
    """
    texts = {"assignment": id, "interface": interface} | ({"doubles": doubles} if doubles else {})
    lines = [f'    "{key}": {_quoted(text)},' for key, text in texts.items()]
    files = [f'        "{name}": {_quoted(text)},' for name, text in tests.items()]
    source = "\n".join([
        "# You are given this cell: the interface and the public tests, which `check` reads. You need not open it.",
        "from assignments.notebook import check",
        "",
        f"{CARRIED} = {{",
        *lines,
        '    "tests": {',
        *files,
        "    },",
        "}",
        *([after] if after else []),
    ])  # fmt: skip
    return NotebookCell("code", source, metadata=FOLDED | _grading("given-medmark", locked=True))


def _quoted(text: str) -> str:
    """A text as Python, as people read it wherever they can."""
    if "\n" not in text:
        return repr(text)
    return quoted(text) if "'''" in text or text.endswith("\\") else f"r'''{text}'''"


def text_cell(source: str) -> NotebookCell:
    """A cell of Markdown."""
    return NotebookCell("markdown", source.strip())


def ready_cell(source: str, id: str) -> NotebookCell:
    """A cell of code that students are given: nbgrader locks it."""
    return NotebookCell("code", source, metadata=_grading(id, locked=True))


def exercise_cell(source: str, name: str) -> NotebookCell:
    """A cell that students write."""
    return NotebookCell("code", source, metadata=_grading(name, solution=True))


def test_cell(id: str, sentence: str) -> NotebookCell:
    """The cell that runs a public test, with the sentence that it shows; nbgrader gives a point for it."""
    comment = textwrap.fill(sentence, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
    source = f'{comment}\ncheck("{id}")'
    return NotebookCell("code", source, metadata=_grading(id.partition("::")[2], grade=True, locked=True, points=1))


def answer_cell(id: str, points: float) -> NotebookCell:
    """A cell of text that students write, and a person marks."""
    return NotebookCell("markdown", UNANSWERED, metadata=_grading(id, solution=True, grade=True, points=points))


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


def numbered(cells: Sequence[NotebookCell]) -> Iterator[NotebookCell]:
    """The cells, each with an id and its checksum, as a notebook is written."""
    for number, cell in enumerate(cells, 1):
        if cell.grading is None:
            yield replace(cell, id=f"cell-{number}")
            continue
        own = {**cell.metadata["nbgrader"], "cell_type": cell.kind, "checksum": checksum(cell)}
        id = re.sub(r"[^\w-]", "-", cell.grading.grade_id)[:64]
        yield replace(cell, id=id, metadata={**cell.metadata, "nbgrader": own})


def without_marks(notebook: Notebook) -> Notebook:
    """A notebook of the source form as people read it: without nbgrader's marks."""

    def plain(cell: NotebookCell) -> NotebookCell:
        lines = [line for line in cell.source.split("\n") if line.strip() not in (BEGIN, END)]
        return replace(cell, source="\n".join(lines))

    return replace(notebook, cells=tuple(numbered([plain(cell) for cell in notebook.cells])))
