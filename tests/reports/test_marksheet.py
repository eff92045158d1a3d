"""One row a person; no mark is never a zero; no cell is a formula."""

import csv
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import openpyxl
import pandas
import pytest

from assignments.tables import read_table
from graders.course.roster import Group, Member
from graders.marks.personal import Adjustment
from reports.feedback import HandIn
from reports.marksheet import as_csv, csv_text, marksheet, marksheet_json
from reports.workbook import as_xlsx
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, mark, not_submitted, person
from tests.reports.hostile import HOSTILE
from tests.reports.test_personal import personal


def group(name, *members):
    people = tuple(Member.model_construct(id=f"{name}-{m}", name=m, email="a@b.ac.uk") for m in members)
    return Group.model_construct(name=name, members=people, repository="https://example.org/x.git")


GROUPS = [group("a", "Ada", "Zoë"), group("b", "Bo"), group("c", "Cy"), group("d", "Di"), group("e", "Ed")]
MARKS = [
    mark("a"),
    mark("b", person=person()),
    mark("c", checks=(*CHECKS[:2], check("z", "A line", None, 25)), accuracy=accuracy(None, None, None)),
    not_submitted("d"),
]


def sheet(marks=MARKS, groups=GROUPS, hand_ins=None):
    text = as_csv(marksheet(marks, assignment(), groups, hand_ins or {}))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_there_is_one_row_a_person_in_the_order_of_the_roster():
    assert [(row["member"], row["name"], row["group"]) for row in sheet()] == [
        ("a-Ada", "Ada", "a"),
        ("a-Zoë", "Zoë", "a"),
        ("b-Bo", "Bo", "b"),
        ("c-Cy", "Cy", "c"),
        ("d-Di", "Di", "d"),
        ("e-Ed", "Ed", "e"),
    ]


def test_a_mark_has_points_per_cent_and_its_criteria():
    row = sheet()[0]
    assert (row["status"], row["points"], row["out_of"], row["percent"]) == ("marked", "68.4", "100", "68.4")
    assert (row["criterion_tests"], row["criterion_accuracy"], row["criterion_report"]) == ("25", "22.4", "21")
    assert row["commit"] == "4f0c2b7d9e11a3b5c6d7e8f90123456789abcdef"


@pytest.mark.parametrize(
    ("place", "status"), [(2, "incomplete"), (3, "withheld"), (4, "not_submitted"), (5, "no_mark")]
)
def test_what_is_no_mark_is_an_empty_cell_and_a_status(place, status):
    row = sheet()[place]
    assert (row["status"], row["points"], row["percent"]) == (status, "", "")


def test_the_marked_part_of_an_incomplete_mark_stands_by_criterion():
    row = sheet()[2]
    assert (row["criterion_tests"], row["criterion_accuracy"], row["criterion_report"]) == ("25", "22.4", "")


def test_problems_stand_in_the_notes():
    row = sheet(hand_ins={"d": HandIn("d", problems=("No branch `main`.",))})[4]
    assert row["notes"] == "nothing was handed in: not the same as 0 / No branch `main`."


def test_pandas_reads_numbers_where_numbers_are_and_gaps_elsewhere():
    frame = pandas.read_csv(io.StringIO(as_csv(marksheet(MARKS, assignment(), GROUPS, {}))))
    assert frame["points"].dtype.kind == "f"
    assert frame["points"].isna().tolist() == [False, False, True, True, True, True]


def everything(text):
    """A sheet that holds a text wherever a person may have written one."""
    member = Member.model_construct(id=text, name=text, email="", more=((f"more {text}", text), ("points", text)))
    step = Adjustment("override", text, Fraction(60), Fraction(50), text)
    own = personal(member=text, group=text, trace=(step,), disputes=(text,))
    groups = [Group.model_construct(name=text, members=(member,))]
    hand_ins = {text: HandIn(text, problems=(text,))}
    return marksheet([mark(text, commit=text)], assignment(), groups, hand_ins, {text: own})


def by_the_standard_library(table):
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow([csv_text(heading) for heading in table.columns])
    for row in table.itertuples(index=False):
        numbers = ["" if cell is None else f"{float(cell):.9g}" for cell in row if not isinstance(cell, str)]
        rows.writerow([csv_text(cell) if isinstance(cell, str) else numbers.pop(0) for cell in row])
    return out.getvalue()


@pytest.mark.parametrize("text", [*HOSTILE, 'a "quoted", cell', "NA", "0012", "", " "])
def test_pandas_writes_a_csv_as_the_standard_library_does(text):
    table = everything(text)
    assert as_csv(table) == by_the_standard_library(table)


def test_a_course_without_people_has_a_sheet_with_a_header_alone():
    table = marksheet([], assignment(), [], {})
    assert as_csv(table).count("\r\n") == 1
    assert pandas.read_excel(io.BytesIO(as_xlsx(table))).columns.tolist() == list(table.columns)


@pytest.mark.parametrize("text", [*HOSTILE, "NA", "0012", "1e5", "TRUE", "#N/A", "=1+1", "a\ufffeb\uffff"])
def test_a_cell_of_text_is_text_in_a_workbook_too(text):
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(everything(text)))).active
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {(cell.data_type, cell.number_format) for cell in cells} == {("s", "@"), ("n", "General")}
    heading = {cell.value: cell.column for cell in sheet[1]}
    shown = sheet.cell(2, heading["name"]).value or ""
    assert shown == re.sub("[\ufffe\uffff]", "\ufffd", csv_text(text))
    assert sheet.cell(2, heading["percent"]).value == 53.9


