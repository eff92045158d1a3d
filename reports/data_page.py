"""A page of an assignment's cases for its author: pictures, histograms, and a table of subjects.

It names patients and shows them, hidden ones too: staff only. It is written where nothing is handed out from.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assignments.assignment import Assignment
from assignments.drawing.sheet import COLOURS
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.folders import HANDOUT
from graders.authoring.unusual_data import WORDS, unusual
from reports.data_pictures import histograms, orientation, pictures
from reports.data_table import Grid, grids, head_lines, near_lines, shapes, span
from reports.page import policy, render

if TYPE_CHECKING:
    from graders.authoring.data_summary import CaseFacts, DataSummary

SUBJECTS = 1000
"""Subjects that the page lists."""


def data_page(summary: DataSummary) -> str:
    """The whole page as HTML: it loads nothing and runs nothing."""
    data = summary.data
    parts = [(WORDS[part], list(pictures(data, part))) for part in summary.present]
    return render(
        "data.html",
        csp=policy(),
        assignment=data.assignment,
        head=list(head_lines(summary))[1:],
        grids=list(grids(summary)),
        spacing=[(name, span(*ends)) for name, ends in summary.spacing.items()],
        near=list(near_lines(summary.near, drawn=data.is_drawn, split=data.split is not None)),
        doubts=data.doubts,
        notes=list(unusual(summary)),
        parts=parts,
        flat=not any("slice" in picture.words for _, shown in parts for picture in shown),
        histograms=[
            (figure, [(WORDS[part], figure.lines[part]) for part in summary.present if part in figure.lines])
            for figure in histograms(data)
        ],
        subjects=_subjects_grid(summary),
        more_subjects=max(0, len({(case.part, case.subject) for case in data.cases}) - SUBJECTS),
        orient=orientation(data),
        values=span,
        outline_colours=list(COLOURS.values()),
    )


def write_data_page(summary: DataSummary, path: Path) -> Path:
    """Write the page where its owner alone can read it.

    Raises:
        UserError: the path is in the assignment's folder, or in a handout.
    """
    check_page_path(summary.data.assignment, path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    replace_file(path, data_page(summary))
    return path


def check_page_path(assignment: Assignment, path: Path) -> None:
    """Refuse a path from which pictures of patients could leave with an assignment.

    Raises:
        UserError: it is in the assignment's folder, or in a handout.
    """
    whole = path.expanduser().resolve()
    cure = "The page shows subjects, hidden ones too: write it elsewhere, such as --page ~/data.html"
    if whole.is_relative_to(assignment.folder.resolve()):
        raise UserError(f"{path} is in the folder of the assignment, which is copied and handed on. {cure}")
    for folder in whole.parents:
        if (folder / HANDOUT).is_file():
            raise UserError(f"{path} is in a handout ({folder}). {cure}")
    if whole.is_dir():
        raise UserError(f"{path} is a folder. Name a file, such as --page {path / 'data.html'}")


def _subjects_grid(summary: DataSummary) -> Grid:
    """Each subject with its part, stratum, number of cases, shapes of its first image, and classes."""
    images = [key for key, axes in summary.data.arrays.items() if axes.role == "input" and len(axes.sizes) > 1][:1]
    stratified = bool(summary.strata)
    cases: dict[tuple[str, str], list[CaseFacts]] = {}
    for each in summary.facts:
        cases.setdefault((each.case.subject, WORDS[each.case.part]), []).append(each)
    rows = []
    for (subject, part), facts in list(cases.items())[:SUBJECTS]:
        stratum = (facts[0].case.stratum or "",) if stratified else ()
        sizes = [shapes(sorted({each.arrays[key].shape for each in facts if key in each.arrays})) for key in images]
        classes = [_classes(key, facts) for key in summary.classes]
        rows.append((subject, part, *stratum, str(len(facts)), *sizes, *classes))
    strata = ("stratum",) if stratified else ()
    head = ("subject", "part", *strata, "cases", *(f"shape of {key}" for key in images), *summary.classes)
    return Grid(head, tuple(rows), counts=False)


def _classes(key: str, facts: Sequence[CaseFacts]) -> str:
    numbers = {number for each in facts if key in each.arrays for number in each.arrays[key].classes}
    return ", ".join(map(str, sorted(numbers)))
