"""The source of medmark's reader of notebooks, which a worker needs where a notebook was handed in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from assignments import notebook
from assignments.notebook import NOTEBOOK

SOLUTION = "solution.py"


def notebook_reader(solution: Path | None) -> str:
    """The reader, if the solution in a folder is a notebook; empty where it is solution.py, which counts first."""
    if solution is None or (solution / SOLUTION).is_file() or not (solution / NOTEBOOK).is_file():
        return ""
    return _source()


@cache
def _source() -> str:
    return Path(notebook.__file__).read_text(encoding="utf-8")
