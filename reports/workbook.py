"""Several tables as one workbook for spreadsheets. Equal tables give equal bytes: no clock of this machine is in it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reports.marksheet import workbook_text

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

NARROWEST, WIDEST = 8, 60
"""Characters that a column has room for."""
A4: Final = 9
"""Paper, as OOXML numbers it."""


def workbook(sheets: Mapping[str, pandas.DataFrame], *, title: str, at: datetime) -> bytes:
    """A workbook with a sheet for each table: text is text and never a formula, numbers are numbers.

    Args:
        sheets: By name: the tables. Texts are `str`, numbers `Decimal`, `int` or `float`; None is an empty cell.
        title: Of the document.
        at: When the document was made, as its properties say.
    """
    from openpyxl import Workbook
    from openpyxl.packaging.core import DocumentProperties
    from openpyxl.writer.excel import ExcelWriter

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties = DocumentProperties(creator="medmark", title=workbook_text(title), created=at, modified=at)
    for name, table in sheets.items():
        _fill(book.create_sheet(name), table)
    out = io.BytesIO()
    # `Workbook.save` would write the time of this machine into the properties and into the archive.
    ExcelWriter(book, _Undated(out, mode="w", compression=zipfile.ZIP_DEFLATED)).save()
    return out.getvalue()


class _Undated(zipfile.ZipFile):
    """An archive whose members have no time of their own."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        info = zipfile.ZipInfo(str(zinfo_or_arcname))  # dated 1980, where such archives begin
        info.compress_type, info.external_attr = self.compression, 0o600 << 16
        super().writestr(info, data)

    def write(self, filename: str | PathLike[str], arcname: Any = None, *_: Any, **__: Any) -> None:
        self.writestr(arcname, Path(filename).read_bytes())


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
