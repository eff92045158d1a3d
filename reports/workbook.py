"""Tables as a workbook for spreadsheets. Equal tables give equal bytes: no clock of this machine is in it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from reports.archives import EARLIEST, timeless
from reports.marksheet import as_csv, csv_text

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

NARROWEST, WIDEST = 8, 60
"""Characters that a column has room for."""
A4: Final = 9
"""Paper, as OOXML numbers it."""
CELL: Final = 32_767
"""Characters that a cell of a workbook may have."""
CUT: Final = " [cut: marksheet.json has the whole]"
NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def table_file(table: pandas.DataFrame, suffix: str) -> bytes:
    """A table as the content of a file that people open: a workbook for `.xlsx`, else CSV."""
    if suffix.casefold() == ".xlsx":
        return as_xlsx(table)
    return ("\ufeff" + as_csv(table)).encode()  # the byte order mark tells spreadsheets that the names are UTF-8


def as_xlsx(table: pandas.DataFrame) -> bytes:
    """A mark sheet as a workbook of one sheet."""
    return workbook({"marks": table})


def workbook(sheets: Mapping[str, pandas.DataFrame], *, title: str = "", at: datetime = EARLIEST) -> bytes:
    """A workbook with a sheet for each table: text is text and never a formula, numbers are numbers.

    Texts are guarded like those of a CSV: saving the workbook as CSV produces no formula either. 0012 stays 0012.

    Args:
        sheets: By name: the tables. Texts are `str`, numbers `Decimal`, `int` or `float`; None is an empty cell.
        title: Of the document.
        at: When the document was made, as its properties say.
    """
    from openpyxl import Workbook
    from openpyxl.packaging.core import DocumentProperties

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties = DocumentProperties(creator="medmark", title=workbook_text(title))
    for name, table in sheets.items():
        _fill(book.create_sheet(name), table)
    out = io.BytesIO()
    book.save(out)
    return timeless(out.getvalue(), at)


def workbook_text(text: str) -> str:
    """A text that a cell of a workbook can hold."""
    text = NOT_XML.sub("\ufffd", csv_text(text))
    return text if len(text) <= CELL else text[: CELL - len(CUT)] + CUT


def _fill(sheet: Any, table: pandas.DataFrame) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    bold, wrapped = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    top = Alignment(vertical="top")
    widths = [NARROWEST] * len(table.columns)
    rows = [list(table.columns), *table.itertuples(index=False, name=None)]
    for at, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            if value is None or value == "" or value != value:
                continue
            cell = sheet.cell(at, column)
            if isinstance(value, str):
                cell.value = text = workbook_text(value)
                cell.data_type, cell.number_format = "s", "@"  # openpyxl reads =1 as a formula and #N/A as an error
            else:
                cell.value, text = float(value) if isinstance(value, Decimal) else value, str(value)
            widths[column - 1] = max(widths[column - 1], min(WIDEST, len(text) + 2))
            cell.alignment = wrapped if len(text) > WIDEST else top
            if at == 1:
                cell.font = bold
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddFooter.center.text = "&A, page &P of &N"
