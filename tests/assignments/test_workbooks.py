"""Workbooks of Excel as tables: a cell is what Excel shows, or is refused by its name."""

from __future__ import annotations

import datetime
import io
import random
import subprocess
import sys
import zipfile

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from assignments import workbooks
from assignments.tables import read_table
from graders.course.roster import read_roster, roster_path
from graders.course.roster_columns import HEADER, Columns


def workbook(path, *rows, formats=None, sheets=None):
    """A workbook with these rows, written by openpyxl; `formats` by cell, further sheets by name."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for cell, shown_as in (formats or {}).items():
        sheet[cell].number_format = shown_as
    for name, cell in (sheets or {}).items():
        book.create_sheet(name)["B2"] = cell
    book.save(path)
    return path


def rows(path):
    table, problems = read_table(path)
    assert [str(problem) for problem in problems] == []
    return [dict(row.cells) for row in table.rows]


def problems_of(path):
    table, problems = read_table(path)
    assert table is None
    return [str(problem).removeprefix(f"{path.parent}/") for problem in problems]


TEXTS = ["NA", "0012", "1e5", "TRUE", "nan", "None", "-", "null", "1,5", "2027-01-15", "'x", "#N/A", "  Zoë  O'Brien "]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_cell_of_text_stays_that_text(tmp_path, suffix, text):
    path = tmp_path / f"people{suffix}"
    if suffix == ".csv":
        path.write_text(f'member,name\ns1,"{text}"\n', encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        book.active.append(["member", "name"])
        book.active.append(["s1", text])
        book.active["B2"].data_type = "s"  # openpyxl would make an error of #N/A
        book.save(path)
    assert rows(path) == [{"member": "s1", "name": text.strip()}]


@pytest.mark.parametrize(
    ("value", "shown_as", "text"),
    [
        (12345678, "General", "12345678"),  # a student number that was typed
        (62, "General", "62"),
        (62.5, "General", "62.5"),
        (-3, "0", "-3"),
        (-7, "000", "-007"),
        (12, "0000", "0012"),  # what Excel shows by this format
        (68.4, "0.00", "68.4"),
        (1234.0, "#,##0", "1234"),
        (100000, "0.00E+00", "100000"),
        (999_999_999_999_999, "0", "999999999999999"),
        (True, "General", "TRUE"),
        (False, "General", "FALSE"),
    ],
)
def test_a_number_is_read_as_excel_shows_its_digits(tmp_path, value, shown_as, text):
    path = workbook(tmp_path / "t.xlsx", ["member", "value"], ["s1", value], formats={"B2": shown_as})
    assert rows(path) == [{"member": "s1", "value": text}]


@pytest.mark.parametrize(
    ("value", "shown_as", "what"),
    [
        (0.4, "0%", 'is shown in the format "0%"; format the column as Text'),  # 40 %, which would be read as 0.4
        (7, '"s"0', 'is shown in the format ""s"0"'),  # s7
        (12.5, '0.00 "points"', "is shown in the format"),
        (39.96, "0.0", "holds 39.96 and shows 40.0; format the column as Text"),  # a pass, or not
        (62.5, "0", "holds 62.5 and shows 63"),  # Excel rounds half away from 0
        (-62.5, "#,##0", "holds -62.5 and shows -63"),
        (2.675, "0.00", "holds 2.675 and shows 2.68"),  # by its digits, not by those of its binary fraction
        (123456, "0.00E+00", "holds 123456 and shows 1.23E+05"),
        (5, "000-0", "is shown in the format"),
        (datetime.date(2027, 1, 15), "yyyy-mm-dd", "holds a date or a time; format the column as Text"),
        (datetime.datetime(2027, 1, 15, 12), "dd mmm hh:mm", "holds a date or a time"),
        (12345678901234567, "0", "holds a number of more than 15 digits, of which Excel keeps 15"),
        ("=1+1", "General", "holds a formula; copy the column and paste its values"),
        ("#N/A", "General", "holds what Excel calls an error"),
    ],
)
def test_an_ambiguous_cell_is_refused_by_its_name(tmp_path, value, shown_as, what):
    path = workbook(tmp_path / "t.xlsx", ["member", "value"], ["s1", value], formats={"B2": shown_as})
    (line,) = problems_of(path)
    assert line.startswith(f"t.xlsx:2: cell B2 {what}")


def test_a_column_of_such_cells_is_one_problem_and_each_kind_is_reported(tmp_path):
    many = [[f"s{at}", "=A2", 0.5] for at in range(30)]
    path = workbook(tmp_path / "t.xlsx", ["member", "a", "b"], *many, formats={f"C{at}": "0%" for at in range(2, 32)})
    assert problems_of(path) == [
        "t.xlsx:2: cell B2 holds a formula, and 29 more cells of its column do too; "
        "copy the column and paste its values",
        't.xlsx:2: cell C2 is shown in the format "0%", and 29 more cells of its column do too; '
        "format the column as Text and type the values again",
    ]


def test_merged_cells_are_refused_since_only_one_row_holds_their_text(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["group", "value"], ["g1", 3], ["g2", None], ["g3", None], ["g4", 5], [None, 6]):
        sheet.append(row)
    for cells in ("B2:B4", "A5:A6", "D1:E1"):  # the last ones hold nothing
        sheet.merge_cells(cells)
    book.save(path := tmp_path / "t.xlsx")
    assert problems_of(path) == [
        "t.xlsx:2: the cells B2:B4 are merged, and so are A5:A6; unmerge them, and fill in each cell"
    ]


def test_a_row_has_the_number_that_excel_shows_beside_it(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [], ["a", "b"], [], ["1", "2"], ["3", "4", "5"])
    table, _ = read_table(path)
    assert (table.line, [row.line for row in table.rows]) == (2, [4, 5])
    assert str(table.rows[1].problem).endswith("t.xlsx:5: has 3 cells under 2 columns; give each column a heading")


def test_columns_and_rows_without_content_are_left_out(tmp_path):
    held = [None, "a", None, "b"], [None, "1", None, "2"]
    path = workbook(tmp_path / "t.xlsx", *held, [None], [None, None, None, " "])
    assert rows(path) == [{"a": "1", "b": "2"}]


def test_two_sheets_with_content_are_refused(tmp_path):
    table = ["a", "b"], ["1", "2"]
    assert rows(workbook(tmp_path / "one.xlsx", *table, sheets={"Sheet2": None})) == [{"a": "1", "b": "2"}]
    assert problems_of(workbook(tmp_path / "two.xlsx", *table, sheets={"Tuesday": "x"})) == [
        "two.xlsx: has 2 sheets: Sheet, Tuesday; save the sheet to read as a file of its own"
    ]


def test_a_workbook_without_content_is_empty(tmp_path):
    assert problems_of(workbook(tmp_path / "t.xlsx")) == ["t.xlsx: is empty"]


def test_a_file_that_is_not_a_workbook_says_so(tmp_path):
    cases = {
        "text.xlsx": (b"member,name\n", "is not a workbook that can be read (BadZipFile); save it as .xlsx, or as CSV"),
        "old.xlsx": (bytes.fromhex("d0cf11e0a1b11ae1"), "is an .xls, or has a password; save it as .xlsx, without"),
        "empty.xlsx": (b"", "is not a workbook that can be read"),
    }
    for name, (data, what) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert problems_of(tmp_path / name)[0].startswith(f"{name}: {what}")
    assert str(read_table(tmp_path / "none.xlsx")[1][0]).endswith("none.xlsx: is missing")


def test_a_spoiled_workbook_is_a_problem_or_a_table_and_never_a_traceback(tmp_path):
    whole = workbook(tmp_path / "t.xlsx", ["member", "value"], *([f"s{at}", at] for at in range(5))).read_bytes()
    dice = random.Random(7)
    for _ in range(150):
        data = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.3 else whole)
        for _ in range(dice.randrange(4)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "t.xlsx").write_bytes(data)
        table, problems = read_table(tmp_path / "t.xlsx")
        assert (table is None) == bool(problems)


def rewritten(path, part, change):
    """The workbook with one of its parts changed."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            content = before.read(name).decode()
            after.writestr(name, change(content) if name == part else content)
    return path


