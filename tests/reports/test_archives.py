"""An archive's bytes follow from its contents alone."""

import io
import time
import zipfile

import openpyxl
import pytest

from reports.archives import archive, timeless
from reports.marksheet import marksheet
from reports.workbook import as_xlsx, table_file
from tests.reports.hand_made import assignment
from tests.reports.test_marksheet import GROUPS, MARKS


def entries(data):
    """Name, content and file mode of each entry, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        assert zipped.testzip() is None
        return [(each.filename, zipped.read(each), each.external_attr >> 16) for each in zipped.infolist()]


def test_files_keep_their_order_and_programs_can_be_run():
    data = archive({"run": b"#!/bin/sh\n", "a/ü.txt": "Zoë".encode()}, runnable=["run"])
    assert entries(data) == [("run", b"#!/bin/sh\n", 0o755), ("a/ü.txt", "Zoë".encode(), 0o644)]


@pytest.fixture
def another_hour(monkeypatch):
    """The clock as it stands a day later, for all who read it."""
    later = time.time() + 86_400

    class Later(openpyxl.writer.excel.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(later, tz)

    def tomorrow():
        monkeypatch.setattr(openpyxl.writer.excel.datetime, "datetime", Later)
        real = time.localtime
        monkeypatch.setattr(time, "localtime", lambda seconds=None: real(later if seconds is None else seconds))

    return tomorrow


def test_a_workbook_of_another_day_has_the_same_bytes(another_hour):
    table = marksheet(MARKS, assignment(), GROUPS, {})
    today = as_xlsx(table)
    another_hour()
    assert as_xlsx(table) == today


def test_a_workbook_without_its_time_is_the_same_workbook():
    out, book = io.BytesIO(), openpyxl.Workbook()
    book.active.append(["member", 61.5, "2026-11-20T10:00:00Z"])
    book.save(out)
    with_time, without = entries(out.getvalue()), entries(timeless(out.getvalue()))
    differ = [name for (name, data, _), (_, other, _) in zip(with_time, without, strict=True) if data != other]
    assert differ == ["docProps/core.xml"]
    sheet = openpyxl.load_workbook(io.BytesIO(timeless(out.getvalue()))).active
    assert [cell.value for cell in sheet[1]] == ["member", 61.5, "2026-11-20T10:00:00Z"]


def test_a_table_is_a_workbook_or_csv_that_begins_with_a_byte_order_mark():
    table = marksheet(MARKS, assignment(), GROUPS, {})
    assert table_file(table, ".XLSX") == as_xlsx(table)
    assert table_file(table, ".csv").startswith(b"\xef\xbb\xbfmember,name,")
