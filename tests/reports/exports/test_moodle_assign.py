"""Moodle's worksheet: each line says what Moodle does with the row, and exactly the cells of written marks differ."""

import codecs
import csv
import io
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from graders.marks.mark import Status
from graders.marks.personal import Adjustment
from reports.exports.export import ExportRules, RowOutcome
from reports.exports.moodle_assign import fill
from tests.reports.exports.moodle import Grade, InvalidGradeImport, Moodle
from tests.reports.exports.moodle_made import (
    BLIND,
    PEOPLE,
    RULES,
    SAMPLE,
    TWO_MARKERS,
    cells_of,
    csv_of,
    marks_of,
    own_mark,
    roster_of,
)
from tests.reports.hand_made import assignment

ADA, GRACE, JOSE = (id for id, *_ in PEOPLE)
JANUARY = datetime(2027, 1, 18, 9, 5)
NAMES = (
    "Ada Byron", "Murray, Grace", 'Rear "Amazing" Admiral', "José\nNúñez", "O'Brien; Flann", "\u202eابن سينا\u202c",
    "=cmd()", "a\\b", "Ünal\tŞ", "李 四",
)  # fmt: skip


def sample(**more):
    """The activity that gave out the sample: Grace has 61.5, José is locked."""
    names = {90211: "Ada Byron", 90212: "Murray, Grace", 90213: "José Núñez"}
    return Moodle(names, grades={90212: Grade(61.5, JANUARY)}, locked={90213}, **more)


def filled(sheet, marks, rules=RULES, **more):
    return fill(sheet.encode() if isinstance(sheet, str) else sheet, marks_of(marks, **more), roster_of(), rules)


def outcomes(result):
    return {line.who: line.outcome for line in result.lines}


@pytest.mark.parametrize("several", [False, True])
def test_the_rows_of_the_sample_end_as_their_lines_say(several):
    result = filled(SAMPLE, {ADA: 72.5, GRACE: 58, JOSE: 40})
    done = sample(several_markers=several).upload_worksheet(result.data)
    assert [(line.who, line.line, line.outcome, line.mark) for line in result.lines] == [
        (ADA, 2, RowOutcome.WRITTEN, "72.5"),
        (GRACE, 3, RowOutcome.WRITTEN, "58.0"),
        (JOSE, 4, RowOutcome.SKIPPED, "40.0"),
    ]
    assert [each.wrote for each in done] == [72.5, 58.0, None]
    typed = result.data.replace(b"group-02,,", b"group-02,40.0,")
    assert sample(several_markers=several).upload_worksheet(typed)[2].why == "locked"
    assert result.data.decode() == SAMPLE.replace("group-01,,100", "group-01,72.5,100").replace(",61.50,", ",58.0,")


def test_a_mark_that_moodle_has_already_is_not_touched():
    result = filled(SAMPLE, {GRACE: 61.5})
    assert outcomes(result)[GRACE] is RowOutcome.UNCHANGED
    assert result.data == SAMPLE.encode()
    assert sample().upload_worksheet(result.data)[1].why == "not modified"


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MARKED])
def test_whoever_has_no_mark_keeps_the_cell_and_the_line_says_why(status):
    result = filled(SAMPLE, {ADA: status, GRACE: status})
    lines = {line.who: line for line in result.lines}
    assert result.data == SAMPLE.encode()
    assert {line.outcome for line in result.lines} == {RowOutcome.NO_MARK}
    said = "Marked in part" if status is Status.INCOMPLETE else status.replace("_", " ").capitalize()
    assert lines[ADA].why == f"{said}: the cell stays empty"
    assert lines[GRACE].why == f"{said}: the cell stays as it is, '61.50'"
    assert lines[JOSE].why == "there is none yet: the cell stays empty"


