"""What Coursework takes of a sheet is what its lines say; the rest of the sheet stays byte for byte."""

import csv
import io
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.export import ExportRules, RowOutcome
from reports.exports.ucl_coursework import ZERO, fill
from tests.reports.exports.marks_made import alone, group, marks, member
from tests.reports.exports.ucl_importer import HIDDEN_MARK, Coursework, Submission, download, upload

SINGLE = b"""\
"Sub ID","Submission file id",Surname/Name,Username,"ID number","Email address",Overdue,Mark,"Feedback comment"
88121,3f2a9c,"Byron Ada",zcabc01,25001234,ada@example.org,"On time",,
88122,91be07,"Murray Grace",zcabc02,25001235,grace@example.org,"2 hours 5 mins",,
"""
ONE_HIDDEN = b"""\
"Sub ID","Submission file id",Surname/Name,Username,"ID number","Email address",Overdue,Mark,"Feedback comment"
88121,KXQT4,KXQT4,Hidden,Hidden,Hidden,"On time",,
"""
DOUBLE = b"""\
"Sub ID","Submission file id",Surname/Name,Username,"ID number","Email address",Overdue,"Marker 1","Marker 1 mark",\
"Marker 1 feedback","Marker 2","Marker 2 mark","Marker 2 feedback","Agreed mark","Agreed mark feedback"
88121,3f2a9c,"Byron Ada",zcabc01,25001234,ada@example.org,"On time","Lovelace Ann",62,"clear method",\
"Babbage Charles",66,"strong tests",,
"""
OF_GROUPS = b"""\
"Sub ID","Submission file id",Group,Overdue,Mark,"Feedback comment"
88130,c0ffee,group-01,"On time",,
"""
ADA = Submission("3f2a9c", "Byron Ada", "zcabc01", "25001234", "ada@example.org")
GRACE = Submission("91be07", "Murray Grace", "zcabc02", "25001235", "grace@example.org")
ROSTER = alone(member("zcabc01", "ada@example.org"), member("zcabc02", "grace@example.org"))
AGREED = ExportRules("Agreed mark")


def lines(filled):
    """The outcome, the row and the mark of each line."""
    return [(line.outcome, line.who, line.mark) for line in filled.lines]


def sheet_with(text, old):
    """The sheet of one marker with another text in it."""
    assert old in SINGLE
    return SINGLE.replace(old, text)


def test_one_marker_gets_each_persons_mark_and_nothing_else_differs() -> None:
    coursework = Coursework({88121: ADA, 88122: GRACE})
    assert download(coursework) == SINGLE.replace(b'"2 hours 5 mins"', b'"On time"')
    filled = fill(SINGLE, marks({"zcabc01": "63.3", "zcabc02": "70"}), ROSTER, ExportRules())
    assert lines(filled) == [(RowOutcome.WRITTEN, "zcabc01", "63.3"), (RowOutcome.WRITTEN, "zcabc02", "70.0")]
    assert filled.data == SINGLE.replace(b'"On time",,\n', b'"On time",63.3,\n').replace(b'mins",,', b'mins",70.0,')
    assert [row.changes for row in upload(coursework, filled.data).rows] == [{"single": "63.3"}, {"single": "70.0"}]


def test_the_maximum_is_not_in_the_sheet_and_a_note_says_what_was_taken() -> None:
    filled = fill(SINGLE, marks({"zcabc01": "50"}, out_of=75), ROSTER, ExportRules())
    assert filled.notes[0].startswith("The sheet does not say the coursework's maximum: marks are written out of 100")
    assert filled.notes[1] == "The assignment is worth 75 points: marks are scaled, to two decimals."
    of_20 = fill(SINGLE, marks({"zcabc01": "63.33"}), ROSTER, ExportRules(maximum=Decimal(20)))
    assert of_20.lines[0].mark == "12.67"  # 63.33 of 100 is 12.666 of 20
    assert "out of 20, as you said" in of_20.notes[0]


