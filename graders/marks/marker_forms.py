"""Reads the forms that markers filled in: every problem of all files at once, with file, sheet and cell.

A form is a workbook with a sheet `Marks`, which has a row for each line of each paper, and a sheet `About`, which says
whose form it is. Rows may be in any order, and sheets and columns that medmark did not write are left alone. A blank
line is not marked yet, and never 0. `reports.marker_form` writes forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from assignments.assignment import Person
from assignments.errors import listed, nearest
from assignments.rubric import WHOLE, RubricLine
from assignments.tables import column_key
from assignments.workbooks import ShownCell, UnreadableTable, shown_sheets
from graders.marks.allocation import MarkingKey
from graders.record.decisions import ROLES, Role
from graders.record.scales import decimal_of

MARKS: Final = "Marks"
ABOUT: Final = "About"
COLUMNS: Final = ("paper", "line", "title", "level", "points", "of", "comment")
READ: Final = ("paper", "line", "level", "points", "comment")
FACTS: Final = ("form", "assignment", "part", "marker", "role")
"""What the sheet About says, a row each: the name, then the value."""


@dataclass(frozen=True)
class Entry:
    """What a form holds for one line of one paper."""

    where: str
    """`anna.xlsx Marks!E7`."""
    group: str
    code: str
    line: str
    """Empty for the comment on the whole part."""
    points: Decimal | None
    comment: str


@dataclass(frozen=True)
class FilledForm:
    """One form that was read."""

    path: Path
    marker: str
    role: Role
    entries: tuple[Entry, ...]
    codes: tuple[str, ...]
    """The papers that it has rows of."""
    complete: int
    """Of how many all lines are marked."""
    notes: tuple[str, ...] = ()
    """Papers of which some lines are blank, and comments on blank lines."""


@dataclass
class _Row:
    """The cells of one row, by column."""

    cells: dict[str, ShownCell] = field(default_factory=dict)

    def text(self, column: str) -> str:
        return self.cells[column].text if column in self.cells else ""


def read_forms(
    paths: Sequence[Path], criterion: Person, assignment: str, key: MarkingKey, agreed_by: str
) -> tuple[list[FilledForm], list[str]]:
    """The forms, and the problems of all of them.

    Args:
        agreed_by: who answers for agreed marks: their form has no marker of its own.
    """
    forms, problems = [], []
    for path in paths:
        form, wrong = _read_form(path, criterion, assignment, key, agreed_by)
        problems += wrong
        if form is not None:
            forms.append(form)
    return forms, [*problems, *_contradictions(forms)]


def _read_form(
    path: Path, criterion: Person, assignment: str, key: MarkingKey, agreed_by: str
) -> tuple[FilledForm | None, list[str]]:
    try:
        sheets = shown_sheets(path.read_bytes())
    except FileNotFoundError:
        return None, [f"{path}: is missing"]
    except OSError as error:
        return None, [f"{path}: cannot be read ({error.strerror})"]
    except UnreadableTable as error:
        return None, [f"{path}: {error.what}; {error.cure}"]
    named = {title.casefold(): rows for title, rows in sheets.items()}
    if lacking := [title for title in (MARKS, ABOUT) if title.casefold() not in named]:
        return None, [f"{path}: has no sheet {lacking[0]}; it is not a form that medmark marking wrote"]
    about = {row[0].text.casefold(): row[1].text for row in named[ABOUT.casefold()] if len(row) > 1}
    if problem := _of_another(about, criterion, assignment, key):
        return None, [f"{path} {ABOUT}: {problem}"]
    role = next(role for role in ROLES if role == about["role"])
    marker = agreed_by if role == "agreed" else about["marker"]
    rows, problem = _rows(named[MARKS.casefold()])
    if problem:
        return None, [f"{path} {MARKS}: {problem}"]
    form = FilledForm(path, marker, role, (), (), 0)
    entries, papers, problems, notes = _entries(form, rows, criterion, key)
    marked = {code: {each.line for each in entries if each.code == code and each.line} for code in papers}
    lines = [line.id for line in criterion.lines]
    for code, done in marked.items():
        if done and len(done) < len(lines):
            blank = listed([id for id in lines if id not in done])
            notes.append(f"{code}: {len(done)} of {len(lines)} lines are marked; blank: {blank}")
    complete = sum(len(done) == len(lines) for done in marked.values())
    return FilledForm(path, marker, role, tuple(entries), tuple(papers), complete, tuple(notes)), problems


def _of_another(about: Mapping[str, str], criterion: Person, assignment: str, key: MarkingKey) -> str:
    """Why a form is not one of this part."""
    if lacking := [name for name in FACTS if name not in about]:
        return f"it does not say the {lacking[0]}; it is not a form that medmark marking wrote"
    if (about["assignment"], about["part"]) != (assignment, criterion.id):
        return f"it is a form for {about['assignment']}, {about['part']}, not for {assignment}, {criterion.id}"
    if about["form"] != key.form:
        return "it is a form of another course"
    return "" if about["role"] in ROLES else f'the role "{about["role"]}" is not {", ".join(ROLES)}'


def _rows(rows: Sequence[Sequence[ShownCell]]) -> tuple[list[_Row], str]:
    """The rows below the header that name a paper and a line, by column; or why there are none."""
    columns: dict[str, str] = {}
    read = []
    for row in rows:
        if not columns:
            names = {column_key(cell.text): _letters(cell.name) for cell in row}
            if set(READ) <= set(names):
                columns = {letters: name for name, letters in names.items() if name in READ}
            continue
        cells = {columns[_letters(cell.name)]: cell for cell in row if _letters(cell.name) in columns}
        if "line" in cells:
            read.append(_Row(cells))
    if not columns:
        return [], f"no row has the headings {', '.join(READ)}; restore them"
    return read, ""


def _letters(name: str) -> str:
    return name.rstrip("0123456789")


def _entries(
    form: FilledForm, rows: Iterable[_Row], criterion: Person, key: MarkingKey
) -> tuple[list[Entry], list[str], list[str], list[str]]:
    """Entries, codes of papers, problems and notes."""
    entries: dict[tuple[str, str], Entry] = {}
    papers: dict[str, None] = {}
    problems: list[str] = []
    notes: list[str] = []
    for row in rows:
        try:
            entry, note = _entry(form, row, criterion, key, papers)
        except _WrongCell as error:
            problems.append(str(error))
            continue
        if note:
            notes.append(note)
        if entry is None:
            continue
        before = entries.setdefault((entry.group, entry.line), entry)
        if (before.points, before.comment) != (entry.points, entry.comment):
            problems.append(f"{entry.where}: {entry.code}, {entry.line or WHOLE} is marked in {before.where} too")
    return list(entries.values()), list(papers), problems, notes


class _WrongCell(Exception):
    """What is wrong, with file, sheet and cell."""


def _entry(
    form: FilledForm, row: _Row, criterion: Person, key: MarkingKey, papers: dict[str, None]
) -> tuple[Entry | None, str]:
    """What one row records; None where it is blank. And a note, where something of it is not recorded."""

    def wrong(column: str, what: str) -> _WrongCell:
        cell = row.cells.get(column) or row.cells["line"]
        return _WrongCell(f"{form.path} {MARKS}!{cell.name}: {what}")

    for column, cell in row.cells.items():
        if cell.problem:
            raise wrong(column, f"{cell.problem}; type the value itself")
    code, id = row.text("paper"), row.text("line").casefold()
    paper = key.of_code(code)
    if paper is None:
        raise wrong("paper", f'there is no paper "{code}" in this part; {_nearest_code(code, key)}')
    papers[paper.code] = None
    expected = {"first": paper.first, "second": paper.second}.get(form.role, form.marker)
    if expected != form.marker:
        holder = f"it is {expected}'s" if expected else "nobody has it"
        raise wrong("paper", f"{paper.code} is not a paper that {form.marker} marks as {form.role} marker; {holder}")
    where = f"{form.path.name} {MARKS}!{(row.cells.get('points') or row.cells['line']).name}"
    comment = row.text("comment")
    if id == WHOLE:
        return (Entry(where, paper.group, paper.code, "", None, comment) if comment else None), ""
    line = criterion.line(id)
    if line is None:
        raise wrong("line", f'the rubric has no line "{id}"; {nearest(id, [each.id for each in criterion.lines])}')
    points, column, problem = _points(line, row.text("level"), row.text("points"))
    if problem:
        raise wrong(column, f"{paper.code}, {line.id}: {problem}")
    if points is None:
        note = f"{paper.code}, {line.id}: has a comment but no level and no points, so it is not recorded"
        return None, note if comment else ""
    return Entry(where, paper.group, paper.code, line.id, points, comment), ""


def _points(line: RubricLine, level_text: str, points_text: str) -> tuple[Decimal | None, str, str]:
    """The points that a level and points mean, the column that a problem is in, and the problem."""
    level = line.level(level_text) if level_text else None
    if level_text and level is None:
        names = ", ".join(each.title for each in line.levels) or "none"
        return None, "level", f'there is no level "{level_text}"; its levels are {names}'
    if not points_text:
        if level is not None and level.least != level.most:
            return None, "level", f"{level.title} is {level.range_text} points: write which"
        return (None if level is None else level.most), "", ""
    points = decimal_of(points_text)
    if points is None:
        return None, "points", f'"{points_text}" is not a number{_as_decimal(points_text)}'
    if problem := line.points_problem(points):
        return None, "points", problem
    if level is not None and not level.has(points):
        return None, "points", f"{points} points are not {level.title}, which is {level.range_text}"
    return points, "", ""


def _as_decimal(text: str) -> str:
    tried = text.strip().rstrip(",;").replace(",", ".")
    return f"; write {tried}" if decimal_of(tried) is not None else ""


def _nearest_code(code: str, key: MarkingKey) -> str:
    return nearest(code, [paper.code for paper in key.papers]) if code else "write its code in the column paper"


def _contradictions(forms: Sequence[FilledForm]) -> Iterator[str]:
    """Lines that two files mark differently."""
    seen: dict[tuple[str, str, str], Entry] = {}
    for form in forms:
        for entry in form.entries:
            before = seen.setdefault((form.role, entry.group, entry.line), entry)
            if (before.points, before.comment) != (entry.points, entry.comment):
                yield (
                    f"{entry.where}: {entry.code}, {entry.line or WHOLE} is marked otherwise in {before.where}; "
                    "keep one of the two"
                )
