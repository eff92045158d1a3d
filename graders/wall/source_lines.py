"""Which source lines of a solution a failed test may name, and how exactly: a line's number can carry an input out.

The code that failed chooses the line, so the count of lines is bounded. With the kinds of exceptions, one failing test
reveals at most 17 bits, whatever the solution's size. docs/security.md says so, and attack H21 measures it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from assignments.notebook import NOTEBOOK, NOTEBOOK_BYTES, NotANotebook, Origin, read_notebook, solution_of
from graders.wall.notebook_reader import SOLUTION

NAMEABLE_LINES = 900
"""The most lines that a solution's pages can name: with 69 kinds of two failures each, 2 to the power of 16.9 texts."""
MAX_READ_BYTES = 4 << 20
"""Bytes of a solution that are read to count its lines; a line of a file beyond them is not named."""
MAX_ENTRIES = 10_000
"""Files and folders that are visited for it."""
_FILE_NAME = re.compile(r"\w[\w./-]{0,120}\.py")
"""Letters of any script; combining marks count as part of their letters."""

_IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+([A-Za-z_][A-Za-z0-9_., \t]{0,200})", re.M)
"""The names of an import statement, as far as they are ASCII."""


@dataclass(frozen=True)
class SourceLines:
    """The lines of one solution that may be named."""

    lines: Mapping[str, int]
    """Of each Python file that may be named, how many lines it has."""
    step: int
    """How many lines share a name: 1 where the solution has no more lines than may be named."""
    modules: frozenset[str] = frozenset()
    """Top-level names in the import statements of these files."""
    cells: tuple[Origin | None, ...] = ()
    """Of a notebook: where each line of what was part out of it stands."""

    def describe(self, file: str, line: int) -> str | None:
        """A line's name; None if the group has no such line, since any other name could carry an input out."""
        if not 0 < line <= self.lines.get(file, 0):
            return None
        if self.step > 1:
            middle = min((line - 1) // self.step * self.step + (self.step + 1) // 2, self.lines[file])
            cell = self.cells[middle - 1] if file == NOTEBOOK else None
            return f"{file} near {cell}" if cell else f"{file} near line {middle}"
        cell = self.cells[line - 1] if file == NOTEBOOK else None
        return f"{file}, {cell}" if cell else f"{file}:{line}"


@lru_cache(maxsize=4)
def source_lines_of(solution: Path) -> SourceLines:
    """The lines of the solution in a folder, read once: nobody changes a solution while it is marked."""
    lines: dict[str, int] = {}
    modules: set[str] = set()
    left = MAX_READ_BYTES
    cells, text = _taken_out(solution)
    if cells:
        modules |= _modules_of(text)
        lines[NOTEBOOK] = len(cells)
    for path in _python_files(solution):
        name = path.relative_to(solution).as_posix()
        # Each file has at least one line: half of the lines stay free for long files.
        if len(lines) == NAMEABLE_LINES // 2:
            break
        plain = _FILE_NAME.fullmatch(unicodedata.normalize("NFC", name)) and ".." not in name
        if plain and path.stat().st_size <= left:
            text = path.read_bytes()
            left -= len(text)
            modules |= _modules_of(text)
            lines[name] = text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n") + 1
    step = max(1, -(-sum(lines.values()) // NAMEABLE_LINES))
    while sum(-(-count // step) for count in lines.values()) > NAMEABLE_LINES:
        step += 1
    return SourceLines(lines, step, frozenset(modules), cells)


def _modules_of(text: bytes) -> set[str]:
    return {name for names in _IMPORT.findall(text) for name in re.findall(r"(?:^|,)\s*(\w{1,60})", names.decode())}


def _taken_out(solution: Path) -> tuple[tuple[Origin | None, ...], bytes]:
    """The cells of the lines of a notebook's solution, and its text; nothing where solution.py is the solution."""
    file = solution / NOTEBOOK
    if (solution / SOLUTION).is_file() or not file.is_file():
        return (), b""
    try:
        with file.open("rb") as opened:
            part = solution_of(read_notebook(opened.read(NOTEBOOK_BYTES + 1)))
    except NotANotebook:
        return (), b""
    return part.origins, part.text.encode()


def _python_files(solution: Path) -> Iterator[Path]:
    """Files before folders, by name, level by level: a group's own code comes before what lies deep in libraries."""
    folders, visited = [solution], 0
    for folder in folders:  # grows on the way
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: (entry.name != "solution.py", entry.name))
        for entry in entries:
            visited += 1
            if visited > MAX_ENTRIES:
                return
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and entry.name.endswith(".py"):
                yield Path(entry.path)
