"""Reads every table that a person gives medmark: a CSV or a workbook (.xlsx).

Every cell is text: NA, 0012, 1e5 and TRUE stay what they look like. Empty rows are left out, and columns with neither
a name nor content. A CSV is UTF-8 with or without a byte order mark, or UTF-16 with one. It may have any line ends,
quotes, and comma, semicolon or tab as separator, or the one that Excel's own first line `sep=;` names. The standard
library's `csv` reads it: pandas does not say on which line a row begins or a quote is wrong, and would add 0.3 s to
every command.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assignments.errors import Problem
from assignments.letters import NARROW
from assignments.workbooks import SUFFIX, UnreadableTable, workbook_rows

_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'^="([^"]*)"$')
"""A formula that makes Excel keep the zeros of a student number."""
_RUN = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212"
"""Characters that begin a formula in a spreadsheet, for a class of a pattern."""
_BEFORE = rf"(^|[,;|])((?:\s|{NARROW.pattern})*)"
"""The beginning of a cell, or of what a spreadsheet with this separator takes for one, and what it passes over."""
_FORMULA = re.compile(rf"{_BEFORE}(?='*[{_RUN}])")
_GUARD = re.compile(rf"{_BEFORE}'(?='*[{_RUN}])")
"""An apostrophe before a text that a spreadsheet would run: a mark sheet and a roster have it, and may come back."""
SAVE_AS_UTF8 = 'save it as "CSV UTF-8"'


@dataclass(frozen=True)
class Row:
    """One row below the header."""

    line: int
    """The line of the file on which it begins."""
    cells: Mapping[str, str]
    """By key; a missing cell is empty."""
    problem: Problem | None = None
    """Why the cells may stand under the wrong columns."""


@dataclass(frozen=True)
class Table:
    """The columns and rows of a file."""

    path: Path
    line: int
    """The line of the header."""
    headings: Mapping[str, str]
    """Key to heading as written, in the order of the file. A key is the heading without regard to case."""
    rows: tuple[Row, ...]


def column_key(heading: str) -> str:
    """A heading without regard to case, white space and the composition of letters: the key of its column."""
    return unicodedata.normalize("NFC", " ".join(heading.split())).casefold()


def read_table(path: Path) -> tuple[Table | None, list[Problem]]:
    """The table, or None with every reason why it cannot be read. A wrong row has a problem of its own."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, [Problem(str(path), "", None, "is missing", "")]
    except OSError as error:
        return None, [Problem(str(path), "", None, f"cannot be read ({error.strerror})", "check its permissions")]
    return table_of(path, data)


def table_of(path: Path, data: bytes) -> tuple[Table | None, list[Problem]]:
    """As `read_table`, of a file with this content; its name says whether it is a workbook."""
    try:
        if path.suffix.casefold() == SUFFIX:
            lines, unreadable = workbook_rows(data)
        else:
            lines, unreadable = list(_csv_rows(data)), []
    except UnreadableTable as error:
        lines, unreadable = [], [error]
    if unreadable:
        return None, [Problem(str(path), "", error.row, error.what, error.cure) for error in unreadable]
    records = list(_records(lines))
    if not records:
        return None, [Problem(str(path), "", None, "is empty", "")]
    (line, header), *rows = records
    header = _without_empty_end([" ".join(cell.split()) for cell in header])
    problems = [Problem(str(path), key, line, what, cure) for key, what, cure in _wrong_columns(header, rows)]
    if problems:
        return None, problems
    named = [at for at, heading in enumerate(header) if heading]
    keys = {at: column_key(header[at]) for at in named}
    table = Table(
        path,
        line,
        {keys[at]: header[at] for at in named},
        tuple(Row(at, _under(keys, cells), _too_long(path, at, cells, header)) for at, cells in rows),
    )
    return table, []


def guarded(text: str) -> str:
    """A cell of a CSV that no spreadsheet runs, whatever its separator; read as a table, it is this text again."""
    return _FORMULA.sub(r"\1\2'", text)


