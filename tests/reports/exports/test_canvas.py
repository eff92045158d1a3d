"""What Canvas would change for a filled gradebook is what its lines say; the rest of the file stays byte for byte."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.canvas import fill
from reports.exports.canvas_gradebook import number_of
from reports.exports.export import ExportRules, RowOutcome
from tests.reports.exports.canvas_importer import Course, FileStyle, Student, Work, export, upload
from tests.reports.exports.marks_made import alone, marks, member

GRADEBOOK = b"""\
Student,ID,SIS User ID,SIS Login ID,Section,MLP classifier (40551),U-Net coursework (40552),\
Coursework Current Score,Coursework Unposted Current Score,Coursework Final Score,Coursework Unposted Final Score,\
Current Score,Unposted Current Score,Final Score,Unposted Final Score
,,,,,,Manual Posting,,,,,,,,
    Points Possible,,,,,75.00,100.00,(read only),(read only),(read only),(read only),(read only),(read only),\
(read only),(read only)
"Byron, Ada",1201,25001234,zcabc01,DL-2027 and Lab A,73.00,,97.33,97.33,41.71,41.71,97.33,97.33,41.71,41.71
"Murray, Grace",1202,25001235,zcabc02,DL-2027,EX,,,,,,,,,
"Student, Test",1299,,8a1f0c,DL-2027,N/A,,,,,,,,,
"""
SEMICOLON = b"""\
\xef\xbb\xbfStudent;ID;SIS User ID;SIS Login ID;Section;MLP classifier (40551);U-Net coursework (40552);\
Coursework Current Score;Coursework Unposted Current Score;Coursework Final Score;Coursework Unposted Final Score;\
Current Score;Unposted Current Score;Final Score;Unposted Final Score
;;;;;;Manual Posting;;;;;;;;
    Points Possible;;;;;75,00;100,00;(read only);(read only);(read only);(read only);(read only);(read only);\
