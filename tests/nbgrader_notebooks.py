"""Notebooks of nbgrader's for tests: cells as text, written as a source notebook and read as a hand-in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from graders.record.notebook_course import HandedNotebook, RunCell, TestCellResult


@dataclass(frozen=True)
class Cell:
    """One cell of an assignment."""

    kind: Literal["given", "solution", "test"]
    source: str
    id: str = ""
    points: float = 1.0


def notebook_file(path: Path, cells: list[Cell]) -> Path:
    """Write cells as a source notebook of nbgrader's."""
    document: dict[str, Any] = {
        "cells": [_written(cell, number) for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def _written(cell: Cell, number: int) -> dict[str, Any]:
    is_test = cell.kind == "test"
    grading = {
        "grade": is_test, "solution": cell.kind == "solution", "locked": cell.kind != "solution", "schema_version": 3,
        "grade_id": cell.id or f"cell-{number}", "task": False, **({"points": cell.points} if is_test else {}),
    }  # fmt: skip
    return {
        "cell_type": "code", "id": f"c{number}", "execution_count": None, "outputs": [], "source": cell.source,
        "metadata": {"nbgrader": grading},
    }  # fmt: skip


def handed(cells: list[Cell], student: str = "ada", notebook: str = "nb", **more: Any) -> HandedNotebook:
    """The same cells as a student's notebook that will run."""
    run = tuple(
        RunCell(
            number,
            cell.source,
            (cell.id or f"cell-{number - 1}") if cell.kind == "test" else "",
            cell.points if cell.kind == "test" else 0.0,
            locked=cell.kind != "solution",
        )
        for number, cell in enumerate(cells, 1)
    )
    return HandedNotebook(student, notebook, run, **more)


def nbgraders_points(result: TestCellResult) -> float:
    """What nbgrader gives for the outputs that a result describes, by `determine_grade` of its utils.py."""
    if not result.passed or result.on_stderr:
        return 0.0
    try:
        number = float(result.value or "none")
    except ValueError:
        return result.max_points
    return number if number >= 0 else result.max_points