def test_a_true_zero_is_to_be_typed_by_hand_because_a_later_moodle_drops_it():
    result = filled(SAMPLE, {ADA: 0, GRACE: 0})
    assert outcomes(result) == {ADA: RowOutcome.BY_HAND, GRACE: RowOutcome.BY_HAND, JOSE: RowOutcome.NO_MARK}
    assert result.lines[1].mark == "0.0"
    assert result.data == SAMPLE.encode()
    typed = SAMPLE.replace(",61.50,", ",0.0,").encode()
    assert sample().upload_worksheet(typed)[1].wrote == 0.0
    assert sample(several_markers=True).upload_worksheet(typed)[1].why == "zero, or not modified"


def test_a_zero_that_moodle_has_already_needs_no_hand():
    zero = SAMPLE.replace(",61.50,", ",0.00,")
    assert outcomes(filled(zero, {GRACE: 0}))[GRACE] is RowOutcome.UNCHANGED


def test_people_with_a_mark_whom_the_sheet_lacks_are_listed_after_its_rows():
    first = SAMPLE[: SAMPLE.index('"Participant 90212"')]
    result = filled(first, {ADA: 50, GRACE: 61, JOSE: Status.WITHHELD})
    assert [(line.who, line.outcome, line.line, line.mark) for line in result.lines[1:]] == [
        (GRACE, RowOutcome.MISSING, None, "61.0")
    ]


def test_an_older_heading_of_the_maximum_serves_too():
    old = SAMPLE.replace("Maximum grade", "Maximum Grade")
    assert outcomes(filled(old, {ADA: 72.5}))[ADA] is RowOutcome.WRITTEN


# Another maximum, and how numbers are written


def test_another_maximum_is_scaled_from_the_percentage_and_said():
    result = filled(SAMPLE.replace("100.00", "12.50"), {ADA: 61.7, GRACE: 100})
    assert [line.mark for line in result.lines] == ["7.71", "12.5", ""]  # 61.7 of 100 is 7.7125 of 12.5
    assert "Moodle's maximum is 12.5 and the assignment's 100: marks are scaled, to two decimals." in result.notes
    done = replace(sample(), maximum=12.5).upload_worksheet(result.data)
    assert [each.wrote for each in done] == [7.71, 12.5, None]


def test_points_of_another_sum_are_written_as_moodle_counts_them():
    criteria = [{"id": "report", "kind": "person", "points": 30}]
    forty = {ADA: own_mark(ADA, "61.7", out_of=30)}
    small = {"assignment": assignment(criterion=criteria)}
    assert filled(SAMPLE, forty, **small).lines[0].mark == "61.7"
    assert "assignment's 30: marks are scaled" in filled(SAMPLE, forty, **small).notes[0]
    same = filled(SAMPLE.replace("100.00", "30"), forty, **small)
    assert same.lines[0].mark == "18.51"  # its points, 61.7 % of 30
    assert not any("scaled" in note for note in same.notes)


def test_no_note_speaks_of_scaling_where_the_maximum_is_the_same():
    assert not any("scaled" in note for note in filled(SAMPLE, {ADA: 50}).notes)


def test_a_decimal_comma_is_written_where_the_sheet_has_one():
    sheet = csv_of([[cell.replace(".", ",") if cell in ("61.50", "100.00") else cell for cell in row] for row in
                    sample().rows((("Email address", emails()),))], delimiter=";")  # fmt: skip
    result = filled(sheet, {ADA: 72.5, GRACE: 58.25})
    assert [row["Grade"] for row in cells_of(result.data.decode(), ";")] == ["72,5", "58,25", ""]
    done = sample(decimal=",").upload_worksheet(result.data, separator=";")
    assert [each.wrote for each in done] == [72.5, 58.25, None]


def test_moodle_in_english_would_cut_a_decimal_comma_so_none_is_written_without_one():
    assert sample().upload_worksheet(SAMPLE.replace("group-01,,", 'group-01,"72,5",').encode())[0].wrote == 72.0
    assert b"72.5" in filled(SAMPLE, {ADA: 72.5}).data


