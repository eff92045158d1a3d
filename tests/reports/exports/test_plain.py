"""The plain formats are the mark sheet that `medmark report` writes, byte for byte."""

import csv
import io
import json
from decimal import Decimal

import openpyxl
import pytest

from assignments.errors import UserError
from reports.exports import plain
from reports.exports.export import ExportRules, RowOutcome
from reports.write import write_reports
from tests.reports.exports.cohort_made import GROUPS, PEOPLE, ROSTER, cohort
from tests.reports.hand_made import assignment, hand_in

NONE = ExportRules()
FORMATS = (plain.csv, plain.xlsx, plain.json)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """By suffix: the mark sheet of `medmark report`."""
    folder = tmp_path_factory.mktemp("reports")
    groups = list(GROUPS.values())
    names = {name: name for name in GROUPS}
    hand_ins = {name: hand_in(name=name) for name in GROUPS}
    people = list(PEOPLE.values())
    written = write_reports(
        folder, assignment(), groups, ROSTER, hand_ins, names, people=people, sheet=folder / "sheet.xlsx"
    )
    return {
        ".csv": written.marksheet_csv.read_bytes(),
        ".json": written.marksheet_json.read_bytes(),
        ".xlsx": (folder / "sheet.xlsx").read_bytes(),
    }


@pytest.mark.parametrize(("fill", "suffix"), [(plain.csv, ".csv"), (plain.xlsx, ".xlsx"), (plain.json, ".json")])
def test_an_export_is_the_mark_sheet_of_the_report_byte_for_byte(fill, suffix, reported):
    marks = cohort(hand_ins={name: hand_in(name=name) for name in GROUPS})
    assert fill(b"", marks, ROSTER, NONE).data == reported[suffix]


@pytest.mark.parametrize("fill", FORMATS)
def test_there_is_a_line_for_each_person_and_no_zero_for_a_missing_mark(fill):
    filled = fill(b"", cohort(), ROSTER, NONE)
    empty = "its cells are empty, and the status says so"
    assert [(line.outcome, line.who, line.mark, line.why) for line in filled.lines] == [
        (RowOutcome.WRITTEN, "ada", "68.4", ""),
        (RowOutcome.WRITTEN, "bo", "53.4", ""),
        (RowOutcome.NO_MARK, "cy", "", f"Marked in part: {empty}"),
        (RowOutcome.NO_MARK, "di", "", f"Not submitted: {empty}"),
        (RowOutcome.WRITTEN, "ed", "0", ""),
    ]


def test_the_csv_has_each_own_mark_and_no_formula():
    data = plain.csv(b"", cohort(), ROSTER, NONE).data
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [(row["member"], row["status"], row["points"]) for row in rows] == [
        ("ada", "marked", "68.4"),
        ("bo", "marked", "53.4"),
        ("cy", "incomplete", ""),
        ("di", "not_submitted", ""),
        ("ed", "marked", "0"),
    ]
    assert [row["name"] for row in rows] == ["Ada Byron", 'Bo, "B" Ng', "'=cmd()", "مريم حسن", "Edgnp"]


def test_the_workbook_has_numbers_as_numbers_and_names_as_text():
    data = plain.xlsx(b"", cohort(), ROSTER, NONE).data
    head, *rows = openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    rows = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["points"] for row in rows] == [68.4, 53.4, None, None, 0]
    assert rows[2]["name"] == "'=cmd()"


def test_the_json_has_names_as_they_are_and_the_version_of_the_pages():
    sheet = json.loads(plain.json(b"", cohort(version=2), ROSTER, NONE).data)
    assert sheet["version"] == 2
    assert [entry["name"] for entry in sheet["people"]][2:4] == ["=cmd()", "مريم حسن"]
    assert [entry["points"] for entry in sheet["people"]] == [68.4, 53.4, None, None, 0]


@pytest.mark.parametrize("fill", FORMATS)
def test_marks_of_no_run_are_nobodys_zero(fill):
    filled = fill(b"", cohort(groups={}, people={}, hand_ins={}), ROSTER, NONE)
    assert {(line.outcome, line.mark) for line in filled.lines} == {(RowOutcome.NO_MARK, "")}


@pytest.mark.parametrize("fill", FORMATS)
@pytest.mark.parametrize("rules", [ExportRules("x"), ExportRules(maximum=Decimal(50)), ExportRules(members={"1": "a"})])
def test_what_the_format_has_no_use_for_is_refused(fill, rules):
    with pytest.raises(UserError, match=r"^--(column|maximum|members): .* has no use for it: leave it out$"):
        fill(b"", cohort(), ROSTER, rules)
