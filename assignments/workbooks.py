"""Reads one sheet of an Excel workbook (.xlsx) as rows of text, with pandas and openpyxl.

Workbooks come from staff: rosters and decisions. No student's file is opened here. Nothing in a workbook is run: a
formula is refused and never computed, a link is not followed, and macros are not read.

A cell is read as Excel shows it, or refused with its name. Excel stores what looks like a number as a number: 0012
shown by the format 0000 is 12 in the file, 40 % is 0.4, 39.96 shown to one decimal is 40.0, and a student number of 17
digits has lost its last two. Only the first of merged cells stores what all of them show.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SUFFIX: Final = ".xlsx"
MEGABYTES: Final = 10
SHEET_ROWS: Final = 20_000
SHEET_COLUMNS: Final = 200
CHARACTERS: Final = 200
"""The longest tag that names merged cells."""
DIGITS: Final = 15
"""Excel keeps so many digits of a number."""
_OTHER_KIND: Final = b"\xd0\xcf\x11\xe0"
"""The first bytes of an .xls, and of every workbook with a password."""
_ONE_TABLE: Final = "keep only the one table in it"
_AS_TEXT: Final = "format the column as Text and type the values again"
_PLAIN: Final = re.compile(r"General|@|[#,]*(?P<zeros>0*)(?:\.(?P<decimals>[0#]+))?(?P<power>E\+0+)?")
"""Formats that show a number's own digits, or some of them; `zeros` is the width to which zeros fill it up."""
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3}[0-9]{1,7})"')


@dataclass(frozen=True)
class ShownCell:
    """A cell as Excel shows it."""

    name: str
    """`B7`."""
    text: str
    problem: str = ""
    """Why its text is ambiguous, such as a formula: then it counts as what it is, and is not read."""


class UnreadableTable(Exception):
    """A table cannot be read: what is wrong, the cure, and the row if there is one."""

    def __init__(self, what: str, cure: str, row: int | None = None) -> None:
        super().__init__(what)
        self.what, self.cure, self.row = what, cure, row


def workbook_rows(data: bytes) -> tuple[list[tuple[int, list[str]]], list[UnreadableTable]]:
    """The rows of the one sheet that is not empty, with their numbers, and the problems of single cells.

    Raises:
        UnreadableTable: it is not a workbook, is too large, or has several sheets.
    """
    _refuse_unreadable(data)
    import pandas  # here: it takes 0.3 s, and most tables are CSV

    try:
        with pandas.ExcelFile(
            io.BytesIO(data), engine="openpyxl", engine_kwargs={"data_only": False, "keep_links": False}
        ) as file:
            name = _the_sheet(file.book)
            frame = pandas.read_excel(
                file,
                sheet_name=name,
                header=None,
                dtype=str,
                keep_default_na=False,
                na_filter=False,
                nrows=SHEET_ROWS + 1,
            )
            shown, problems = _shown(file.book[name])
            merged = _merged(file.book[name])
    except UnreadableTable:
        raise
    except Exception as error:  # noqa: BLE001 - a broken file makes zip, XML and openpyxl raise whatever they meet
        raise _not_a_workbook(error) from None
    if len(frame) > SHEET_ROWS or len(frame.columns) > SHEET_COLUMNS:
        raise UnreadableTable(f"has more than {SHEET_ROWS} rows or {SHEET_COLUMNS} columns", _ONE_TABLE)
    rows = frame.to_numpy().tolist()
    for (row, column), text in shown.items():
        rows[row - 1][column - 1] = text
    in_order = sorted(merged.items(), key=itemgetter(1))
    held = {cells: row for cells, (row, column) in in_order if _holds(rows, row, column)}
    return list(enumerate(rows, 1)), [*problems, *_merged_problem(held)]


def shown_sheets(data: bytes) -> dict[str, list[list[ShownCell]]]:
    """Every sheet of a workbook, by its name: the cells that are not empty, row by row.

    Raises:
        UnreadableTable: it is not a workbook, or is too large.
    """
    _refuse_unreadable(data)
    import openpyxl  # here: it takes 0.2 s, and most tables are CSV

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheets = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # another program may have stored wrong ones
            cells = sheet.iter_rows(max_row=SHEET_ROWS, max_col=SHEET_COLUMNS)
            rows = [[_shown_cell(cell) for cell in row if cell.value is not None] for row in cells]
            sheets[sheet.title] = [row for row in rows if row]
    except Exception as error:  # noqa: BLE001 - a broken file makes zip, XML and openpyxl raise whatever they meet
        raise _not_a_workbook(error) from None
    return sheets


def _shown_cell(cell: Cell) -> ShownCell:
    if cell.data_type == "s":
        return ShownCell(cell.coordinate, str(cell.value).strip())
    text = _as_shown(cell)
    return ShownCell(cell.coordinate, str(cell.value) if text is None else text, _problem(cell))


def _refuse_unreadable(data: bytes) -> None:
    if data.startswith(_OTHER_KIND):
        raise UnreadableTable("is an .xls, or has a password", f"save it as {SUFFIX}, without a password")
    if len(data) > MEGABYTES * 1e6:
        raise UnreadableTable(f"is larger than {MEGABYTES} MB", _ONE_TABLE)


