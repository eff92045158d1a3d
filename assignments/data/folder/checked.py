"""Makes a table of the rows that a layout lists: the same checks as for `cases.csv`, file by file and row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from assignments.data.folder.addresses import WrongAddress, wrong_file
from assignments.data.folder.cases import CaseRow, CaseTable, numbered
from assignments.data.folder.row_checks import rows_doubts, rows_problems
from assignments.errors import Problem


def checked_table(
    folder: Path,
    file: Path,
    rows: Iterable[CaseRow],
    columns: Sequence[str],
    *,
    classes: Sequence[str] = (),
    problems: Iterable[Problem] = (),
    doubts: Iterable[str] = (),
    spacing_mm: tuple[float, ...] | None = None,
) -> CaseTable:
    """The table of these rows. `file` is what lists them; `problems` and `doubts` are those that it has already."""
    all_problems = list(problems)
    usable: list[CaseRow] = []
    seen: dict[str, WrongAddress | None] = {}
    for row in rows:
        wrong = list(_file_problems(folder, file, row, seen))
        all_problems += wrong
        if not wrong:
            usable.append(row)
    cases = numbered(usable)
    if not cases and not all_problems:
        all_problems.append(Problem(str(file), "", None, "lists no case", "check that path names the right folder"))
    return CaseTable(
        folder=folder,
        file=str(file),
        rows=cases,
        columns=tuple(columns),
        classes=tuple(classes),
        problems=(*all_problems, *rows_problems(folder, str(file), cases)),
        doubts=(*doubts, *rows_doubts(cases)),
        spacing_mm=spacing_mm,
    )


def _file_problems(folder: Path, file: Path, row: CaseRow, seen: dict[str, WrongAddress | None]) -> Iterable[Problem]:
    """Files of one row that cannot be used. Each file is looked at once."""
    for text in row.files.values():
        if wrong := wrong_file(folder, text, seen):
            yield Problem(str(file), row.id, None, wrong.what, wrong.cure)
