"""The cases of a folder, from its table or from its layout, with the settings of `[data]`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assignments.assignment import Data
from assignments.data.folder.cases import CaseTable
from assignments.data.folder.layouts import recognised, table_of, unrecognised
from assignments.data.folder.table import channels_in_order, read_table
from assignments.data.folder.values import value_problem
from assignments.errors import Problem, UserError, listed


def cases_of(data: Data) -> CaseTable:
    """All cases of `data.path`: by `layout` if `[data]` names one, else by the table, else by the layout it looks like.

    Raises:
        UserError: there is no such folder or layout, or the folder has neither a table nor a known layout.
    """
    if data.path is None:
        raise UserError('[data]: source = "folder" needs path = "FOLDER", the folder of the cases.')
    if not data.path.is_dir():
        raise unrecognised(data.path)
    if data.layout is None and (data.path / data.cases).exists():
        return read_table(data.path, data.cases, channels=data.channels, classes=data.classes)
    layout = data.layout or recognised(data.path)
    if layout is None:
        raise unrecognised(data.path)
    table = table_of(data.path, layout)
    doubt = f'there is no {data.cases}: the folder is read as layout = "{layout}"'
    return _with_settings(replace(table, doubts=(doubt, *table.doubts)), data)


def _with_settings(table: CaseTable, data: Data) -> CaseTable:
    """A layout's table, with the channels and classes of `[data]` in place of its own, and the files that are used."""
    columns, wrong, unused = channels_in_order(table.file, table.columns, data.channels or table.channels)
    problems = [*table.problems, *wrong, *_class_problems(table, data)]
    classes = data.classes or table.classes
    doubts = [doubt for doubt in table.doubts if not data.classes or "classes = [...]" not in doubt] + unused
    rows = tuple(
        replace(row, files={column: row.files[column] for column in columns if column in row.files})
        for row in table.rows
    )
    return replace(
        table, rows=rows, columns=tuple(columns), classes=classes, problems=tuple(problems), doubts=tuple(doubts)
    )


def _class_problems(table: CaseTable, data: Data) -> Iterator[Problem]:
    """Classes of `[data]` that do not fit those of the files."""
    if not data.classes:
        return
    labels = [column for column in table.columns if column.startswith("class:")]
    if "class" in table.columns:
        texts = {row.values["class"] for row in table.rows}
        for text in sorted(texts):
            if wrong := value_problem("class", text, data.classes):
                yield Problem(table.file, "class", None, *wrong)
    elif len(data.classes) < (count := len(labels) or len(table.classes)):
        what = f"has {count} classes ({listed(table.classes)}), but classes of [data] names {len(data.classes)}"
        yield Problem(table.file, "classes", None, what, "name all of them, class 0 or the background first")