(read only);(read only)
Byron, Ada;1201;25001234;zcabc01;DL-2027 and Lab A;73,00;;97,33;97,33;41,71;41,71;97,33;97,33;41,71;41,71
Murray, Grace;1202;25001235;zcabc02;DL-2027;EX;;;;;;;;;
Student, Test;1299;;8a1f0c;DL-2027;N/A;;;;;;;;;
"""
ADA = Student(1201, "Byron", "Ada", "25001234", "zcabc01")
GRACE = Student(1202, "Murray", "Grace", "25001235", "zcabc02")
TEST = Student(1299, "Student", "Test", "", "8a1f0c")
MLP, UNET = 40551, 40552
COURSE = Course(
    [ADA, GRACE, TEST],
    [Work(MLP, "MLP classifier", "75.00", manual=False), Work(UNET, "U-Net coursework")],
    {(1201, MLP): "73.00", (1202, MLP): "EX"},
    {(1299, MLP)},
)
ROSTER = alone(member("zcabc01"), member("zcabc02"))
NONE = ExportRules()


def lines(filled):
    """The outcome, the row and the mark of each line."""
    return [(line.outcome, line.who, line.mark) for line in filled.lines]


def changes(course, data):
    """By student: what Canvas would change."""
    uploaded = upload(course, data)
    assert not uploaded.refused
    assert not uploaded.new_works
    return {row.student: row.changes for row in uploaded.rows}


def test_the_column_with_the_assignments_title_gets_each_persons_mark_and_nothing_else_differs() -> None:
    assert changes(COURSE, GRADEBOOK) == {1201: {}, 1202: {}, 1299: {}}
    filled = fill(GRADEBOOK, marks({"zcabc01": "63.3", "zcabc02": "0"}), ROSTER, NONE)
    assert lines(filled) == [
        (RowOutcome.WRITTEN, "zcabc01", "63.3"),
        (RowOutcome.WRITTEN, "zcabc02", "0.0"),
        (RowOutcome.NO_MARK, "Student, Test", ""),
    ]
    assert filled.data == GRADEBOOK.replace(b"A,73.00,,", b"A,73.00,63.3,").replace(b",EX,,", b",EX,0.0,")
    assert changes(COURSE, filled.data) == {1201: {UNET: "63.3"}, 1202: {UNET: "0.0"}, 1299: {}}


def test_a_file_with_decimal_commas_gets_decimal_commas() -> None:
    filled = fill(SEMICOLON, marks({"zcabc01": "63.25", "zcabc02": "70"}), ROSTER, NONE)
    assert lines(filled)[0] == (RowOutcome.WRITTEN, "zcabc01", "63,25")
    assert filled.data == SEMICOLON.replace(b"A;73,00;;", b"A;73,00;63,25;").replace(b";EX;;", b";EX;70,0;")
    assert changes(COURSE, filled.data) == {1201: {UNET: "63.25"}, 1202: {UNET: "70.0"}, 1299: {}}


def test_a_decimal_comma_between_commas_is_quoted() -> None:
    style = FileStyle(comma=True)
    filled = fill(export(COURSE, style), marks({"zcabc01": "63.25"}), ROSTER, NONE)
    assert b',"73,00","63,25",' in filled.data
    assert changes(COURSE, filled.data)[1201] == {UNET: "63.25"}


@pytest.mark.parametrize("column", ["MLP classifier", "MLP classifier (40551)", "40551", "(40551)"])
def test_a_column_is_named_by_its_title_or_its_number_and_another_maximum_is_said(column) -> None:
    filled = fill(GRADEBOOK, marks({"zcabc01": "63.33"}), ROSTER, ExportRules(column))
    assert filled.data == GRADEBOOK.replace(b",73.00,", b",47.5,")  # 63.33 of 100 is 47.4975 of 75
    assert filled.notes[0] == (
        "MLP classifier (40551) is worth 75 points in Canvas, and the assignment 100: marks are scaled, "
        "to two decimals."
    )


def test_points_of_the_assignments_own_total_are_not_rounded_twice() -> None:
    filled = fill(GRADEBOOK, marks({"zcabc01": "63.33"}, out_of=75), ROSTER, ExportRules("40551"))
    assert filled.lines[0].mark == "47.5"
    assert not any("scaled" in note for note in filled.notes)


# Cells that stay


def course_with(score):
    """The course in which Ada has this score."""
    return replace(COURSE, scores=COURSE.scores | {(1201, UNET): score})


@pytest.mark.parametrize("status", [Status.WITHHELD, Status.INCOMPLETE, Status.ABSENT, Status.DEFERRED])
def test_who_has_no_mark_keeps_the_cell_since_a_blank_would_remove_a_score(status) -> None:
    sheet = export(course_with("55.00"))
    filled = fill(sheet, marks({"zcabc01": status, "zcabc02": "70"}), ROSTER, NONE)
    assert lines(filled)[0] == (RowOutcome.NO_MARK, "zcabc01", "")
    assert filled.lines[0].why.endswith("the cell stays as it is, '55.00'")
    assert changes(course_with("55.00"), filled.data)[1201] == {}
    assert changes(course_with("55.00"), filled.data.replace(b"55.00", b""))[1201] == {UNET: ""}


@pytest.mark.parametrize(("score", "mark"), [("55.00", "55"), ("55.5", "55.50"), ("55.125", "55.13"), ("0.00", "0")])
def test_a_score_that_is_there_to_two_decimals_stays_as_it_is_written(score, mark) -> None:
    sheet = export(course_with(score))
    filled = fill(sheet, marks({"zcabc01": mark}), ROSTER, NONE)
    assert filled.data == sheet
    assert filled.lines[0].outcome is RowOutcome.UNCHANGED


def test_a_change_of_a_hundredth_is_written() -> None:
    filled = fill(export(course_with("55.00")), marks({"zcabc01": "55.01"}), ROSTER, NONE)
    assert changes(course_with("55.00"), filled.data)[1201] == {UNET: "55.01"}


@pytest.mark.parametrize("cell", [b"EX", b"ex"])
def test_who_is_excused_stays_so_and_is_listed(cell) -> None:
    sheet = export(course_with("EX")).replace(b",73.00,EX,", b",73.00,%s," % cell)
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, NONE)
    assert filled.data == sheet
    assert lines(filled)[0] == (RowOutcome.BY_HAND, "zcabc01", "63.3")
    assert "excuses this person" in filled.lines[0].why


def test_what_is_not_assigned_to_a_person_is_dropped_by_canvas_and_so_not_written() -> None:
    course = replace(COURSE, unassigned={*COURSE.unassigned, (1201, UNET)})
    sheet = export(course)
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, NONE)
    assert filled.data == sheet
    assert lines(filled)[0] == (RowOutcome.SKIPPED, "zcabc01", "63.3")
    assert changes(course, sheet.replace(b",73.00,N/A,", b",73.00,63.3,"))[1201] == {}


def test_a_dash_counts_as_blank_and_other_words_stay() -> None:
    dash = GRADEBOOK.replace(b"A,73.00,,", b"A,73.00,-,").replace(b",EX,,", b",EX,B+,")
    filled = fill(dash, marks({"zcabc01": "63.3", "zcabc02": "70"}), ROSTER, NONE)
    assert lines(filled)[:2] == [(RowOutcome.WRITTEN, "zcabc01", "63.3"), (RowOutcome.BY_HAND, "zcabc02", "70.0")]
    assert filled.lines[1].why == "its cell is 'B+', not a number, and stays as it is"


# The column


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Seminar", "there is no column 'Seminar'; name the one to fill with --column.*\n  MLP classifier"),
        ("Final Score", "cannot be filled: Canvas drops each column whose heading has 'Final Score'"),
        ("Coursework Current Score", "Canvas drops each column whose heading has 'Current Score'"),
        ("Section", "there is no column 'Section'"),
    ],
)
def test_a_column_that_canvas_would_not_take_is_refused(column, text) -> None:
    with pytest.raises(UserError, match=text):
        fill(GRADEBOOK, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(column))


@pytest.mark.parametrize(
    ("new", "text"),
    [
        (b"Essay (40552)", "there is no column 'U-Net coursework'.*\n  MLP classifier .40551.\n  Essay .40552."),
        (b"U-Net coursework", "it has no number of an assignment"),
        (b"U-Net coursework Final Grade (40552)", "there is no column"),
        (b"MLP classifier (40551)", "two columns are 'MLP classifier .40551.'"),
    ],
)
def test_without_a_named_column_only_one_with_the_exact_title_is_filled(new, text) -> None:
    with pytest.raises(UserError, match=text):
        fill(GRADEBOOK.replace(b"U-Net coursework (40552)", new), marks({"zcabc01": "63.3"}), ROSTER, NONE)


def test_two_assignments_of_one_title_need_the_number() -> None:
    twice = GRADEBOOK.replace(b"MLP classifier", b"U-Net coursework")
    with pytest.raises(UserError, match=r"several columns are 'U-Net coursework'.*\n.*40551.*\n.*40552"):
        fill(twice, marks({"zcabc01": "63.3"}), ROSTER, NONE)
    assert fill(twice, marks({"zcabc01": "63.3"}), ROSTER, ExportRules("40552")).lines[0].mark == "63.3"


def test_a_read_only_and_an_anonymous_column_are_refused() -> None:
    with pytest.raises(UserError, match="cannot be filled: it is read only"):
        fill(GRADEBOOK.replace(b"75.00,100.00", b"75.00,(read only)"), marks({}), ROSTER, NONE)
    hidden = GRADEBOOK.replace(b"Manual Posting", b"Manual Posting (scores hidden from instructors)")
    with pytest.raises(UserError, match="Canvas takes no mark for it before it is posted"):
        fill(hidden, marks({}), ROSTER, NONE)


def test_custom_columns_and_names_in_two_columns_shift_nothing() -> None:
    course = replace(COURSE, notes=("Tutor", "U-Net coursework"))
    sheet = export(course, FileStyle(two_names=True))
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, ExportRules("40552"))
    assert changes(course, filled.data) == {1201: {UNET: "63.3"}, 1202: {}, 1299: {}}
    assert lines(filled)[2] == (RowOutcome.NO_MARK, "Student, Test", "")


def test_a_file_that_canvas_writes_and_refuses_is_noted() -> None:
    for bom in (False, True):
        sheet = export(COURSE, FileStyle(two_names=True, bom=bom))
        filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, NONE)
        assert any("invalid header row" in note for note in filled.notes) is bom
        assert upload(COURSE, filled.data).refused == ("Invalid header row" if bom else "")


def test_whether_students_see_marks_at_once_is_said() -> None:
    at_once = "Students see these marks as soon as Canvas takes them: MLP classifier (40551) is not posted by hand."
    notes = {
        column: fill(GRADEBOOK, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(column)).notes
        for column in ("40551", "40552")
    }
    assert any(note.startswith(at_once) for note in notes["40551"])
    assert not any("as soon as" in note for note in notes["40552"])


def test_a_row_of_posting_that_is_longer_than_the_header_is_canvas_own() -> None:
    longer = GRADEBOOK.replace(b"Manual Posting,,,,,,,,\n", b"Manual Posting,,,,,,,,,,,,\n")
    filled = fill(longer, marks({"zcabc01": "63.3"}), ROSTER, NONE)
    assert filled.data == longer.replace(b"A,73.00,,", b"A,73.00,63.3,")


# Points


@pytest.mark.parametrize(
    ("points", "maximum", "text"),
    [
        (b"", None, "is worth no points in Canvas: set its points there"),
        (b"0.00", None, "is worth 0.00 in Canvas"),
        (b"100.00", 75, "is worth 100.00, not 75: leave out --maximum"),
    ],
)
def test_without_points_there_is_nothing_to_scale_to(points, maximum, text) -> None:
    sheet = GRADEBOOK.replace(b"75.00,100.00", b"75.00," + points)
    with pytest.raises(UserError, match=text):
        fill(sheet, marks({}), ROSTER, ExportRules(maximum=Decimal(maximum) if maximum else None))


def test_a_maximum_that_canvas_does_not_know_is_what_the_person_says() -> None:
    sheet = GRADEBOOK.replace(b"75.00,100.00", b"75.00,")
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(maximum=Decimal(50)))
    assert filled.lines[0].mark == "31.65"
    assert any("does not say what U-Net coursework (40552) is worth: 50" in note for note in filled.notes)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,000", "1"), ("1,000.50", "1000.5"), ("1.000,50", "1000.5"), ("73,5", "73.5"), ("73.", "73"), (" 0.00 ", "0")],
)
def test_numbers_are_read_as_canvas_reads_them(text, value) -> None:
    assert number_of(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "-", "EX", "B+", "73%", "7 3", ".", "1e3", "٣"])
def test_other_text_is_no_number(text) -> None:
    assert number_of(text) is None


# People


def test_a_person_is_known_by_sis_id_login_or_email_and_never_by_name() -> None:
    by_sis = fill(GRADEBOOK, marks({"25001234": "63.3"}), alone(member("25001234")), NONE)
    assert lines(by_sis)[0] == (RowOutcome.WRITTEN, "25001234", "63.3")
    logins = GRADEBOOK.replace(b"zcabc01", b"Ada@Example.org")
    assert fill(logins, marks({"ada": "63.3"}), alone(member("ada")), NONE).lines[0].who == "ada"
    byron = member("x1").model_copy(update={"name": "Byron, Ada"})
    with pytest.raises(UserError, match="none of its 2 rows is about anybody"):
        fill(GRADEBOOK, marks({"x1": "63.3"}), alone(byron), NONE)


def test_integration_ids_are_read_too() -> None:
    sheet = GRADEBOOK.replace(b"SIS Login ID,", b"SIS Login ID,Integration ID,Root Account,")
    sheet = sheet.replace(b"Possible,", b"Possible,,,").replace(b",,,,,,Manual", b",,,,,,,,Manual")
    sheet = sheet.replace(b"zcabc01,", b"q1,ada,canvas.example,").replace(b"zcabc02,", b"q2,i2,x,")
    sheet = sheet.replace(b"8a1f0c,", b"8a1f0c,,,")
    filled = fill(sheet, marks({"ada": "63.3"}), alone(member("ada")), NONE)
    assert filled.lines[0].who == "ada"


def test_a_gradebook_without_sis_ids_needs_somebody_to_say_who_is_who() -> None:
    sheet = export(replace(COURSE, students=[replace(ADA, login=""), replace(GRACE, login="")]), FileStyle(sis=False))
    with pytest.raises(UserError, match="participant,member and name it with --members"):
        fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, NONE)
    filled = fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(members={"1201": "zcabc01"}))
    assert [line.outcome for line in filled.lines] == [RowOutcome.WRITTEN, RowOutcome.UNKNOWN]


def test_a_row_that_names_two_people_is_about_neither() -> None:
    roster = alone(member("25001234"), member("zcabc01"), member("zcabc02"))
    filled = fill(GRADEBOOK, marks({"zcabc01": "63.3"}), roster, NONE)
    assert filled.lines[0].why == "SIS User ID is that of 25001234 but SIS Login ID is that of zcabc01"
    by_hand = fill(GRADEBOOK, marks({"zcabc01": "63.3"}), ROSTER, ExportRules(members={"1201": "zcabc02"}))
    assert by_hand.lines[0].why == "SIS Login ID is that of zcabc01 but --members is that of zcabc02"


def test_a_person_in_two_rows_gets_a_mark_in_neither() -> None:
    sheet = GRADEBOOK + GRADEBOOK.splitlines(keepends=True)[3]
    filled = fill(sheet, marks({"zcabc01": "63.3", "zcabc02": "70"}), ROSTER, NONE)
    assert lines(filled) == [
        (RowOutcome.UNKNOWN, "Byron, Ada (ID 1201)", ""),
        (RowOutcome.WRITTEN, "zcabc02", "70.0"),
        (RowOutcome.NO_MARK, "Student, Test", ""),
        (RowOutcome.UNKNOWN, "Byron, Ada (ID 1201)", ""),
        (RowOutcome.MISSING, "zcabc01", "63.3"),
    ]
    assert filled.lines[0].why == filled.lines[3].why
    assert "2 rows are about zcabc01" in filled.lines[0].why


def test_a_person_who_is_called_as_the_test_student_is_a_person() -> None:
    filled = fill(GRADEBOOK.replace(b"1299,,", b"1299,25001299,"), marks({"zcabc01": "63.3"}), ROSTER, NONE)
    assert lines(filled)[2] == (RowOutcome.UNKNOWN, "Student, Test (ID 1299)", "")


def test_strangers_and_people_whom_the_gradebook_lacks_are_listed() -> None:
    roster = alone(member("zcabc01"), member("zcabc09"))
    filled = fill(GRADEBOOK, marks({"zcabc01": "63.3", "zcabc09": "41"}), roster, NONE)
    assert lines(filled)[1:] == [
        (RowOutcome.UNKNOWN, "Murray, Grace (ID 1202)", ""),
        (RowOutcome.NO_MARK, "Student, Test", ""),
        (RowOutcome.MISSING, "zcabc09", "41.0"),
    ]


def test_a_student_whose_name_canvas_takes_for_the_row_of_points_stops_the_export() -> None:
    sheet = export(replace(COURSE, students=[ADA, replace(GRACE, first="Points Possible")]))
    with pytest.raises(UserError, match="it has 2 rows 'Points Possible'"):
        fill(sheet, marks({"zcabc01": "63.3"}), ROSTER, NONE)


# What is no gradebook


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Identifier,Full name,Grade\nParticipant 1,Ada,\n", "its header is not that of Canvas"),
        (GRADEBOOK.replace(b"Section,", b"Group,"), "its header is not that of Canvas"),
        (GRADEBOOK.replace(b"ID,SIS User ID", b"SIS User ID,ID"), "its header is not that of Canvas"),
        (GRADEBOOK.replace(b"SIS Login ID,", b"Login,"), "its header is not that of Canvas"),
        (GRADEBOOK.replace(b"    Points Possible", b"Byron"), "its row 'Points Possible' is missing"),
        (GRADEBOOK + GRADEBOOK.splitlines(keepends=True)[2], "it has 2 rows 'Points Possible'"),
        (GRADEBOOK.replace(b'"Byron, Ada"', b"Byron, Ada"), "gradebook:4: this row has 16 cells"),
        (b"".join(GRADEBOOK.splitlines(keepends=True)[:3]), "it has no row of a person"),
        (b"PK\x03\x04 a workbook", "is not a delimited text file"),
        (GRADEBOOK.decode().encode("utf-16-be"), "is not a delimited text"),
        (GRADEBOOK.replace(b"Ada", b"Ad\xe9"), "gradebook:4: is not text in utf-8"),
        (GRADEBOOK.replace(b",", b"\t"), "Canvas reads only UTF-8 with commas or semicolons"),
        (b"\xff\xfe" + GRADEBOOK.decode().encode("utf-16-le"), "Canvas reads only UTF-8"),
    ],
)
def test_another_file_is_refused_with_what_to_do(data, text) -> None:
    with pytest.raises(UserError, match=text):
        fill(data, marks({"zcabc01": "63.3"}), ROSTER, NONE)


# Whatever the gradebook holds

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['O"Neil, Ann', "Ünal\r\nŞ.", "\u202eابت", '="x"', "Doe\nJane", " x ", ";", "\t", "1,5", "Student"]
)
SCORES = ["0.00", "40.00", "63.50", "100.00", "55.25", "EX"]


@st.composite
def courses(draw):
    """A course, how Canvas writes its file, a roster, and marks that some of its people have."""
    students, scores, unassigned, people, by_member = [], {}, set(), [], {}
    points = draw(st.sampled_from(["100.00", "75.00", "20.00"]))
    for number in range(draw(st.integers(1, 5))):
        id = f"zcabc{number:02}"
        students.append(Student(1200 + number, draw(WORDS), draw(WORDS), f"2500{number}", id))
        for work in (MLP, UNET):
            if draw(st.booleans()):
                scores[1200 + number, work] = draw(st.sampled_from(SCORES))
            elif draw(st.integers(0, 5)) == 0:
                unassigned.add((1200 + number, work))
        if draw(st.integers(0, 5)):
            people.append(member(id))
            values = ["0", "40", "63.5", "63.49", "100", Status.WITHHELD, Status.NOT_SUBMITTED]
            by_member[id] = draw(st.sampled_from(values))
    works = [Work(MLP, "MLP classifier", "75.00", manual=False), Work(UNET, "U-Net coursework", points)]
    course = Course([*students, TEST], works, scores, unassigned, draw(st.sampled_from([(), ("Notes",)])))
    semicolon, two = draw(st.booleans()), draw(st.booleans())
    style = FileStyle(";" if semicolon else ",", draw(st.booleans()), draw(st.booleans()) and not two, two)
    return course, style, alone(*people), by_member


def rows_of(data, delimiter):
    """Cells, by Python's own reader."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))