def test_a_zero_is_written_with_a_decimal_since_php_takes_0_for_empty() -> None:
    filled = fill(SINGLE, marks({"zcabc01": "0"}), ROSTER, ExportRules())
    assert filled.lines[0].mark == "0.0"
    assert filled.lines[0].why == ZERO
    coursework = Coursework({88121: ADA, 88122: GRACE})
    assert upload(coursework, filled.data).rows[0].changes == {"single": "0.0"}
    assert upload(coursework, filled.data.replace(b",0.0,", b",0,")).rows[0].changes == {}


def test_releases_that_refuse_every_zero_say_so_as_the_line_does() -> None:
    filled = fill(SINGLE, marks({"zcabc01": "0"}), ROSTER, ExportRules())
    assert "begins above 0" in filled.lines[0].why
    old = Coursework({88121: ADA, 88122: GRACE}, zero_in_scale=False)
    assert upload(old, filled.data).rows[0].refused == "Mark value not in coursework scale."


@pytest.mark.parametrize("status", [Status.WITHHELD, Status.INCOMPLETE, Status.ABSENT, Status.DEFERRED])
def test_who_has_no_mark_keeps_the_cell(status) -> None:
    before = sheet_with(b'"On time",55,', b'"On time",,')
    filled = fill(before, marks({"zcabc01": status}), ROSTER, ExportRules())
    assert filled.data == before
    assert [line.outcome for line in filled.lines] == [RowOutcome.NO_MARK, RowOutcome.NO_MARK]
    assert filled.lines[0].why.endswith("the cell stays as it is, '55'")
    assert filled.lines[1].why == "there is none yet: the cell stays empty"