def test_a_mark_that_moodle_shows_rounded_is_said():
    whole = SAMPLE.replace("100.00", "100").replace("61.50", "62")
    assert "shows grades of this assignment with 0 decimals" in filled(whole, {ADA: 72.5}).notes[0]
    assert not any("rounded" in note for note in filled(whole, {ADA: 72}).notes)
    assert not any("rounded" in note for note in filled(SAMPLE, {ADA: 72.5}).notes)


@pytest.mark.parametrize("text", ["", "ten", "0.00", "1,000.00"])
def test_a_maximum_that_is_no_number_is_refused_with_its_line(text):
    with pytest.raises(UserError, match=f"Moodle's worksheet:2: Maximum grade is '{text}', not a number"):
        filled(SAMPLE.replace("100.00", f'"{text}"'), {ADA: 50})


def test_two_maxima_in_one_sheet_are_refused_with_their_lines():
    with pytest.raises(UserError, match=r"worksheet:3: Maximum grade is '50', and '100.00' on line 2"):
        filled(SAMPLE.replace("61.50,100.00", "61.50,50"), {ADA: 50})


def test_a_maximum_that_was_typed_must_be_that_of_the_sheet():
    assert filled(SAMPLE, {ADA: 50}, ExportRules(maximum=Decimal(100))).lines[0].mark == "50.0"
    with pytest.raises(UserError, match=r"its Maximum grade is 100\.00, not 50: leave out --maximum"):
        filled(SAMPLE, {ADA: 50}, ExportRules(maximum=Decimal(50)))


def test_a_mark_above_moodles_maximum_is_not_written():
    result = filled(SAMPLE, {ADA: 104})
    assert (result.lines[0].outcome, result.lines[0].why) == (
        RowOutcome.SKIPPED, "it is more than Moodle's maximum, 100",
    )  # fmt: skip
    assert sample().upload_worksheet(SAMPLE.replace("group-01,,", "group-01,104,").encode())[0].why == "out of range"


# Several markers


def two_markers():
    return Moodle({501: "Ada Byron"}, markers={501: ("ann", "bob")}, several_markers=True,
                  grades={501: Grade(None, datetime(1970, 1, 1), {"ann": 58.0, "bob": 64.0})})  # fmt: skip


def test_a_markers_column_is_taken_from_that_marker_alone_and_a_note_says_so():
    result = filled(TWO_MARKERS, {ADA: 66.5}, ExportRules(column="Marker 1"))
    assert result.data.decode() == TWO_MARKERS.replace(",58,64,,", ",66.5,64,,")
    assert "Moodle takes Marker 1 only from the person who is Marker 1" in result.notes[0]
    assert two_markers().upload_worksheet(result.data, uploader="ann")[0].wrote == 66.5
    assert two_markers().upload_worksheet(result.data, uploader="bob")[0].wrote is None


def test_without_a_column_the_grade_is_filled_and_who_may_upload_it_is_said():
    result = filled(TWO_MARKERS, {ADA: 66.5})
    assert result.data.decode() == TWO_MARKERS.replace(",58,64,,", ",58,64,66.5,")
    assert "mod/assign:managerestrictedgrades" in result.notes[0]
    assert two_markers().upload_worksheet(result.data, uploader="chair")[0].wrote == 66.5


def test_a_grade_above_the_maximum_spoils_its_row_for_markers_too():
    above = TWO_MARKERS.replace(",58,64,,100.00", ",58,64,80,50")
    result = filled(above, {ADA: 66}, ExportRules(column="Marker 1"))
    assert result.lines[0].why == "its Grade is more than Moodle's maximum, 50"
    typed = above.replace(",58,64", ",33,64").encode()
    moodle = replace(two_markers(), maximum=50.0)
    assert moodle.upload_worksheet(typed, uploader="ann")[0].why == "out of range"


@pytest.mark.parametrize("column", ["Marker 3", "Marker", "Full name", "Identifier", "Marker 1 comment"])
def test_only_columns_of_marks_can_be_filled(column):
    with pytest.raises(UserError, match="--column takes Grade or Marker 1 or Marker 2"):
        filled(TWO_MARKERS, {ADA: 50}, ExportRules(column=column))


# Who a row is about


