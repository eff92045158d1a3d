"""Brightspace sets what the lines say, and the rest of its export stays byte for byte."""

from decimal import Decimal

import pytest

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.brightspace import fill
from reports.exports.export import ExportRules, RowOutcome
from tests.reports.exports.gradebook_readers import brightspace
from tests.reports.exports.marks_made import alone, marks, member

EXPORT = (
    b"OrgDefinedId,Username,Last Name,MLP classifier Points Grade <Numeric MaxPoints:75 Weight:10>,"
    b"U-Net coursework Points Grade <Numeric MaxPoints:100>,Calculated Final Grade Numerator,End-of-Line Indicator\r\n"
    b'#25001234,#zcabc01,"Byron, Jr.",73,,41.5,#\r\n'
    b"#25001235,#zcabc02,Murray,53.5,50,,#\r\n"
)
ROSTER = alone(member("25001234", username="zcabc01"), member("25001235", username="zcabc02"))
MAXIMA = {"MLP classifier": 75, "U-Net coursework": 100}
BEFORE = {
    ("MLP classifier", "25001234"): 73,
    ("MLP classifier", "25001235"): 53.5,
    ("U-Net coursework", "25001235"): 50,
}
NONE = ExportRules()


def lines(filled):
    return [(line.outcome, line.who, line.mark) for line in filled.lines]


def test_the_item_with_the_assignments_title_is_filled_and_nothing_else_differs():
    filled = fill(EXPORT, marks({"25001234": "61.5", "25001235": "0"}), ROSTER, NONE)
    assert lines(filled) == [(RowOutcome.WRITTEN, "25001234", "61.5"), (RowOutcome.WRITTEN, "25001235", "0.0")]
    assert filled.data == EXPORT.replace(b'",73,,', b'",73,61.5,').replace(b"53.5,50,", b"53.5,0.0,")
    assert brightspace(EXPORT, MAXIMA) == BEFORE
    after = {("U-Net coursework", "25001234"): 61.5, ("U-Net coursework", "25001235"): 0.0}
    assert brightspace(filled.data, MAXIMA) == BEFORE | after


@pytest.mark.parametrize("status", [Status.WITHHELD, Status.INCOMPLETE, Status.NOT_SUBMITTED, Status.DEFERRED])
def test_who_has_no_mark_keeps_the_cell(status):
    filled = fill(EXPORT, marks({"25001234": status, "25001235": status}), ROSTER, NONE)
    assert filled.data == EXPORT
    assert [line.outcome for line in filled.lines] == [RowOutcome.NO_MARK] * 2
    assert filled.lines[1].why.endswith("the cell stays as it is, '50'")


def test_a_grade_that_is_there_already_is_not_written_again():
    filled = fill(EXPORT, marks({"25001235": "50.0"}), ROSTER, NONE)
    assert filled.data == EXPORT
    assert lines(filled)[1] == (RowOutcome.UNCHANGED, "25001235", "50.0")


@pytest.mark.parametrize("column", ["MLP classifier", "mlp classifier ", EXPORT.decode().split(",")[3]])
def test_another_item_is_named_and_scaled_to_its_maximum(column):
    filled = fill(EXPORT, marks({"25001234": "50"}), ROSTER, ExportRules(column))
    assert brightspace(filled.data, MAXIMA)["MLP classifier", "25001234"] == 37.5
    assert (
        filled.notes[0]
        == "MLP classifier is worth 75 points there, and the assignment 100: marks are scaled, to two decimals."
    )


def test_a_heading_that_does_not_say_its_points_needs_them():
    sheet = b"Username,U-Net coursework Points Grade,End-of-Line Indicator\nzcabc01,,#\n"
    with pytest.raises(UserError, match="does not say its points: name them with --maximum"):
        fill(sheet, marks({"25001234": "61.5"}), ROSTER, NONE)
    filled = fill(sheet, marks({"25001234": "61.5"}), ROSTER, ExportRules(maximum=Decimal(20)))
    assert filled.data == sheet.replace(b"zcabc01,,", b"zcabc01,12.3,")
    with pytest.raises(UserError, match="is worth 100, not 20: leave out --maximum"):
        fill(EXPORT, marks({"25001234": "61.5"}), ROSTER, ExportRules(maximum=Decimal(20)))


def test_a_row_of_two_people_or_of_nobody_stays():
    sheet = EXPORT.replace(b"#zcabc01", b"#zcabc02", 1) + b'#999,#eve,"=cmd()",,7,,#\r\n'
    filled = fill(sheet, marks({"25001234": "61.5", "25001235": "40"}), ROSTER, NONE)
    assert lines(filled) == [
        (RowOutcome.UNKNOWN, "25001234", ""),
        (RowOutcome.WRITTEN, "25001235", "40.0"),
        (RowOutcome.UNKNOWN, "999", ""),
        (RowOutcome.MISSING, "25001234", "61.5"),
    ]
    assert filled.data == sheet.replace(b"53.5,50,", b"53.5,40.0,")
    assert filled.notes[0] == "2 of the 3 rows are about nobody in the roster: is this the sheet of this course?"


def test_a_cell_that_is_not_a_number_stays_and_is_to_type_by_hand():
    sheet = EXPORT.replace(b"53.5,50,", b"53.5,Exempt,")
    filled = fill(sheet, marks({"25001235": "40"}), ROSTER, NONE)
    assert filled.data == sheet
    assert lines(filled)[1] == (RowOutcome.BY_HAND, "25001235", "40.0")


def test_a_table_says_who_is_who_where_the_roster_does_not():
    filled = fill(EXPORT, marks({"s1": "61.5"}), alone(member("s1")), ExportRules(members={"zcabc01": "s1"}))
    assert lines(filled)[0] == (RowOutcome.WRITTEN, "s1", "61.5")


@pytest.mark.parametrize(
    ("sheet", "text"),
    [
        (EXPORT.replace(b"End-of-Line Indicator", b"End"), "its last column is not End-of-Line Indicator"),
        (EXPORT.replace(b"50,,#", b"50,,"), ":3: the row does not end in #"),
        (EXPORT.replace(b"OrgDefinedId,Username", b"Id,Name"), "it has neither OrgDefinedId nor Username"),
        (EXPORT.replace(b"U-Net coursework Points Grade", b"U-Net coursework Text Grade"), "there is no column 'U-Net"),
        (EXPORT.replace(b"MLP classifier", b"U-Net coursework"), "several columns are 'U-Net coursework'"),
        (EXPORT.replace(b"MaxPoints:100", b"MaxPoints:0"), "is worth no points"),
        (EXPORT.replace(b"2500123", b"9900123").replace(b"zcabc0", b"zzz0"), "none of its 2 rows is about anybody"),
        (b"PK\x03\x04", "is not a delimited text file"),
    ],
)
def test_a_file_of_another_kind_or_course_is_refused(sheet, text):
    with pytest.raises(UserError) as error:
        fill(sheet, marks({"25001234": "61.5"}), ROSTER, NONE)
    assert text in str(error.value)
