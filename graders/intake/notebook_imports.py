"""Lists the modules that the cells of notebooks import and a runtime lacks. It reads sources as text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assignments.assignment import Framework
from assignments.notebook import cell_tree
from graders.intake.imports import imports_of
from graders.intake.source import ONE_PARSES
from graders.record.notebook_course import HandedNotebook, TeacherNotebook

FRAMEWORKS: Final[dict[str, Framework]] = {"torch": "pytorch", "tensorflow": "tensorflow", "keras": "tensorflow"}
"""By module: the framework whose runtime has it."""


@dataclass(frozen=True)
class NotebookImports:
    """What the notebooks of an assignment import, by top-level module."""

    instructor: tuple[str, ...]
    """In the instructor's own cells."""
    students: tuple[tuple[str, int], ...]
    """In students' cells alone, and in how many notebooks."""

    @property
    def framework(self) -> Framework:
        """The framework that they are written in: the instructor's, else the one of most notebooks."""
        by_number = sorted(self.students, key=lambda pair: -pair[1])
        for module in (*self.instructor, *(name for name, _ in by_number)):
            if module in FRAMEWORKS:
                return FRAMEWORKS[module]
        return "numpy"

    def without(self, is_there: Callable[[str], bool]) -> NotebookImports:
        """Those that a runtime lacks."""
        return NotebookImports(
            tuple(module for module in self.instructor if not is_there(module)),
            tuple(pair for pair in self.students if not is_there(pair[0])),
        )


def notebook_imports(teachers: Sequence[TeacherNotebook], handed: Sequence[HandedNotebook]) -> NotebookImports:
    """What all these notebooks import, beside Python's own modules and files that lie with them."""
    files = {path.split("/")[0].removesuffix(".py") for each in handed for path in each.files if path.endswith(".py")}
    cells = [each.source for teacher in teachers for each in teacher.cells if each.kind == "code" and not each.solution]
    instructor = {name: None for name in _modules(cells) if name not in files}
    counts: dict[str, int] = {}
    for notebook in handed:
        for module in dict.fromkeys(_modules(cell.source for cell in notebook.cells if not cell.locked)):
            if module not in instructor and module not in files:
                counts[module] = counts.get(module, 0) + 1
    return NotebookImports(tuple(instructor), tuple(counts.items()))


def _modules(sources: Iterable[str]) -> Iterator[str]:
    for source in sources:
        with ONE_PARSES:
            tree = cell_tree(source)
        for imported in imports_of("", tree) if tree is not None else ():
            is_there = imported.optional or imported.level or imported.top in sys.stdlib_module_names
            if imported.top and not is_there:
                yield imported.top