def _records(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, without white space around their cells."""
    for line, row in rows:
        cells = [_GUARD.sub(r"\1\2", _TEXT_FORMULA.sub(r"\1", cell.strip())) for cell in row]
        if any(cells):
            yield line, cells


def _text(data: bytes) -> str:
    """The text of a file.

    Raises:
        UnreadableTable: it is not text, or its encoding is unknown.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            problem = f"begins with the byte order mark of {encoding} but is not {encoding}"
            raise UnreadableTable(problem, SAVE_AS_UTF8) from None
        raise UnreadableTable(_another_encoding(data, error.start), SAVE_AS_UTF8) from None
    if "\0" in text:
        raise UnreadableTable("is not a text file, or is UTF-16 without a byte order mark", SAVE_AS_UTF8)
    return text


def _another_encoding(data: bytes, at: int) -> str:
    """The problem of a file whose first byte that is not UTF-8 is at this index."""
    line = data.count(b"\n", 0, at) + 1
    word = re.split(rb"[,;\t\r\n]", data[:at])[-1] + re.split(rb"[,;\t\r\n]", data[at:])[0]
    problem = f"is not UTF-8: byte {data[at]:#04x} on line {line}"
    try:
        return f'{problem}; perhaps it is Windows-1252, where this cell reads "{word.decode("cp1252").strip()[:40]}"'
    except UnicodeDecodeError:
        return problem


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row, with the line on which it begins."""
    lines = list(io.StringIO(_text(data), newline=""))  # a line ends at CR, LF or both
    skipped = next((at for at, line in enumerate(lines) if line.strip(" ,;\t\r\n")), len(lines))
    declared = _SEPARATOR_LINE.fullmatch(lines[skipped].rstrip("\r\n")) if skipped < len(lines) else None
    skipped += 1 if declared else 0
    while skipped < len(lines) and not lines[skipped].strip(" ,;\t\r\n"):
        skipped += 1
    first = re.sub(r'"[^"]*"', "", lines[skipped]) if skipped < len(lines) else ""
    separator = declared[1] if declared else max(",;\t", key=first.count)
    reader = csv.reader(lines[skipped:], delimiter=separator, strict=True, skipinitialspace=True)
    begins = skipped + 1
    try:
        for cells in reader:
            yield begins, cells
            begins = skipped + reader.line_num + 1
    except csv.Error as error:
        raise UnreadableTable(f"is not CSV: {error}", "check the quotes of this line", begins) from None


def _wrong_columns(header: list[str], rows: list[tuple[int, list[str]]]) -> Iterator[tuple[str, str, str]]:
    """Columns with the same name, and columns with content but no name: key, problem and cure."""
    first: dict[str, int] = {}
    for at, heading in enumerate(header):
        if not heading:
            held = next(((line, cells[at]) for line, cells in rows if len(cells) > at and cells[at]), None)
            if held:
                what = f'column {at + 1} has no name, but holds "{held[1][:40]}" on line {held[0]}'
                yield "", what, "name the column, or delete it"
            continue
        before = first.setdefault(column_key(heading), at)
        if before != at:
            yield heading, f"columns {before + 1} and {at + 1} both have this name", "rename or remove one of them"


def _without_empty_end(cells: Sequence[str]) -> list[str]:
    cells = list(cells)
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _under(keys: Mapping[int, str], cells: Sequence[str]) -> dict[str, str]:
    """Cells by key. Excel leaves out empty cells at the end of a row."""
    return {key: cells[at] if at < len(cells) else "" for at, key in keys.items()}


def _too_long(path: Path, line: int, cells: Sequence[str], header: Sequence[str]) -> Problem | None:
    many = len(_without_empty_end(cells))
    if many <= len(header):
        return None
    what = f"has {many} cells under {len(header)} columns"
    cure = "put quotes around cells with commas" if path.suffix.casefold() != SUFFIX else "give each column a heading"
    return Problem(str(path), "", line, what, cure)