def _not_a_workbook(error: Exception) -> UnreadableTable:
    what = f"is not a workbook that can be read ({type(error).__name__})"
    return UnreadableTable(what, f"save it as {SUFFIX}, or as CSV UTF-8")


def _the_sheet(book: Workbook) -> str:
    """The name of the one sheet that is not empty."""
    held = []
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # another program may have stored wrong ones
        rows = sheet.iter_rows(max_row=SHEET_ROWS, max_col=SHEET_COLUMNS)
        if any(cell.value is not None for row in rows for cell in row):
            held.append(sheet.title)
    if len(held) > 1:
        cure = "save the sheet to read as a file of its own"
        raise UnreadableTable(f"has {len(held)} sheets: {', '.join(held)}", cure)
    return held[0] if held else book.worksheets[0].title


def _shown(sheet: Worksheet) -> tuple[dict[tuple[int, int], str], list[UnreadableTable]]:
    """What Excel shows where it stores something else, by row and column; and the problems of single cells."""
    shown = {}
    problems: dict[tuple[int, str], list[Cell]] = {}
    for row in sheet.iter_rows(max_row=SHEET_ROWS, max_col=SHEET_COLUMNS):
        for cell in row:
            if cell.value is None or cell.data_type == "s":
                continue
            if problem := _problem(cell):
                problems.setdefault((cell.column, problem), []).append(cell)
            elif (text := _as_shown(cell)) is not None:
                shown[cell.row, cell.column] = text
    return shown, [_column_problem(problem, cells) for (_, problem), cells in problems.items()]


def _problem(cell: Cell) -> str:
    """Why a cell that is not text is ambiguous; empty if it is not."""
    if cell.data_type in _KINDS:
        return _KINDS[cell.data_type]
    if cell.data_type == "b":
        return ""
    if _PLAIN.fullmatch(cell.number_format) is None:
        return f'is shown in the format "{cell.number_format}"'
    if not isinstance(cell.value, int | float):
        return ""
    if abs(cell.value) >= 10**DIGITS:
        return f"holds a number of more than {DIGITS} digits, of which Excel keeps {DIGITS}"
    shown = _rounded(cell.value, cell.number_format)
    return "" if Decimal(shown) == Decimal(str(cell.value)) else f"holds {cell.value} and shows {shown}"


def _rounded(value: float, shown_as: str) -> str:
    """A number with as many decimals as its format shows; the formats General and Text show all."""
    plain, exact = _PLAIN.fullmatch(shown_as), Decimal(str(value))
    if plain is None or plain["zeros"] is None:
        return str(exact)
    decimals = len(plain["decimals"] or "")
    power = exact.adjusted() if plain["power"] else 0
    rounded = (exact.scaleb(-power)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded}E{power:+03}" if plain["power"] else str(rounded)


def _as_shown(cell: Cell) -> str | None:
    """What Excel shows for a truth value, or for a number that zeros fill up; None for other numbers."""
    if cell.data_type == "b":
        return "TRUE" if cell.value else "FALSE"
    plain = _PLAIN.fullmatch(cell.number_format)
    zeros = len(plain["zeros"] or "") if plain else 0
    if not isinstance(cell.value, int | float) or cell.value != int(cell.value) or zeros < 2:
        return None
    return f"{cell.value:0{zeros + (cell.value < 0)}.0f}"


def _merged(sheet: Worksheet) -> dict[str, tuple[int, str]]:
    """Merged cells, as B2:B4, with row and column of the first. Excel shows its text in all of them.

    They are searched in the sheet's XML: openpyxl names them only if it reads the whole workbook into memory.
    """
    merged, text = {}, b""
    with sheet._get_source() as xml:  # type: ignore[attr-defined]  # of a read-only sheet
        while chunk := xml.read(1 << 20):
            text = text[-CHARACTERS:] + chunk
            for column, row, last in (map(bytes.decode, cells) for cells in _MERGED.findall(text)):
                merged[f"{column}{row}:{last}"] = int(row), column
    return merged


def _holds(rows: Sequence[Sequence[str]], row: int, column: str) -> bool:
    """Whether a cell was read and is not empty."""
    from openpyxl.utils import column_index_from_string

    cells = rows[row - 1] if row <= len(rows) else ()
    at = column_index_from_string(column)
    return at <= len(cells) and bool(cells[at - 1].strip())


def _merged_problem(held: Mapping[str, int]) -> Iterator[UnreadableTable]:
    """All merged cells as one problem, at the row of the first."""
    if held:
        first, *more = held
        others = f", and so are {', '.join(more[:3])}{' and others' if more[3:] else ''}" if more else ""
        what = f"the cells {first} are merged{others}"
        yield UnreadableTable(what, "unmerge them, and fill in each cell", held[first])


def _column_problem(problem: str, cells: list[Cell]) -> UnreadableTable:
    """One problem for all cells of a column that have it."""
    more = f", and {len(cells) - 1} more cells of its column do too" if len(cells) > 1 else ""
    cure = _VALUES if problem == _KINDS["f"] else _AS_TEXT
    return UnreadableTable(f"cell {cells[0].coordinate} {problem}{more}", cure, cells[0].row)


_KINDS: Final = {"f": "holds a formula", "d": "holds a date or a time", "e": "holds what Excel calls an error"}
_VALUES: Final = "copy the column and paste its values"