def test_a_mark_that_is_there_already_stays_as_it_is_written() -> None:
    before = sheet_with(b'"On time",63.30,', b'"On time",,')
    filled = fill(before, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    assert filled.data == before
    assert lines(filled)[0] == (RowOutcome.UNCHANGED, "zcabc01", "63.3")


def test_feedback_stays_as_it_is_even_what_a_spreadsheet_would_take_for_a_formula() -> None:
    cells = b',"=1+1 said ""no"", twice,\nand more"\n'
    before = sheet_with(b'"On time",' + cells, b'"On time",,\n')
    filled = fill(before, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    assert filled.data == before.replace(cells, b"63.3" + cells)
    assert [line.line for line in filled.lines] == [2, 4]


def test_a_sheet_of_another_separator_and_line_end_keeps_them_and_the_form_is_named() -> None:
    other = b"\xef\xbb\xbf" + SINGLE.replace(b",", b";").replace(b"\n", b"\r\n")
    filled = fill(other, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    assert filled.data == other.replace(b'"On time";;', b'"On time";63.3;')
    assert "In Moodle's form for the upload choose the separator Semicolon, as this sheet has." in filled.notes
    utf_16 = b"\xff\xfe" + SINGLE.decode().encode("utf-16-le")
    assert any("the encoding UTF-16LE" in note for note in fill(utf_16, marks({}), ROSTER, ExportRules()).notes)


# Candidate numbers


def test_an_anonymous_sheet_is_joined_by_the_candidate_number() -> None:
    roster = alone(member("zcabc01", candidate="KXQT4"))
    filled = fill(ONE_HIDDEN, marks({"zcabc01": "63.3"}), roster, ExportRules())
    assert filled.data == ONE_HIDDEN.replace(b'"On time",,', b'"On time",63.3,')
    hidden = Coursework({88121: replace(ADA, file_id="KXQT4")}, blind=True)
    assert download(hidden) == ONE_HIDDEN
    assert upload(hidden, filled.data).rows[0].changes == {"single": "63.3"}


def test_an_anonymous_sheet_is_joined_by_nothing_else() -> None:
    for other in (member("kxqt4"), member("ada", "KXQT4"), member("ada", programme="KXQT4")):
        with pytest.raises(UserError, match="none of its 1 rows is about anybody"):
            fill(ONE_HIDDEN, marks({other.id: "63.3"}), alone(other), ExportRules())


def test_a_hidden_cell_names_nobody_even_who_is_called_so() -> None:
    roster = alone(member("hidden"), member("zcabc01", candidate="KXQT4", note="Hidden"))
    filled = fill(ONE_HIDDEN, marks({"hidden": "10", "zcabc01": "63.3"}), roster, ExportRules())
    assert lines(filled) == [(RowOutcome.WRITTEN, "zcabc01", "63.3"), (RowOutcome.MISSING, "hidden", "10.0")]


@pytest.mark.parametrize("key", ["88121", "X1f2e3d4c"])
def test_a_hash_without_names_needs_somebody_to_say_who_it_is(key) -> None:
    hashed = ONE_HIDDEN.replace(b"KXQT4,KXQT4", b"X1f2e3d4c,Hidden")
    with pytest.raises(UserError, match="participant,member and name it with --members"):
        fill(hashed, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    filled = fill(hashed, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(members={key: "zcabc01"}))
    assert filled.data == hashed.replace(b'"On time",,', b'"On time",63.3,')


def test_the_candidate_number_of_a_sheet_with_names_is_a_check() -> None:
    sheet = sheet_with(b"KXQT4", b"3f2a9c").replace(b"91be07", b"ABCD1")
    people = [member("zcabc01", candidate="KXQT4"), member("zcabc02", candidate="ABCD2")]
    people = [each.model_copy(update={"email": ""}) for each in people]
    filled = fill(sheet, marks({"zcabc01": "63.3", "zcabc02": "70"}), alone(*people), ExportRules())
    assert lines(filled)[:2] == [(RowOutcome.WRITTEN, "zcabc01", "63.3"), (RowOutcome.UNKNOWN, "Sub ID 88122", "")]
    assert filled.lines[1].why == "it names zcabc02, whose candidate number in the roster is ABCD2, not ABCD1"
    swapped = [member("zcabc01", "a@b.c", "ABCD1"), member("zcabc02", "d@e.f", "KXQT4")]
    with pytest.raises(UserError, match="Username is that of zcabc01 but Submission file id is that of zcabc02"):
        fill(sheet, marks({"zcabc01": "63.3"}), alone(*swapped), ExportRules())


# Several markers


def test_the_agreed_mark_goes_into_its_own_column() -> None:
    filled = fill(DOUBLE, marks({"zcabc01": "64"}), ROSTER[:1], AGREED)
    assert filled.data == DOUBLE.replace(b'"strong tests",,\n', b'"strong tests",64.0,\n')
    first = {"first 1": "62", "first 2": "66"}
    feedback = {"first 1": "clear method", "first 2": "strong tests"}
    coursework = Coursework({88121: replace(ADA, marks=first, feedback=feedback)}, markers=2, allocated=True)
    assert upload(coursework, filled.data).rows[0].changes == {"agreed": "64.0"}


@pytest.mark.parametrize("heading", ["Marker 1 mark", "marker 1 MARK"])
def test_the_mark_of_a_marker_goes_into_theirs(heading) -> None:
    filled = fill(DOUBLE, marks({"zcabc01": "64"}), ROSTER[:1], ExportRules(heading))
    assert filled.data == DOUBLE.replace(b'"Lovelace Ann",62,', b'"Lovelace Ann",64.0,')
    assert any("passes over, without a word" in note for note in filled.notes)


@pytest.mark.parametrize("heading", ["", "Mark", "Marker 3 mark", "Marker 1", "Agreed mark feedback"])
def test_which_of_several_columns_has_to_be_said(heading) -> None:
    with pytest.raises(UserError, match="--column: Marker 1 mark or Marker 2 mark or Agreed mark"):
        fill(DOUBLE, marks({"zcabc01": "64"}), ROSTER, ExportRules(heading))


@pytest.mark.parametrize("missing", [b"", HIDDEN_MARK.encode()])
def test_an_agreed_mark_waits_for_all_first_marks(missing) -> None:
    sheet = DOUBLE.replace(b'"Babbage Charles",66,"strong tests"', b'"Babbage Charles",%s,' % missing)
    filled = fill(sheet, marks({"zcabc01": "64"}), ROSTER[:1], AGREED)
    assert filled.data == sheet
    assert lines(filled) == [(RowOutcome.SKIPPED, "zcabc01", "64.0")]
    first = {"first 1": "62", "first 2": "66"} if missing else {"first 1": "62"}
    ada = replace(ADA, marks=first, hidden=("first 2",) if missing else ())
    coursework = Coursework({88121: ada}, markers=2, allocated=True)
    typed = sheet.removesuffix(b",,\n") + b",64.0,\n"
    assert upload(coursework, typed).rows[0].refused


def test_a_mark_that_may_not_be_seen_is_not_written_over() -> None:
    sheet = DOUBLE.replace(b'"Lovelace Ann",62,', b'"Lovelace Ann","%s",' % HIDDEN_MARK.encode())
    filled = fill(sheet, marks({"zcabc01": "64"}), ROSTER[:1], ExportRules("Marker 1 mark"))
    assert filled.data == sheet
    assert filled.lines[0].why == "somebody marked it already, and the mark is hidden from you"


def test_a_marker_who_agrees_too_has_the_others_marks_beside_theirs() -> None:
    own = replace(ADA, marks={"single": "62", "other 1": "66"})
    coursework = Coursework({88121: own, 88122: replace(GRACE, marks={"single": "50"})}, 2, own_and_others=True)
    sheet = download(coursework)
    filled = fill(sheet, marks({"zcabc01": "64", "zcabc02": "51"}), ROSTER, AGREED)
    assert [line.outcome for line in filled.lines] == [RowOutcome.WRITTEN, RowOutcome.SKIPPED]
    assert "Other marker mark (1) is not" in filled.lines[1].why
    assert [row.changes for row in upload(coursework, filled.data).rows] == [{"agreed": "64.0"}, {}]


# Groups


def team():
    """Two groups with a row, and one without."""
    return [
        group("group-01", member("ada"), member("grace")),
        group("group-02", member("mary", shown_group="Group 2"), member("jose", shown_group="Group 2")),
        group("group-03", member("katherine"), member("dorothy")),
    ]


def test_a_row_of_a_group_has_the_mark_that_all_its_members_have() -> None:
    filled = fill(OF_GROUPS, marks({"ada": "63.3", "grace": "63.3"}), team(), ExportRules())
    assert lines(filled) == [(RowOutcome.WRITTEN, "group-01", "63.3")]
    assert filled.data == OF_GROUPS.replace(b'"On time",,', b'"On time",63.3,')
    coursework = Coursework({88130: Submission("c0ffee", group="group-01")}, groups=True)
    assert download(coursework) == OF_GROUPS
    assert upload(coursework, filled.data).rows[0].changes == {"single": "63.3"}


@pytest.mark.parametrize(
    ("grace", "text"),
    [("53.3", "(ada 63.3, grace 53.3)"), (Status.WITHHELD, "(ada 63.3, grace has none (Withheld))")],
)
def test_members_with_different_marks_are_typed_by_hand(grace, text) -> None:
    filled = fill(OF_GROUPS, marks({"ada": "63.3", "grace": grace}), team(), ExportRules())
    assert filled.data == OF_GROUPS
    assert lines(filled) == [(RowOutcome.BY_HAND, "group-01", "")]
    assert filled.lines[0].why.startswith("the row is one mark for all, and theirs differ: type them in the gradebook")
    assert filled.lines[0].why.endswith(text)


def test_a_group_none_of_which_has_a_mark_says_why() -> None:
    filled = fill(OF_GROUPS, marks({"ada": Status.WITHHELD, "grace": Status.ABSENT}), team(), ExportRules())
    assert lines(filled) == [(RowOutcome.NO_MARK, "group-01", "")]
    assert filled.lines[0].why == "Withheld and Absent: the cell stays empty"


def test_a_group_is_known_by_the_name_that_the_platform_shows() -> None:
    sheet = OF_GROUPS.replace(b"group-01", b'"Group 2"')
    filled = fill(sheet, marks({"mary": "50", "jose": "50"}), team(), ExportRules())
    assert lines(filled) == [(RowOutcome.WRITTEN, "group-02", "50.0")]
    by_hand = fill(OF_GROUPS, marks({}), team(), ExportRules(members={"88130": "group-03"}))
    assert by_hand.lines[0].who == "group-03"


def test_a_name_of_several_groups_is_that_of_none() -> None:
    teams = [group("group-01", member("ada", programme="MEng")), group("group-02", member("mary", programme="MEng"))]
    with pytest.raises(UserError, match="its name is that of group-01 and group-02"):
        fill(OF_GROUPS.replace(b"group-01", b"MEng"), marks({}), teams, ExportRules())


def test_a_group_without_a_row_is_missing() -> None:
    given_marks = {"ada": "63.3", "grace": "63.3", "mary": "50", "jose": "40", "katherine": "60", "dorothy": "60"}
    filled = fill(OF_GROUPS, marks(given_marks), team(), ExportRules())
    assert lines(filled)[1:] == [(RowOutcome.MISSING, "group-02", ""), (RowOutcome.MISSING, "group-03", "60.0")]
    assert filled.lines[1].why == "mary 50.0, jose 40.0"


# What is no such sheet


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Identifier,Full name,Grade\nParticipant 1,Ada,\n", "3 columns are not a layout of Coursework"),
        (
            SINGLE.replace(b',"ID number"', b"").replace(b",25001234", b"").replace(b",25001235", b""),
            "8 columns are not",
        ),
        (
            SINGLE.replace(b",Overdue", b",Overdue,Overdue").replace(b'"On time"', b'"On time",x'),
            "this row has 9 cells",
        ),
        (sheet_with(b"Note", b"Mark"), "9 columns are not a layout"),
        (SINGLE.replace(b'"ID number","Email address"', b'"Email address","ID number"'), "9 columns are not a layout"),
        (sheet_with(b'"On time",Pass,', b'"On time",,'), "sheet:2: Mark is 'Pass', not a number.*words of a scale"),
        (sheet_with(b'"On time","63,3",', b'"On time",,'), "Mark is '63,3', not a number"),
        (sheet_with(b"Byron Ada,", b'"Byron Ada",').replace(b"Byron Ada", b"Byron, Ada"), "this row has 10 cells"),
        (sheet_with(b'"On time",,"ends in \\"', b'"On time",,'), "a backslash in the cell 'Feedback comment'"),
        (sheet_with(b'"On time",,"a \\"" b"', b'"On time",,'), "a backslash in the cell 'Feedback comment'"),
        (SINGLE.splitlines(keepends=True)[0], "it has no row of a person"),
        (SINGLE.decode().encode("utf-16-be"), "is not a delimited text"),
        (b"PK\x03\x04 a workbook", "is not a delimited text file"),
        (SINGLE.replace(b"zcabc0", b"other").replace(b"@example", b"@other"), "none of its 2 rows is about anybody"),
    ],
)
def test_another_sheet_is_refused_with_what_to_do(data, text) -> None:
    with pytest.raises(UserError, match=text):
        fill(data, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())


RUBRIC = "Method,Comment for: Method,Tests,Comment for: Tests,Feedback comment"


def test_a_rubric_is_refused_with_the_reason() -> None:
    individuals = SINGLE.replace(b'Mark,"Feedback comment"', RUBRIC.encode()).replace(b",,\n", b",,,,,\n")
    with pytest.raises(UserError, match="from the sixth column on, and seven columns stand before"):
        fill(individuals, marks({}), ROSTER, ExportRules())
    groups = OF_GROUPS.replace(b'Mark,"Feedback comment"', RUBRIC.encode()).replace(b",,\n", b",,,,,\n")
    with pytest.raises(UserError, match="medmark has a total, and not a level for each criterion"):
        fill(groups, marks({}), team(), ExportRules())


def test_an_unknown_layout_lists_those_that_are_known() -> None:
    with pytest.raises(UserError) as error:
        fill(b"a,b\n1,2\n", marks({}), ROSTER, ExportRules())
    assert "one marker: Mark, Feedback comment" in str(error.value)
    assert "last Agreed mark, Agreed mark feedback" in str(error.value)


def test_a_note_on_agreed_marks_says_when_they_are_taken() -> None:
    notes = fill(DOUBLE, marks({"zcabc01": "64"}), ROSTER[:1], AGREED).notes
    assert any("when all first marks are in and their markers can change them no more" in note for note in notes)


def test_a_sheet_from_before_mark_was_written_for_grade_is_read_too() -> None:
    before = SINGLE.replace(b"Mark,", b"Grade,").replace(b"Overdue", b'"Submission time"')
    assert fill(before, marks({"zcabc01": "63.3"}), ROSTER, ExportRules()).lines[0].mark == "63.3"


def test_a_person_in_two_rows_gets_a_mark_in_neither() -> None:
    sheet = SINGLE + b'88123,aa11bb,"Byron Ada",zcabc01,25001234,ada@example.org,"On time",,\n'
    filled = fill(sheet, marks({"zcabc01": "63.3", "zcabc02": "70"}), ROSTER, ExportRules())
    assert lines(filled) == [
        (RowOutcome.UNKNOWN, "Sub ID 88121", ""),
        (RowOutcome.WRITTEN, "zcabc02", "70.0"),
        (RowOutcome.UNKNOWN, "Sub ID 88123", ""),
        (RowOutcome.MISSING, "zcabc01", "63.3"),
    ]
    assert filled.lines[0].why == filled.lines[2].why
    assert filled.lines[0].why.startswith("2 rows are about zcabc01, and all stay as they are")


def test_two_rows_with_one_number_are_both_left_alone() -> None:
    filled = fill(SINGLE.replace(b"88122", b"88121"), marks({"zcabc01": "1", "zcabc02": "2"}), ROSTER, ExportRules())
    assert [line.outcome for line in filled.lines] == [RowOutcome.UNKNOWN] * 2 + [RowOutcome.MISSING] * 2


def test_strangers_and_people_whom_the_sheet_lacks_are_listed() -> None:
    roster = [*alone(member("zcabc01")), group("group-09", member("zcabc09"))]
    filled = fill(SINGLE, marks({"zcabc01": "63.3", "zcabc09": "40"}), roster, ExportRules())
    assert lines(filled) == [
        (RowOutcome.WRITTEN, "zcabc01", "63.3"),
        (RowOutcome.UNKNOWN, "Sub ID 88122", ""),
        (RowOutcome.MISSING, "zcabc09", "40.0"),
    ]
    assert "no Username or ID number or Email address of the roster is zcabc02" in filled.lines[1].why
    assert not any("are about nobody" in note for note in filled.notes)
    third = b'88123,aa11bb,"Hidden","x","y","z","On time",,\n'
    notes = fill(SINGLE + third, marks({}), roster, ExportRules()).notes
    assert notes[0].startswith("2 of the 3 rows are about nobody")


@pytest.mark.parametrize("number", [b"", b"0", b"8.8E+04"])
def test_a_row_without_its_number_is_skipped(number) -> None:
    sheet = sheet_with(number, b"88121")
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    assert filled.data == sheet
    assert filled.lines[0].why == "it has no Sub ID or no Submission file id"
    typed = sheet.replace(b'"On time",,', b'"On time",63.3,')
    assert upload(Coursework({88121: ADA, 88122: GRACE}), typed).rows[0].refused


def test_another_courseworks_sheet_of_the_same_people_is_refused_by_coursework_row_by_row() -> None:
    filled = fill(SINGLE, marks({"zcabc01": "63.3"}), ROSTER, ExportRules())
    other = Coursework({99001: ADA, 99002: GRACE})
    assert {row.refused for row in upload(other, filled.data).rows} == {"Submission not found in coursework"}
    assert upload(Coursework({88121: ADA}, markers=2), filled.data).refused == "Incorrect file format"


# Whatever the sheet holds

WORDS = st.text(st.characters(exclude_characters="\0\\", exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['O"Neil, Ann', "Ünal\r\nŞ.", "\u202eابت", "=1+1", "Doe\nJane", " x ", ";", "\t"]
)
FIRST = ["single", "first 1", "first 2", "other 1"]


@st.composite
def works(draw):
    """An activity, the column to fill, a roster, and marks that some of its people have."""
    markers = draw(st.integers(1, 2))
    coursework = Coursework({}, markers, allocated=draw(st.booleans()), blind=draw(st.booleans()))
    coursework.own_and_others = markers == 2 and draw(st.booleans())
    stages = [cell for cell in coursework.cells if cell in (*FIRST, "agreed")]
    people, by_member = [], {}
    for number in range(draw(st.integers(1, 5))):
        id = f"zcabc{number:02}"
        held = draw(st.lists(st.sampled_from(stages), unique=True))
        marked = {stage: draw(st.sampled_from(["0", "40", "63.5", "100", "55.25"])) for stage in held}
        hidden = [stage for stage in FIRST if stage in held and stage != "single" and draw(st.integers(0, 4)) == 0]
        submission = Submission(f"KXQ{'TABCD'[number]}4", draw(WORDS), id, f"2500{number}", f"{id}@example.org")
        feedback = {stage: draw(WORDS) for stage in held if stage != "agreed"}
        coursework.submissions[88000 + number] = replace(
            submission, marks=marked, feedback=feedback, hidden=tuple(hidden)
        )
        if draw(st.integers(0, 5)):
            people.append(member(id, candidate=submission.file_id))
            values = ["0", "40", "63.5", "63.49", "100", Status.WITHHELD, Status.NOT_SUBMITTED]
            by_member[id] = draw(st.sampled_from(values))
    fillable = [cell for cell in coursework.cells if cell in ("single", "first 1", "first 2", "agreed")]
    return coursework, draw(st.sampled_from(fillable)), alone(*people), by_member


HEADING = {"single": "Mark", "first 1": "Marker 1 mark", "first 2": "Marker 2 mark", "agreed": "Agreed mark"}


def written(draw, coursework):
    """The sheet, as a person may have it."""
    sheet = download(coursework)
    if draw(st.booleans()):
        sheet = b"\xef\xbb\xbf" + sheet
    return sheet


def rows_of(data):
    """Cells, by Python's own reader."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


@given(works(), st.data())
def test_a_sheet_without_marks_comes_back_byte_for_byte(work, data) -> None:
    coursework, stage, roster, by_member = work
    sheet = written(data.draw, coursework)
    if not roster:
        return
    filled = fill(sheet, marks(dict.fromkeys(by_member, Status.WITHHELD)), roster, ExportRules(HEADING[stage]))
    assert filled.data == sheet
    assert len(filled.lines) == len(coursework.submissions)


@given(works(), st.data())
def test_exactly_the_cells_of_written_marks_differ(work, data) -> None:
    coursework, stage, roster, by_member = work
    sheet = written(data.draw, coursework)
    if not roster:
        return
    filled = fill(sheet, marks(by_member), roster, ExportRules(HEADING[stage]))
    before, after = rows_of(sheet), rows_of(filled.data)
    column = coursework.cells.index(stage)
    of_rows = [line for line in filled.lines if line.outcome is not RowOutcome.MISSING]
    assert len(of_rows) == len(before) - 1  # each row has exactly one line
    for line, old, new in zip(of_rows, before[1:], after[1:], strict=True):
        expected = list(old)
        if line.outcome is RowOutcome.WRITTEN:
            expected[column] = line.mark
        assert new == expected
    assert after[0] == before[0]
    marked = {id for id, value in by_member.items() if not isinstance(value, Status)}
    assert marked <= {line.who for line in filled.lines}


@given(works(), st.data())
def test_each_line_is_what_coursework_does_with_the_row(work, data) -> None:
    coursework, stage, roster, by_member = work
    sheet = written(data.draw, coursework)
    if not roster:
        return
    filled = fill(sheet, marks(by_member), roster, ExportRules(HEADING[stage]))
    before, after = upload(coursework, sheet), upload(coursework, filled.data)
    index = coursework.cells.index(stage)
    for line, old, new in zip(filled.lines, before.rows, after.rows, strict=False):
        if line.outcome is RowOutcome.WRITTEN:
            present = coursework.submissions[88000 + after.rows.index(new)].marks.get(stage)
            assert new.changes.get(stage) == line.mark, (present, new)
        else:
            assert new == old
        if line.outcome is RowOutcome.SKIPPED and not re.search("hidden from you", line.why):
            typed = rows_of(sheet)
            row = next(at for at, each in enumerate(typed) if each[0] == str(88000 + before.rows.index(old)))
            typed[row][index] = line.mark
            out = io.StringIO(newline="")
            csv.writer(out).writerows(typed)
            assert upload(coursework, out.getvalue().encode()).rows[row - 1].refused