def emails():
    return {90211: "ada@example.org", 90212: "GRACE@example.org", 90213: "jose@example.org"}


@pytest.mark.parametrize("word", ["", "Participant "])
def test_an_anonymous_sheet_is_joined_by_the_numbers_that_an_instructor_put_down(word):
    rules = ExportRules(members={f"{word}7": ADA, f"{word}12": GRACE})
    result = filled(BLIND, {ADA: 72.5, GRACE: 58}, rules)
    assert [(line.who, line.mark) for line in result.lines] == [(ADA, "72.5"), (GRACE, "58.0")]
    assert [each.wrote for each in Moodle({7: "", 12: ""}).upload_worksheet(result.data)] == [72.5, 58.0]
    assert result.notes[0] == (
        "The assignment has a marking workflow: students see an upload once the state of their work is Released."
    )
    assert "Students see an upload at once" in filled(SAMPLE, {ADA: 72.5}).notes[0]


def test_a_number_that_nobody_put_down_is_a_row_of_nobody():
    result = filled(BLIND, {ADA: 72.5, GRACE: 58}, ExportRules(members={"7": ADA, "13": GRACE}))
    assert [(line.who, line.outcome) for line in result.lines] == [
        (ADA, RowOutcome.WRITTEN), ("Participant 12", RowOutcome.UNKNOWN), (GRACE, RowOutcome.MISSING),
    ]  # fmt: skip
    assert result.lines[1].why == "the sheet names nobody, and --members has no such number"


def test_an_anonymous_sheet_without_such_numbers_is_refused_with_the_cure():
    with pytest.raises(UserError, match="a table with the header participant,member and name it with --members"):
        filled(BLIND, {ADA: 72.5})


def test_a_number_put_down_for_another_person_than_the_row_names_is_seen():
    result = filled(SAMPLE, {ADA: 72.5, GRACE: 58}, ExportRules(members={"90211": GRACE}))
    assert result.lines[0].outcome is RowOutcome.UNKNOWN
    assert f"ID number is that of {ADA}" in result.lines[0].why
    assert f"--members is that of {GRACE}" in result.lines[0].why


def test_strangers_and_rows_without_a_participant_keep_their_cells_and_have_lines():
    rows = sample().rows((("Email address", emails()),))
    rows[1][2], rows[2][0], rows[3][0] = "eve@example.org", "", "Teilnehmer/in 90213"
    rows.append(["Participant 90214", "", "  ", *rows[1][3:]])
    rows.append(["Participant 90215", "Ada", "ada@example.org", *rows[1][3:]])
    result = filled(csv_of(rows), {ADA: 50, GRACE: 60, JOSE: 70})
    assert [(line.who, line.outcome, line.why) for line in result.lines[:4]] == [
        ("Participant 90211", RowOutcome.UNKNOWN, "no Email address of the roster is eve@example.org"),
        ("a row without a participant", RowOutcome.UNKNOWN,
         "its Identifier is blank, so that Moodle passes it over"),
        ("a row without a participant", RowOutcome.UNKNOWN,
         "its Identifier is 'Teilnehmer/in 90213', not Participant and a number, so that Moodle passes it over"),
        ("Participant 90214", RowOutcome.UNKNOWN, "the row has no Email address"),
    ]  # fmt: skip
    assert [row["Grade"] for row in cells_of(result.data.decode())] == ["", "61.50", "", "", "50.0"]
    assert "4 of the 5 rows are about nobody in the roster: is this the sheet of this course?" in result.notes
    done = sample().upload_worksheet(result.data)
    assert [each.why for each in done[1:3]] == ["no such participant"] * 2


def test_a_person_with_two_rows_gets_a_mark_in_neither_for_one_may_be_another_account():
    rows = sample().rows((("Email address", emails()),))
    twice = csv_of([*rows, ["Participant 90219", *rows[1][1:]]])
    result = filled(twice, {ADA: 50, GRACE: 60})
    assert [line.outcome for line in result.lines] == [
        RowOutcome.UNKNOWN, RowOutcome.WRITTEN, RowOutcome.NO_MARK, RowOutcome.UNKNOWN,
    ]  # fmt: skip
    assert result.lines[3].why == f"2 rows are about {ADA}, and all stay as they are: remove all but the right one"
    assert [row["Grade"] for row in cells_of(result.data.decode())] == ["", "60.0", "", ""]


