"""A workbook of several tables: text is never a formula, and equal tables give equal bytes at any time."""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pandas
import pytest

from reports.workbook import workbook
from tests.reports.hostile import HOSTILE

AT = datetime(2027, 1, 20, 9)


def table(*rows, columns=("who", "mark")):
    return pandas.DataFrame(list(rows), columns=list(columns), dtype=object)


def read(data):
    return openpyxl.load_workbook(io.BytesIO(data))


def cells(data, sheet):
    return [[cell.value for cell in row] for row in read(data)[sheet].iter_rows()]


def test_numbers_are_numbers_texts_are_texts_and_nothing_is_an_empty_cell():
    data = workbook({"marks": table(["0012", Decimal("62.5")], ["a", None], ["b", float("nan")])}, title="x", at=AT)
    assert cells(data, "marks") == [["who", "mark"], ["0012", 62.5], ["a", None], ["b", None]]
    sheet = read(data)["marks"]
    assert [sheet["A2"].data_type, sheet["A2"].number_format, sheet["B2"].data_type] == ["s", "@", "n"]


@pytest.mark.parametrize("text", [*HOSTILE, "#N/A", "=1", "1e5", "a" * 40_000])
def test_no_text_is_a_formula_or_an_error(text):
    data = workbook({"x": table([text, Decimal(1)], columns=[text, "mark"])}, title=text, at=AT)
    for row in read(data)["x"].iter_rows():
        for cell in row:
            assert cell.data_type in ("s", "n", "inlineStr")
            assert not str(cell.value).startswith(("=", "+", "-", "@"))


def test_sheets_stand_in_their_order_with_a_header_that_stays_and_paper_across():
    book = read(workbook({"marks": table(["a", 1]), "read-me": table()}, title="Board", at=AT))
    assert book.sheetnames == ["marks", "read-me"]
    sheet = book["marks"]
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == ("B2", "$1:$1", "landscape")
    assert sheet.page_setup.paperSize == 9


def test_no_clock_of_this_machine_is_in_it(monkeypatch):
    made = {"marks": table(["a", 1])}
    data = workbook(made, title="Board", at=AT)
    dates = {info.date_time for info in zipfile.ZipFile(io.BytesIO(data)).infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    assert (read(data).properties.created, read(data).properties.modified) == (AT, AT)
    assert str(datetime.now(UTC).year).encode() not in zipfile.ZipFile(io.BytesIO(data)).read("docProps/core.xml")
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 2, 3, 4, 5, 6, 0, 34, 0))
    assert workbook(made, title="Board", at=AT) == data
