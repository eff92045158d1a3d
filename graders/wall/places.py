"""Which places of a solution a failed test may name, and how exactly: what a student reads can carry an input out.

The code that failed chooses the place, so its number is bounded: with the kinds of exceptions, one failing test tells
at most 17 bits, whatever the solution's size. docs/security.md says so, and attack H21 measures it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PLACES = 900
"""At most so many in a solution: beside 69 kinds of two failures each, that is 2 to the power of 16.9 texts."""
READ_BYTES = 4 << 20
"""What is read of a solution to count its lines; files beyond it have no places."""
LISTED = 10_000
"""Files and folders that are looked at for it."""
_NAME = re.compile(r"\w[\w./-]{0,120}\.py")
"""With letters of any script; marks are looked at as part of their letters."""

_IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+([A-Za-z_][A-Za-z0-9_., \t]{0,200})", re.M)
"""The names of an import statement, as far as they are ASCII."""


@dataclass(frozen=True)
class Places:
    """The places of one solution."""

    lines: Mapping[str, int]
    """Of each Python file that has places."""
    step: int
    """So many lines are told as one: 1 where the solution has no more lines than there may be places."""
    modules: frozenset[str] = frozenset()
    """Top-level names that stand in an import statement of these files."""

    def told(self, file: str, line: int) -> str | None:
        """How a line is told; None for one that the group has not: any other name could carry an input out."""
        if not 0 < line <= self.lines.get(file, 0):
            return None
        if self.step == 1:
            return f"{file}:{line}"
        middle = (line - 1) // self.step * self.step + (self.step + 1) // 2
        return f"{file} near line {min(middle, self.lines[file])}"


@lru_cache(maxsize=4)
def places_of(solution: Path) -> Places:
    """The places of the solution in a folder, read once: nobody changes a solution while it is asked."""
    lines: dict[str, int] = {}
    modules: set[str] = set()
    left = READ_BYTES
    for path in _python_files(solution):
        name = path.relative_to(solution).as_posix()
        # Half of the places are kept for long files: each file has at least one.
        if len(lines) == PLACES // 2:
            break
        if _NAME.fullmatch(unicodedata.normalize("NFC", name)) and ".." not in name and path.stat().st_size <= left:
            text = path.read_bytes()
            left -= len(text)
            for names in _IMPORT.findall(text):
                modules.update(re.findall(r"(?:^|,)\s*(\w{1,60})", names.decode()))
            lines[name] = text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n") + 1
    step = max(1, -(-sum(lines.values()) // PLACES))
    while sum(-(-count // step) for count in lines.values()) > PLACES:
        step += 1
    return Places(lines, step, frozenset(modules))


def _python_files(solution: Path) -> Iterator[Path]:
    """Files before folders, by name, level by level: a group's own code comes before what lies deep in libraries."""
    folders, seen = [solution], 0
    for folder in folders:  # grows on the way
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: (entry.name != "solution.py", entry.name))
        for entry in entries:
            seen += 1
            if seen > LISTED:
                return
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and entry.name.endswith(".py"):
                yield Path(entry.path)
