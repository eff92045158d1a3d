"""The source "folder": patients' files as people have them, without code. A table or a known layout lists the cases.

`table` and `layouts` say which files a case has, `reading` reads one file, `geometry` brings it into the form that
`[data]` asks for, and `case_arrays` puts a case together and checks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assignments.data.folder.addresses import address, file_of
from assignments.data.folder.case_arrays import CaseReading
from assignments.data.folder.open_folder import OpenFolder
from assignments.data.folder.reading import files_beside
from assignments.data.problem_list import SubjectProblems, within
from assignments.data.source import Arrays, Subject, file_stamp


def subjects(opened: OpenFolder) -> list[Subject]:
    """The subjects of the table, with the strata and parts of their first row."""
    listed = []
    for id, rows in opened.rows.items():
        members = tuple(dict.fromkeys(member for row in rows for member in row.members))
        part = next((row.part for row in rows if row.part is not None), None)
        listed.append(Subject(id, rows[0].strata, part, members))
    return listed


def load(opened: OpenFolder, subject: str) -> list[Arrays]:
    """The cases of one subject.

    Raises:
        SubjectProblems: all that is wrong with its files.
    """
    cases, problems, remarks = [], [], []
    for row in opened.rows[subject]:
        case = CaseReading(opened, row)
        arrays = case.arrays()
        problems += case.problems
        remarks += case.remarks
        cases.append(arrays)
    opened.remarks[subject] = tuple(dict.fromkeys(remarks))
    if problems:
        raise SubjectProblems([within(opened.table.folder, problem) for problem in problems])
    return cases


def stamp(opened: OpenFolder, subject: str) -> object:
    """Names, sizes and times of a subject's files, and what the table says of it."""
    rows = opened.rows[subject]
    files = sorted({address(text).file for row in rows for text in row.files.values()})
    return {
        "files": [_stamp(file_of(opened.table.folder, file)) for file in files],
        "rows": [[sorted(row.files.items()), sorted(row.values.items())] for row in rows],
        "classes": opened.table.classes,
        "spacing": opened.table.spacing_mm,
        "arrays": {key: str(axes) for key, axes in opened.arrays.items()},
    }


def _stamp(path: Path) -> list[object]:
    """What changes when a file changes, any file in a folder, or the voxels beside a header."""
    return [file_stamp(file) for file in sorted({*_files(path)})]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
        return
    yield from (path, *files_beside(path))
