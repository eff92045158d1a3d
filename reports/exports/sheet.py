"""A delimited text file that another system gave out, edited in place: all bytes but those of the cells set stay.

A platform finds its own sheet again by marks that a reader of tables drops: byte order mark, line ends, quotes, the
order and number of columns. So a sheet keeps the text it was read from, and where in it each cell lies.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assignments.errors import UserError

_ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Cell:
    """One cell and where it lies."""

    text: str
    """Without its quotes."""
    start: int
    """Index of its first character in the sheet's text, an opening quote included."""
    end: int
    quoted: bool


@dataclass(frozen=True)
class Line:
    """One row."""

    number: int
    """The line of the file on which it begins."""
    cells: tuple[Cell, ...]

    def text(self, column: int) -> str:
        """A cell's text; empty beyond the end of the row."""
        return self.cells[column].text if column < len(self.cells) else ""


@dataclass(frozen=True)
class Sheet:
    """A file as it came, and its cells."""

    name: str
    mark: bytes
    """Its byte order mark; empty without one."""
    encoding: str
    text: str
    delimiter: str
    lines: tuple[Line, ...]
    """Header first. Empty lines do not count."""

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(cell.text for cell in self.lines[0].cells)

    def with_cells(self, texts: Mapping[tuple[int, int], str]) -> bytes:
        """The file with other texts in some cells, by index in `lines` and column.

        A cell keeps its quotes, and gets quotes where its new text needs them.
        """
        parts, done = [], 0
        for (row, column), text in sorted(texts.items()):
            cell = self.lines[row].cells[column]
            parts += [self.text[done : cell.start], self._written(text, quoted=cell.quoted)]
            done = cell.end
        return self.mark + "".join([*parts, self.text[done:]]).encode(self.encoding)

    def _written(self, text: str, *, quoted: bool) -> str:
        if quoted or any(letter in text for letter in ('"', "\r", "\n", self.delimiter)):
            return '"' + text.replace('"', '""') + '"'
        return text


def read_sheet(name: str, data: bytes, *, is_exempt: Callable[[Line], bool] | None = None) -> Sheet:
    """The sheet in these bytes.

    Args:
        name: What messages call the file.
        is_exempt: Of a row of another length than the header's, whether the platform itself writes such rows.

    Raises:
        UserError: it is not a delimited text, or a row has more or fewer cells than the header: says which.
    """
    mark, encoding = next(((mark, each) for mark, each in _ENCODINGS if data.startswith(mark)), (b"", "utf-8"))
    again = "Download the sheet again, and do not save it from a spreadsheet"
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        number = data[: len(mark) + error.start].count(b"\n") + 1
        raise UserError(f"{name}:{number}: is not text in {encoding}. {again}.") from None
    if data.startswith(b"PK") or "\0" in text:
        raise UserError(f"{name}: is not a delimited text file. {again}: export it as CSV.")
    first = text.splitlines()[0] if text.strip() else ""
    if not first:
        raise UserError(f"{name}: is empty. {again}.")
    delimiter = max(DELIMITERS, key=_outside_quotes(first).count)
    lines = tuple(_lines(name, text, delimiter))
    for line in lines[1:]:
        if len(line.cells) != len(lines[0].cells) and not (is_exempt and is_exempt(line)):
            raise UserError(
                f"{name}:{line.number}: this row has {len(line.cells)} cells, and the header has "
                f"{len(lines[0].cells)}. {again}: nothing was written, because a mark could stand under another column."
            )
    return Sheet(name, mark, encoding, text, delimiter, lines)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _lines(name: str, text: str, delimiter: str) -> Iterator[Line]:
    """The rows of a text; a cell in quotes may hold delimiters, quotes written twice, and line ends."""
    at, number = 0, 1
    while at < len(text):
        cells, begins = [], at
        while True:
            cell = _cell(name, text, at, delimiter, number)
            cells.append(cell)
            at = cell.end
            if at < len(text) and text[at] == delimiter:
                at += 1
                continue
            break
        at += 2 if text[at : at + 2] == "\r\n" else 1
        if len(cells) > 1 or cells[0].text or cells[0].quoted:
            yield Line(number, tuple(cells))
        number += _line_ends(text[begins:at])


def _line_ends(text: str) -> int:
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def _cell(name: str, text: str, start: int, delimiter: str, number: int) -> Cell:
    """The cell that begins at an index."""
    ends = (delimiter, "\r", "\n")
    if text[start : start + 1] != '"':
        end = start
        while end < len(text) and text[end] not in ends:
            end += 1
        return Cell(text[start:end], start, end, quoted=False)
    at, inside = start + 1, []
    while True:
        quote = text.find('"', at)
        if quote < 0:
            raise UserError(f"{name}:{number}: a quote is opened and not closed. Download the sheet again.")
        inside.append(text[at:quote])
        after = text[quote + 1 : quote + 2]
        if not after or after in ends:
            return Cell("".join(inside), start, quote + 1, quoted=True)
        inside.append('"')  # written twice; PHP, which Moodle runs on, leaves it single behind a backslash
        at = quote + (2 if after == '"' else 1)