def test_numbers_of_a_workbook_are_numbers_and_what_is_not_a_mark_is_an_empty_cell():
    frame = pandas.read_excel(io.BytesIO(as_xlsx(marksheet(MARKS, assignment(), GROUPS, {}))))
    assert frame["points"].tolist()[:2] == [68.4, 68.4]
    assert frame["points"].isna().tolist() == [False, False, True, True, True, True]
    assert frame["commit"].isna().tolist()[-1]


def test_a_text_that_no_cell_of_a_workbook_holds_is_cut_and_says_so():
    table = everything("x" * 40_000)
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(table))).active
    assert len(sheet["A2"].value) == 32_767
    assert sheet["A2"].value.endswith("x [cut: marksheet.json has the whole]")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_cell_can_become_a_formula(text):
    groups = [Group.model_construct(name=text, members=(Member.model_construct(id=text, name=text, email=""),))]
    hand_ins = {text: HandIn(text, problems=(text, text))}
    row = sheet([mark(text, commit=text)], groups, hand_ins)[0]
    for column in ("member", "name", "group", "commit", "notes"):
        for cell in (row[column], *row[column].split(";"), *row[column].split(",")):
            assert not cell.strip().startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))
        assert "\x1b" not in row[column]
        assert "\n" not in row[column]
    assert float(row["points"]) == 68.4


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd()", "'=cmd()"),
        ("  =cmd()", "  '=cmd()"),
        ("\t=1+1", " '=1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("a, @b", "a, '@b"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-3.5", "'-3.5"),
        ("Anna-Lena Groß", "Anna-Lena Groß"),
        ("a=b", "a=b"),
        ("x@y.ac.uk", "x@y.ac.uk"),
    ],
)
def test_a_text_cell_is_changed_only_where_it_would_run(text, cell):
    assert csv_text(text) == cell


def test_numbers_stay_numbers_also_below_zero():
    lowered = mark("a", points=-MARKS[0].points)
    assert sheet([lowered], GROUPS[:1])[0]["points"] == "-68.4"


def test_json_holds_the_same_with_null_for_no_mark():
    people = json.loads(marksheet_json(MARKS, assignment(), GROUPS, {}))["people"]
    assert [person["points"] for person in people] == [68.4, 68.4, None, None, None, None]
    assert people[2]["criteria"] == {"tests": 25.0, "accuracy": 22.4, "report": None}
    assert people[1]["name"] == "Zoë"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_keeps_texts_as_they_are_and_is_plain_ascii(text):
    groups = [Group.model_construct(name=text, members=(Member.model_construct(id=text, name=text, email=""),))]
    page = marksheet_json([mark(text)], assignment(), groups, {})
    assert page.isascii()
    assert json.loads(page)["people"][0]["name"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_beside_a_persons_mark_is_one_plain_cell_that_no_sheet_runs(text):
    step = Adjustment("override", text, Fraction(60), Fraction(50), text)
    own = personal(member="a-Ada", group="a", trace=(step,), disputes=(text,))
    page = as_csv(marksheet(MARKS, assignment(), GROUPS, {}, {"a-Ada": own}))
    rows = list(csv.DictReader(io.StringIO(page, newline="")))
    cell = rows[0]["adjustments"]
    assert cell.startswith("override: 60 % to 50 % (")
    assert not set(cell) & set("\x1b\x9b\r\n\u202e\u2066\ud800")
    for part in (*cell.split(";"), *cell.split(",")):
        assert not part.strip().startswith(tuple("=+-@\uff1d"))
    assert [row["adjustments"] for row in rows[1:]] == [""] * 5


def test_points_of_a_criterion_are_rounded_half_up_as_everything_that_is_shown():
    points = Decimal("20.125")  # half to even would be 20.12
    (row,) = sheet([mark("a", person=replace(person(), points=points, exact=Fraction(points)))], [group("a", "Ada")])
    assert row["criterion_report"] == "20.13"


def test_no_two_columns_of_a_sheet_have_one_name(tmp_path):
    more = (("Notes", "a"), ("roster_notes", "b"), ("roster_Notes", "c"), ("office", "d"))
    member = group("a", "Ada").members[0].model_copy(update={"more": more})
    people = [Group.model_construct(name="a", members=(member,), repository="https://a.b/c")]
    (tmp_path / "sheet.csv").write_text(as_csv(marksheet([], assignment(), people, {})), encoding="utf-8")
    again, problems = read_table(tmp_path / "sheet.csv")
    assert problems == []
    assert list(again.rows[0].cells.values())[-4:] == ["a", "b", "c", "d"]


def test_a_sheet_that_is_read_again_names_its_people_as_the_roster_does(tmp_path):
    """Markers fill the sheet in and hand it back: what guards a cell in it is not part of an id."""
    people = [group("-1", "Ada"), group("+44", "Zoë"), group("=A1", "Bo"), group("\u22125", "Cy"), group("0012", "Di")]
    table = marksheet([], assignment(), people, {})
    (tmp_path / "sheet.csv").write_text(as_csv(table), encoding="utf-8")
    (tmp_path / "sheet.xlsx").write_bytes(as_xlsx(table))
    for name in ("sheet.csv", "sheet.xlsx"):
        again, _ = read_table(tmp_path / name)
        assert [row.cells["member"] for row in again.rows] == ["-1-Ada", "+44-Zoë", "=A1-Bo", "\u22125-Cy", "0012-Di"]
