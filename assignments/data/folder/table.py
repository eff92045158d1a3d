"""Reads the table of cases, `cases.csv` or a workbook: a row for each case, with all problems in one list.

Reserved columns are those of `headings`; every other column is a stratum. Files are addressed as `addresses` says,
relative to the folder. What concerns several rows at once is in `row_checks`, since known layouts need it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from assignments.data.folder.addresses import WrongAddress, address, wrong_file
from assignments.data.folder.cases import CaseRow, CaseTable, numbered
from assignments.data.folder.headings import (
    combination_problems,
    heading_problem,
    identifying,
    is_file,
    is_reserved,
)
from assignments.data.folder.row_checks import rows_doubts, rows_problems, unlisted_doubts
from assignments.data.folder.values import A_SUBJECT, PARTS, empty_problem, inferred_classes, is_missing, value_problem
from assignments.errors import Problem, listed, nearest, shell_word
from assignments.tables import Row, Table, column_key
from assignments.tables import read_table as read_any_table

NAME: Final = "cases.csv"


@dataclass(frozen=True)
class _Columns:
    """The columns of one table, by the key under which its rows have them."""

    headings: Mapping[str, str]
    """Key to heading."""
    empty: frozenset[str]
    """Headings without any content."""

    @cached_property
    def reserved(self) -> dict[str, str]:
        """Keys of the reserved columns besides subject and part, by heading."""
        return {h: k for k, h in self.headings.items() if is_reserved(h) and h not in ("subject", "part")}

    @cached_property
    def strata(self) -> dict[str, str]:
        """Keys of the strata, by heading."""
        return {h: k for k, h in self.headings.items() if not is_reserved(h) and ":" not in h}


def read_table(
    folder: Path, name: str = NAME, *, channels: Sequence[str] = (), classes: Sequence[str] = ()
) -> CaseTable:
    """The cases that the table `name` of a folder lists.

    `channels` orders the columns `image:NAME`, and `classes` names the classes in the order of their numbers, as
    `[data]` does; without it, the classes are those of the table, by number or in the order of the alphabet.
    """
    path = folder / name
    table, problems = read_any_table(path)
    if table is None:
        return CaseTable(folder, str(path), (), (), problems=tuple(map(_with_cure, problems)))
    columns = _columns(table)
    wrong_headings = list(_heading_problems(path, table, columns))
    problems += wrong_headings
    used, channel_problems, doubts = channels_in_order(str(path), list(columns.reserved), channels)
    problems += channel_problems
    class_names, class_doubts = _class_names(table, columns, classes)
    if classes and (labels := [column for column in used if column.startswith("class:")]):
        problems += _label_problems(path, table.line, labels, classes)
        ordered = [f"class:{name}" for name in classes if f"class:{name}" in labels]
        used = [column for column in used if column not in labels] + ordered
    rows = []
    checked: dict[str, WrongAddress | None] = {}
    for row in table.rows if not wrong_headings else ():  # else a row would lack what stands under a wrong heading
        if all(column_key(row.cells[key]) == key for key in columns.headings):
            problems.append(Problem(str(path), "", row.line, "has the headings once more", "delete this line"))
            continue
        wrong = [*_row_problems(path, row, columns, class_names), *_file_problems(folder, path, row, columns, checked)]
        problems += wrong
        if not wrong:
            rows.append(_case(row, columns, used))
    cases = numbered(rows)
    problems += rows_problems(folder, str(path), cases)
    strata = tuple(heading for heading in columns.strata if heading not in columns.empty)
    doubts += [*class_doubts, *_part_doubts(table, columns), *_stratum_doubts(cases, strata), *rows_doubts(cases)]
    doubts += unlisted_doubts(path, cases)
    in_order = tuple(sorted(problems, key=lambda problem: problem.line or 0))
    return CaseTable(folder, str(path), cases, tuple(used), strata, class_names, in_order, tuple(doubts))


def _with_cure(problem: Problem) -> Problem:
    file = Path(problem.file)
    first = "delete it and " if file.exists() else ""  # a proposal never replaces a table
    proposal = f"{first}run `medmark new ID --data {shell_word(file.parent)}` for a proposal"
    cure = f"write a table with the columns subject, image and label, or {proposal}"
    return problem if problem.cure else replace(problem, cure=cure)


def _columns(table: Table) -> _Columns:
    headings = {key: heading for key, heading in table.headings.items() if heading}
    filled = {key for row in table.rows for key in headings if row.cells[key]}
    return _Columns(headings, frozenset(heading for key, heading in headings.items() if key not in filled))


def _heading_problems(path: Path, table: Table, columns: _Columns) -> Iterator[Problem]:
    """Headings that look like others, a missing subject, columns that do not go together or have no content."""
    headings = list(columns.headings.values())
    wrong = {heading: problem for heading in headings if (problem := heading_problem(heading, headings))}
    for heading, (what, cure) in wrong.items():
        yield Problem(str(path), heading, table.line, what, cure)
    if "subject" not in headings and not any('"subject"' in what for what, _ in wrong.values()):
        yield Problem(str(path), "subject", table.line, "there is no such column", f"add it; {A_SUBJECT}")
    if not table.rows:
        yield Problem(str(path), "", table.line, "has no row", "write a row for each case")
    elif not wrong:  # else the column that another needs may be there, under the wrong name
        for key, what, cure in combination_problems(columns.reserved):
            yield Problem(str(path), key, table.line, what, cure)
    for heading in headings:
        if table.rows and heading in columns.empty and heading not in wrong:
            yield Problem(str(path), heading, table.line, "is empty in every row", "fill it in, or delete the column")


def channels_in_order(
    file: str, columns: Sequence[str], channels: Sequence[str]
) -> tuple[list[str], list[Problem], list[str]]:
    """The columns that are used, those of channels in the order of the channels; problems and doubts."""
    named = [column for column in columns if column.startswith("image:")]
    ordered = [f"image:{channel}" for channel in channels]
    problems = [
        Problem(file, column, None, "is one of the channels of [data], but no column", nearest(column, named))
        for column in ordered
        if column not in named
    ]
    doubts = []
    if not channels and len(named) > 1:
        names = ", ".join(f'"{column.partition(":")[2]}"' for column in named)
        doubts.append(f"the channels are in the order of the columns: write channels = [{names}] to fix it")
    unused = [column for column in named if channels and column not in ordered]
    if unused:
        doubts.append(f"{listed(unused)}: not used, since channels does not name it")
    first = [column for column in ordered if column in named] if channels else named
    others = [column for column in columns if column not in named]
    return [*first, *others], problems, doubts


def _class_names(table: Table, columns: _Columns, classes: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names of the classes in the order of their numbers, and what was assumed."""
    labels = tuple(heading.partition(":")[2] for heading in columns.reserved if heading.startswith("class:"))
    key = columns.reserved.get("class")
    if classes or (key is None and not labels):
        return tuple(classes), []
    if key is None:
        return labels, []
    return inferred_classes({text for row in table.rows if (text := row.cells[key]) and not is_missing(text)})