@given(courses())
def test_a_gradebook_without_marks_comes_back_byte_for_byte(work) -> None:
    course, style, roster, by_member = work
    sheet = export(course, style)
    if not roster:
        return
    filled = fill(sheet, marks(dict.fromkeys(by_member, Status.WITHHELD)), roster, NONE)
    assert filled.data == sheet
    assert len(filled.lines) == len(course.students)


@given(courses())
def test_exactly_the_cells_of_written_marks_differ(work) -> None:
    course, style, roster, by_member = work
    sheet = export(course, style)
    if not roster:
        return
    filled = fill(sheet, marks(by_member), roster, NONE)
    before, after = rows_of(sheet, style.delimiter), rows_of(filled.data, style.delimiter)
    column = before[0].index(f"U-Net coursework ({UNET})")
    of_rows = [line for line in filled.lines if line.outcome is not RowOutcome.MISSING]
    assert len(of_rows) == len(course.students) == len(before) - 3  # each row has exactly one line
    assert before[:3] == after[:3]
    for line, old, new in zip(of_rows, before[3:], after[3:], strict=True):
        expected = list(old)
        if line.outcome is RowOutcome.WRITTEN:
            expected[column] = line.mark
        assert new == expected


@given(courses())
def test_each_line_is_what_canvas_does_with_the_row(work) -> None:
    course, style, roster, by_member = work
    if not roster:
        return
    filled = fill(export(course, style), marks(by_member), roster, NONE)
    uploaded = upload(course, filled.data)
    assert not uploaded.refused
    assert len(uploaded.rows) == len(course.students)
    for line, row, student in zip(filled.lines, uploaded.rows, course.students, strict=False):
        assert row.student == student.id
        assert row.line == line.line
        if line.outcome is RowOutcome.WRITTEN:
            assert row.changes == {UNET: line.mark.replace(",", ".")}
        else:
            assert row.changes == {}
        if line.outcome is RowOutcome.SKIPPED:
            assert (student.id, UNET) in course.unassigned
        if line.outcome is RowOutcome.UNCHANGED:
            assert Decimal(course.scores[student.id, UNET]) == Decimal(line.mark.replace(",", "."))
