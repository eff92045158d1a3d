"""Blackboard sets what the lines say in the column of that number, and the rest of its download stays."""

import codecs

import pytest

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.blackboard import fill
from reports.exports.export import ExportRules, RowOutcome
from tests.reports.exports.gradebook_readers import blackboard
from tests.reports.exports.marks_made import alone, marks, member

TEXT = (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"MLP classifier [Total Pts: 75 Score] |1234567"\t'
    '"U-Net coursework [Total Pts: 100 Score] |1234568"\t"Group [Total Pts: 0 Text] |1234569"\n'
    '"Byron"\t"Ada"\t"zcabc01"\t"25001234"\t"73.0"\t"Needs Grading"\t"heron"\n'
    '"Murray"\t"Grace"\t"zcabc02"\t"25001235"\t"Exempt"\t"50.00"\t""\n'
)
DOWNLOAD = codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")
ROSTER = alone(member("zcabc01"), member("zcabc02"))
NONE = ExportRules()
UNET = "1234568"


def lines(filled):
    return [(line.outcome, line.who, line.mark) for line in filled.lines]


def test_the_column_with_the_assignments_title_is_filled_in_the_encoding_of_the_file():
    filled = fill(DOWNLOAD, marks({"zcabc01": "61.5", "zcabc02": "0"}), ROSTER, NONE)
    assert lines(filled) == [(RowOutcome.WRITTEN, "zcabc01", "61.5"), (RowOutcome.WRITTEN, "zcabc02", "0.0")]
    expected = TEXT.replace("Needs Grading", "61.5").replace("50.00", "0.0")
    assert filled.data == codecs.BOM_UTF16_LE + expected.encode("utf-16-le")
    before, after = blackboard(DOWNLOAD), blackboard(filled.data)
    assert {key: after[key] for key in after if after[key] != before.get(key)} == {
        (UNET, "zcabc01"): "61.5",
        (UNET, "zcabc02"): "0.0",
    }


def test_a_file_with_commas_keeps_its_quotes():
    sheet = TEXT.replace("\t", ",").encode()
    filled = fill(sheet, marks({"zcabc01": "61.5"}), ROSTER, NONE)
    assert filled.data == sheet.replace(b'"Needs Grading"', b'"61.5"')


@pytest.mark.parametrize("status", [Status.WITHHELD, Status.INCOMPLETE, Status.NOT_SUBMITTED, Status.ABSENT])
def test_who_has_no_mark_keeps_the_cell(status):
    filled = fill(DOWNLOAD, marks({"zcabc01": status, "zcabc02": status}), ROSTER, NONE)
    assert filled.data == DOWNLOAD
    assert [line.outcome for line in filled.lines] == [RowOutcome.NO_MARK] * 2


@pytest.mark.parametrize("column", ["MLP classifier", "1234567", "MLP classifier [Total Pts: 75 Score] |1234567"])
def test_a_column_is_named_by_title_or_number_and_a_word_in_its_cell_stays(column):
    filled = fill(DOWNLOAD, marks({"zcabc01": "50", "zcabc02": "50"}), ROSTER, ExportRules(column))
    assert lines(filled) == [(RowOutcome.WRITTEN, "zcabc01", "37.5"), (RowOutcome.BY_HAND, "zcabc02", "37.5")]
    assert filled.lines[1].why == "its cell is 'Exempt', not a number, and stays as it is"


def test_a_grade_that_is_there_already_is_not_written_again():
    filled = fill(DOWNLOAD, marks({"zcabc02": "50"}), ROSTER, NONE)
    assert lines(filled)[1] == (RowOutcome.UNCHANGED, "zcabc02", "50.0")
    assert filled.data == DOWNLOAD


def test_a_column_without_its_number_would_become_a_new_one_and_cannot_be_filled():
    sheet = DOWNLOAD.replace(" |1234568".encode("utf-16-le"), b"")
    assert ("new text column U-Net coursework [Total Pts: 100 Score]", "zcabc02") in blackboard(sheet)
    with pytest.raises(UserError, match=r"there is no column 'U-Net coursework'.*\n  MLP classifier"):
        fill(sheet, marks({"zcabc01": "61.5"}), ROSTER, NONE)


@pytest.mark.parametrize(
    "kind", ["100 Text", "100 Letter", "up to 100 Score", "100 Complete/Incomplete", "1,000 Score"]
)
def test_a_column_of_words_or_of_a_total_cannot_be_filled(kind):
    sheet = DOWNLOAD.replace(
        "U-Net coursework [Total Pts: 100 Score".encode("utf-16-le"),
        f"U-Net coursework [Total Pts: {kind}".encode("utf-16-le"),
    )
    with pytest.raises(UserError, match="there is no column 'U-Net coursework'"):
        fill(sheet, marks({"zcabc01": "61.5"}), ROSTER, NONE)


def test_a_download_without_user_names_is_refused():
    with pytest.raises(UserError, match="it has no Username"):
        fill(DOWNLOAD.replace("Username".encode("utf-16-le"), "Login".encode("utf-16-le")), marks({}), ROSTER, NONE)


def test_names_are_not_joined_by_and_stay_as_they_are():
    sheet = TEXT.replace('"Byron"', '"=cmd(), ""B"""').replace("zcabc01", "eve").encode()
    filled = fill(sheet, marks({"zcabc01": "61.5", "zcabc02": "40"}), ROSTER, NONE)
    assert lines(filled)[0] == (RowOutcome.UNKNOWN, "eve", "")
    assert filled.data == sheet.replace(b"50.00", b"40.0")