def test_the_sheet_of_another_course_is_refused_with_whom_it_names():
    other = SAMPLE.replace("2500", "2600").replace("@example.org", "@example.com")
    with pytest.raises(UserError, match="none of its 3 rows is about anybody in the roster") as error:
        filled(other, {ADA: 50})
    said = "Line 2, Participant 90211: no ID number or Email address of the roster is 26001234 or ada@example.com."
    assert said in str(error.value)


def test_a_sheet_without_a_row_is_refused():
    with pytest.raises(UserError, match="it has no row"):
        filled(SAMPLE.splitlines()[0] + "\n", {ADA: 50})


# What is no worksheet


@pytest.mark.parametrize("heading", ["Identifier", "Grade", "Last modified (grade)"])
def test_a_sheet_without_a_column_that_moodle_needs_is_refused_as_moodle_would(heading):
    other = SAMPLE.replace('"Last modified (grade)"', "Bearbeitet") if "Last" in heading else SAMPLE
    other = other.replace("Identifier", "ID") if heading == "Identifier" else other
    other = other.replace(",Grade,", ",Bewertung,") if heading == "Grade" else other
    with pytest.raises(UserError, match="Set Moodle to English") as error:
        filled(other, {ADA: 50})
    assert f"there is no column '{heading}'" in str(error.value)
    with pytest.raises(InvalidGradeImport):
        sample().upload_worksheet(other.encode())


def test_dates_of_another_language_are_why_a_translated_sheet_serves_nobody():
    """Even a Moodle in that language reads only English dates: it takes each row with a grade for changed since."""
    german = SAMPLE.replace("Identifier", "ID").replace(",Grade,", ",Bewertung,").replace("61.50", "70,00")
    german = german.replace("Last modified (grade)", "Zuletzt geändert (Bewertung)").replace("Monday, 18", "Montag, 18")
    moodle = sample(headings=("ID", "Bewertung", "Zuletzt geändert (Bewertung)"), decimal=",")
    assert moodle.upload_worksheet(german.replace("70,00", '"70,00"').encode())[1].why == "modified in Moodle since"


@pytest.mark.parametrize(("heading", "said"), [("Scale", "in words of a scale"), ("Team", "not marked in points")])
def test_an_assignment_that_is_not_marked_in_points_is_refused(heading, said):
    with pytest.raises(UserError, match=said):
        filled(SAMPLE.replace("Maximum grade", heading), {ADA: 50})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Moodle's worksheet: is empty"),
        (b"PK\x03\x04 workbook", "is not a delimited text file"),
        (SAMPLE.replace("Yes,", "Yes,extra,", 1).encode(), "Moodle's worksheet:2: this row has 14 cells"),
        (SAMPLE.encode("latin-1"), "is not text in utf-8"),
        (b"Student,ID,Section,Essay (1)\nAda,1,A,\n", "there is no column 'Identifier'"),
    ],
)
def test_what_is_no_worksheet_is_refused_with_the_reason(data, said):
    with pytest.raises(UserError, match=r"[Dd]ownload") as error:
        filled(data, {ADA: 50})
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["C:\\", 'a \\"quoted\\", end', "three \\\\\\"])
def test_a_backslash_with_which_moodle_would_lose_rows_is_refused_with_its_cell(text):
    rows = sample().rows((("Email address", emails()),), comments={90211: text})
    rows[1][-1], rows[1][-3] = "", text
    sheet = csv_of(rows)
    written = sheet.replace(b",,100.00,Yes", b",72.5,100.00,Yes").replace(b"61.50", b"58.0")
    assert [each.wrote for each in sample().upload_worksheet(written)] != [72.5, 58.0, None]
    with pytest.raises(UserError, match=r"Moodle's worksheet:2: a backslash in the cell 'Online text'"):
        filled(sheet, {ADA: 72.5, GRACE: 58})