def test_entities_that_grow_are_refused(tmp_path):
    grow = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "{"ha" * 50}">{grow}]>'  # 10 TB
    path = workbook(tmp_path / "t.xlsx", ["member", "value"], ["s1", "bomb"])
    rewritten(path, "xl/worksheets/sheet1.xml", lambda xml: head + xml.replace("bomb", "&a11;"))
    assert "is not a workbook that can be read" in problems_of(path)[0]


def test_an_entity_opens_no_file(tmp_path):
    (tmp_path / "secret").write_text("canary", encoding="utf-8")
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    path = workbook(tmp_path / "t.xlsx", ["member", "value"], ["s1", "bomb"])
    rewritten(path, "xl/worksheets/sheet1.xml", lambda xml: head + xml.replace("bomb", "&a;"))
    table, problems = read_table(path)
    assert "canary" not in f"{table}{problems}"


def test_what_is_too_large_for_a_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "SHEET_ROWS", 3)
    path = workbook(tmp_path / "t.xlsx", ["a"], *(["x"] for _ in range(3)))
    assert problems_of(path) == ["t.xlsx: has more than 3 rows or 200 columns; keep only the one table in it"]
    wide = workbook(tmp_path / "wide.xlsx", ["a" + get_column_letter(at) for at in range(1, 202)])
    assert "or 200 columns" in problems_of(wide)[0]
    monkeypatch.setattr(workbooks, "MEGABYTES", 1e-3)
    assert "is larger than 0.001 MB" in problems_of(path)[0]


def test_a_roster_may_be_a_workbook(tmp_path):
    people = ["g1", "0012", "Ada", "ada@ucl.ac.uk", "https://a.org/b/c"], ["g1", 34567890, "Alan", "al@ucl.ac.uk", None]
    roster = read_roster(workbook(tmp_path / "roster.xlsx", HEADER.split(","), *people), False, Columns())
    (group,) = roster.groups
    assert [member.id for member in group.members] == ["0012", "34567890"]
    assert roster.stops == roster.row_problems == []


def test_two_rosters_are_refused(tmp_path):
    assert roster_path(tmp_path).name == "roster.csv"
    path = workbook(
        tmp_path / "roster.xlsx", HEADER.split(","), ["g1", "s1", "Ada", "a@ucl.ac.uk", "https://a.org/b/c"]
    )
    assert roster_path(tmp_path) == path
    (tmp_path / "roster.csv").write_text(f"{HEADER}\n", encoding="utf-8")
    for roster_file in (path, roster_path(tmp_path)):
        (problem,) = read_roster(roster_file, False, Columns()).stops
        assert "this folder has two rosters: roster.csv and roster.xlsx; remove one" in str(problem)


def test_a_table_of_text_is_read_without_pandas(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    code = (
        "import sys, pathlib; from assignments.tables import read_table\n"
        f"assert read_table(pathlib.Path({str(tmp_path / 't.csv')!r}))[1] == []\n"
        "print(*({'pandas', 'openpyxl', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