def _label_problems(path: Path, line: int, columns: Sequence[str], classes: Sequence[str]) -> list[Problem]:
    """Columns `class:NAME` that do not agree with the classes of `[data]`."""
    names = [column.partition(":")[2] for column in columns]
    wrong = [(name, "is one of classes, but no column", names) for name in classes if name not in names]
    wrong += [(name, "is not one of classes", list(classes)) for name in names if name not in classes]
    return [Problem(str(path), f"class:{name}", line, what, nearest(name, others)) for name, what, others in wrong]


def _row_problems(path: Path, row: Row, columns: _Columns, classes: Sequence[str]) -> Iterator[Problem]:
    """Problems of one row's texts: empty cells, numbers that are none, classes and parts that do not exist."""
    if row.problem:
        yield row.problem
    for key, heading in columns.headings.items():
        text = row.cells[key]
        if heading in columns.empty or (not is_reserved(heading)) or (heading == "part" and not text):
            continue
        wrong = empty_problem(heading) if not text else value_problem(heading, text, classes)
        if wrong:
            yield Problem(str(path), heading, row.line, *wrong)


def _file_problems(
    folder: Path, path: Path, row: Row, columns: _Columns, checked: dict[str, WrongAddress | None]
) -> Iterator[Problem]:
    """Files of one row that cannot be used. Each file is looked at once."""
    for heading, key in columns.reserved.items():
        text = row.cells[key]
        if is_file(heading) and text and (wrong := wrong_file(folder, text, checked)):
            yield Problem(str(path), heading, row.line, wrong.what, wrong.cure)


def _case(row: Row, columns: _Columns, used: Sequence[str]) -> CaseRow:
    """A row without problems as a case."""
    cells = {heading: row.cells[key] for key, heading in columns.headings.items()}
    files = {column: str(address(cells[column])) for column in used if is_file(column)}
    subject = cells.get("subject", "")
    # A pair of two patients names both: neither may be in another part than the pair.
    members = tuple(member.strip() for member in subject.split("+")) if "fixed" in files else ()
    return CaseRow(
        id=next(iter(files.values()), subject),
        subject=subject,
        files=files,
        values={column: cells[column] for column in used if not is_file(column)},
        strata={heading: cells[heading] for heading in columns.strata if heading not in columns.empty},
        part=PARTS.get(cells.get("part", "").casefold()),
        line=row.line,
        members=members if all(members) else (),
    )


def _part_doubts(table: Table, columns: _Columns) -> list[str]:
    """Names of parts that were read as others."""
    key = next((key for key, heading in columns.headings.items() if heading == "part"), None)
    texts = {row.cells[key] for row in table.rows} - {""} if key else set()
    return [
        f'part "{text}" is read as {part}'
        for text in sorted(texts)
        if (part := PARTS.get(text.casefold())) and part != text
    ]


def _stratum_doubts(rows: Sequence[CaseRow], strata: Sequence[str]) -> Iterator[str]:
    """Strata that name patients, that differ within a subject, or that no split can balance."""
    if strata:
        yield f"strata, which the split can balance and reports name: {listed(strata)}"
    for stratum in strata:
        if identifying(stratum):
            yield f"{stratum} looks like what names a patient: delete the column, since strata are shown in reports"
        by_subject: dict[str, set[str]] = {}
        for row in rows:
            by_subject.setdefault(row.subject, set()).add(row.strata[stratum])
        if varying := [subject for subject, values in by_subject.items() if len(values) > 1]:
            yield f"{stratum} differs within subject {listed(varying)}: it cannot balance a split by subject"
        values = {value for values in by_subject.values() for value in values}
        if len(by_subject) > 3 and len(values) == len(by_subject) and not varying:
            yield f"{stratum} is different for every subject: it cannot balance a split"
        if absent := sorted(value for value in values if not value or is_missing(value)):
            yield f"{stratum} is {listed([value or 'empty' for value in absent])} in some rows: a stratum of its own"