@pytest.mark.parametrize("text", ["C:\\Users", "two \\\\", '<p class=\\"x\\">'])
def test_other_backslashes_are_let_through(text):
    rows = sample().rows((("Email address", emails()),))
    sheet = csv_of(rows).replace(b'AM",,-', f'AM","{text}",-'.encode(), 1)
    result = filled(sheet, {ADA: 72.5, GRACE: 58})
    assert [each.wrote for each in sample().upload_worksheet(result.data)] == [72.5, 58.0, None]


# What a person has to know of the whole file


def test_a_row_that_was_graded_after_the_download_is_skipped_by_moodle_and_a_note_says_to_be_quick():
    result = filled(SAMPLE, {GRACE: 58})
    assert "Upload the file soon: Moodle skips, without a word, each row whose grade was changed" in result.notes[-1]
    moodle = sample()
    moodle.grades[90212].modified = JANUARY + timedelta(seconds=61)
    assert moodle.upload_worksheet(result.data)[1].why == "modified in Moodle since"
    assert moodle.upload_worksheet(result.data, ignore_modified=True)[1].wrote == 58.0


def test_lateness_that_is_in_the_marks_is_not_to_be_taken_again_by_moodle():
    late = Adjustment("late", "1 day late.", None, None, "policy")
    assert "or it is taken twice" in filled(SAMPLE, {ADA: own_mark(ADA, 50, trace=(late,))}).notes[0]
    assert not any("twice" in note for note in filled(SAMPLE, {ADA: 50}).notes)


@pytest.mark.parametrize(
    ("encoding", "mark", "delimiter", "said"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "\t", "choose the encoding UTF-16LE and the separator Tab, as this"),
        ("utf-16-be", codecs.BOM_UTF16_BE, ",", "choose the encoding UTF-16BE, as this sheet has"),
        ("utf-8", codecs.BOM_UTF8, ";", "choose the separator Semicolon, as this sheet has"),
        ("utf-8", codecs.BOM_UTF8, ",", ""),
    ],
)
def test_another_encoding_or_delimiter_is_kept_and_said(encoding, mark, delimiter, said):
    rows = sample().rows((("Email address", emails()),))
    sheet = csv_of(rows, encoding=encoding, mark=mark, delimiter=delimiter)
    result = filled(sheet, {ADA: 72.5})
    assert result.data.startswith(mark)
    done = sample().upload_worksheet(result.data, encoding=encoding, separator=delimiter)
    assert done[0].wrote == 72.5
    assert any(said in note for note in result.notes if "upload choose" in note) == bool(said)


# Any sheet

PARTS_OF_MARKS = st.sampled_from(["0", "0.01", "39.5", "61.5", "100"])


@st.composite
def activities(draw):
    """An activity, its sheet, marks, and how it is uploaded: all in agreement, as after a fresh download."""
    several = draw(st.booleans())
    numbers = draw(st.lists(st.integers(1, 99999), min_size=1, max_size=5, unique=True))
    maximum = draw(st.sampled_from([100.0, 50.0, 12.5]))
    moodle = Moodle(
        names={number: draw(st.sampled_from(NAMES)) for number in numbers},
        maximum=maximum,
        several_markers=several,
        decimal=draw(st.sampled_from(".,")),
        markers=dict.fromkeys(numbers, ("ann", "bob")) if several else {},
        locked=set(draw(st.lists(st.sampled_from(numbers), unique=True))),
    )
    stored = st.none() | PARTS_OF_MARKS.map(lambda text: round(float(text) * maximum / 100, 2))
    for number in numbers:
        if draw(st.booleans()):
            marks = {marker: draw(stored) for marker in moodle.markers.get(number, ())}
            kept = {marker: mark for marker, mark in marks.items() if mark is not None}
            moodle.grades[number] = Grade(draw(stored), JANUARY, kept)
    people, marks = [], {}
    for number in draw(st.lists(st.sampled_from(numbers), min_size=1, unique=True)):
        people.append((f"s{number}", "Name", f"s{number}@example.org", "g1"))
        mark = draw(st.none() | PARTS_OF_MARKS | st.sampled_from([Status.WITHHELD, Status.INCOMPLETE, Status.DEFERRED]))
        if mark is not None:
            marks[f"s{number}"] = mark
    rows = moodle.rows(
        (("Email address", {number: f"s{number}@example.org" for number in numbers}),),
        workflow=draw(st.booleans()),
        comments={number: draw(st.sampled_from(["", *NAMES])) for number in numbers},
    )
    mark, encoding = draw(
        st.sampled_from([(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")])
    )
    form = {"encoding": encoding, "separator": draw(st.sampled_from(",;\t"))}
    sheet = csv_of(
        rows, delimiter=form["separator"], ends=draw(st.sampled_from(["\n", "\r\n"])), encoding=encoding, mark=mark,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )  # fmt: skip
    column = draw(st.sampled_from(["Grade", "Marker 1"])) if several else "Grade"
    return moodle, sheet, roster_of(people), marks_of(marks), column, form


@given(activities())
def test_every_row_has_one_line_and_moodle_does_what_it_says(activity):
    moodle, sheet, roster, marks, column, form = activity
    result = fill(sheet, marks, roster, ExportRules(column=column))
    done = moodle.upload_worksheet(result.data, uploader="ann" if column == "Marker 1" else "chair", **form)
    rows = [line for line in result.lines if line.line is not None]
    assert len(rows) == len(done) == len(moodle.names)
    for line, row in zip(rows, done, strict=True):
        assert (line.outcome is RowOutcome.WRITTEN) == (row.wrote is not None), (line, row)
        if line.outcome is RowOutcome.WRITTEN:
            assert float(line.mark.replace(",", ".")) == row.wrote
    assert {line.who for line in rows} <= {*marks.people, *(m.id for g in roster for m in g.members)} | {
        f"Participant {number}" for number in moodle.names
    }


@given(activities())
def test_moodle_would_indeed_skip_the_mark_that_it_is_said_to_skip(activity):
    moodle, sheet, roster, marks, column, form = activity
    result = fill(sheet, marks, roster, ExportRules(column=column))
    rows = list(csv.reader(io.StringIO(text_of(sheet, form), newline=""), delimiter=form["separator"]))
    for row, line in zip(rows[1:], result.lines, strict=False):
        row[rows[0].index(column)] = line.mark  # where it belongs, whatever its line says
    typed = csv_of(rows, delimiter=form["separator"], encoding=form["encoding"])
    done = moodle.upload_worksheet(typed, uploader="ann" if column == "Marker 1" else "chair", **form)
    drops = {RowOutcome.SKIPPED, RowOutcome.UNCHANGED, *([RowOutcome.BY_HAND] if moodle.several_markers else [])}
    taken = [row for line, row in zip(result.lines, done, strict=False) if line.outcome in drops]
    assert [row.why for row in taken if row.wrote is not None] == []


def text_of(sheet, form):
    return sheet.decode(form["encoding"]).removeprefix("\ufeff")


@given(activities())
def test_exactly_the_cells_of_the_written_marks_differ(activity):
    _, sheet, roster, marks, column, form = activity
    result = fill(sheet, marks, roster, ExportRules(column=column))
    before, after = (cells_of(text_of(data, form), form["separator"]) for data in (sheet, result.data))
    written = [line for line in result.lines if line.line is not None]
    for old, new, line in zip(before, after, written, strict=True):
        expected = {column: line.mark} if line.outcome is RowOutcome.WRITTEN else {}
        assert new == old | expected


@given(activities())
def test_a_sheet_for_people_without_marks_comes_back_byte_for_byte(activity):
    _, sheet, roster, marks, column, _ = activity
    none = dict.fromkeys(marks.people, Status.WITHHELD)
    assert fill(sheet, marks_of(none), roster, ExportRules(column=column)).data == sheet
