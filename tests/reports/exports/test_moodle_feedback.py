"""Feedback files: Moodle hands each person exactly the page of that person, and every row has a line."""

import io
import unicodedata
import zipfile
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from graders.marks.mark import Status
from reports.exports.export import ExportRules, Page, RowOutcome
from reports.exports.moodle_assign import fill as fill_worksheet
from reports.exports.moodle_feedback import fill
from reports.person_file import person_files
from tests.reports.exports.moodle import Grade, Moodle
from tests.reports.exports.moodle_made import BLIND, PEOPLE, RULES, SAMPLE, csv_of, marks_of, roster_of
from tests.reports.hostile import HOSTILE
from tests.reports.test_person_file import MEMBERS, pages_of

ADA, GRACE, JOSE = (id for id, *_ in PEOPLE)


def page(text, suffix=".html"):
    return Page(text.encode(), suffix)


def pages(*members):
    return {member: page(f"of {member}") for member in members}


def filled(sheet, pages, rules=RULES, people=PEOPLE, marks=None):
    return fill(sheet.encode(), marks_of(marks or {}, pages=pages), roster_of(people), rules)


def names_of(data):
    return [info.filename for info in zipfile.ZipFile(io.BytesIO(data)).infolist()]


def contents_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def sample():
    return Moodle({90211: "Ada Byron", 90212: "Murray, Grace", 90213: "José Núñez"})


def test_everybody_in_the_sheet_gets_their_own_page_under_their_own_number():
    result = filled(SAMPLE, pages(ADA, GRACE, JOSE))
    assert contents_of(result.data) == {
        "Ada Byron_90211_assignfeedback_file_feedback.html": f"of {ADA}",
        "Grace Murray_90212_assignfeedback_file_feedback.html": f"of {GRACE}",
        "José Núñez_90213_assignfeedback_file_feedback.html": f"of {JOSE}",
    }
    assert [(line.who, line.outcome, line.line) for line in result.lines] == [
        (ADA, RowOutcome.WRITTEN, 2), (GRACE, RowOutcome.WRITTEN, 3), (JOSE, RowOutcome.WRITTEN, 4),
    ]  # fmt: skip
    moodle = sample()
    assert [each.wrote for each in moodle.upload_feedback(result.data)] == [90211, 90212, 90213]
    assert set(moodle.files) == {(number, "feedback.html") for number in (90211, 90212, 90213)}


def test_a_line_names_the_file_and_changes_when_the_page_does():
    first, second = (filled(SAMPLE, {ADA: page(text)}).lines[0] for text in ("one", "two"))
    assert first.why == "as Ada Byron_90211_assignfeedback_file_feedback.html"
    assert first.mark != second.mark
    assert first.mark == filled(SAMPLE, {ADA: page("one")}).lines[0].mark


def test_whoever_has_no_page_has_a_line_with_the_reason_and_whoever_is_not_in_the_sheet_too():
    people = (*PEOPLE, ("s9", "Mary", "mary@example.org", "group-03"))
    result = filled(SAMPLE, pages(ADA, "s9"), people=people, marks={GRACE: Status.HELD})
    assert [(line.who, line.outcome, line.why) for line in result.lines[1:]] == [
        (GRACE, RowOutcome.NO_MARK, "Held: there is no page to hand out"),
        (JOSE, RowOutcome.NO_MARK, "there is none yet: there is no page to hand out"),
        ("s9", RowOutcome.MISSING, ""),
    ]
    assert len(names_of(result.data)) == 1


def test_a_stranger_and_a_person_with_two_rows_get_no_file():
    other = SAMPLE.replace("25001234", "1").replace("ada@", "eve@")
    rows = other + SAMPLE.splitlines()[3].replace("90213", "90219") + "\n"
    result = filled(rows, pages(ADA, GRACE, JOSE))
    assert [line.outcome for line in result.lines] == [
        RowOutcome.UNKNOWN, RowOutcome.WRITTEN, RowOutcome.UNKNOWN, RowOutcome.UNKNOWN, RowOutcome.MISSING,
    ]  # fmt: skip
    assert names_of(result.data) == ["Grace Murray_90212_assignfeedback_file_feedback.html"]


def test_files_of_an_anonymous_sheet_name_nobody_outside_and_a_note_says_that_they_do_inside():
    result = filled(BLIND, pages(ADA, GRACE), ExportRules(members={"7": ADA, "12": GRACE}))
    assert contents_of(result.data) == {
        "Participant_7_assignfeedback_file_feedback.html": f"of {ADA}",
        "Participant_12_assignfeedback_file_feedback.html": f"of {GRACE}",
    }
    assert any("whoever opens this ZIP reads who is who" in note for note in result.notes)
    assert [each.wrote for each in Moodle({7: "", 12: ""}).upload_feedback(result.data)] == [12, 7]


def test_an_assignment_that_is_marked_in_words_takes_feedback_too():
    scale = SAMPLE.replace("Maximum grade", "Scale").replace("100.00", '"Fail\nPass"')
    assert filled(scale, pages(ADA)).lines[0].outcome is RowOutcome.WRITTEN


def test_the_sheet_of_another_course_is_refused():
    with pytest.raises(UserError, match="none of its 3 rows is about anybody in the roster"):
        filled(SAMPLE.replace("2500", "2600").replace("@example.org", "@example.com"), pages(ADA))


def test_what_is_no_worksheet_is_refused():
    with pytest.raises(UserError, match="there is no column 'Identifier'"):
        filled("Student,ID\nAda,1\n", pages(ADA))


# The order of the uploads


def test_after_the_files_moodle_skips_the_rows_of_the_worksheet_so_that_it_comes_first():
    marks = marks_of({ADA: 72.5, GRACE: 58}, pages=pages(ADA, GRACE))
    roster = roster_of()
    worksheet, files = (each(SAMPLE.encode(), marks, roster, RULES) for each in (fill_worksheet, fill))
    assert "Upload the worksheet with the marks first" in files.notes[0]
    january = datetime(2027, 1, 18, 9, 5)
    wrong, right = (Moodle(sample().names, grades={90212: Grade(61.5, january)}) for _ in range(2))
    wrong.upload_feedback(files.data)
    assert [each.why for each in wrong.upload_worksheet(worksheet.data)] == [
        "modified in Moodle since", "modified in Moodle since", "no value",
    ]  # fmt: skip
    assert [each.wrote for each in right.upload_worksheet(worksheet.data)] == [72.5, 58.0, None]
    assert [each.wrote for each in right.upload_feedback(files.data)] == [90211, 90212]


def test_the_same_file_again_changes_nothing_in_moodle():
    result, moodle = filled(SAMPLE, pages(ADA)), sample()
    moodle.upload_feedback(result.data)
    assert moodle.upload_feedback(result.data)[0].why == "the same file is there"


# Bytes and names


def test_equal_pages_give_equal_bytes_in_whatever_order_they_come():
    first = filled(SAMPLE, pages(ADA, GRACE, JOSE)).data
    header, *rows = SAMPLE.splitlines(keepends=True)
    assert filled(header + "".join(reversed(rows)), pages(JOSE, GRACE, ADA)).data == first
    assert names_of(first) == sorted(names_of(first))
    assert {info.date_time for info in zipfile.ZipFile(io.BytesIO(first)).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_pdf_keeps_its_ending_and_where_one_failed_it_is_said():
    result = filled(SAMPLE, {ADA: page("%PDF", ".pdf"), GRACE: page("html")})
    assert [name.rpartition(".")[2] for name in names_of(result.data)] == ["pdf", "html"]
    assert "No PDF could be made of 1 page: it is HTML." in result.notes
    assert not any("PDF" in note for note in filled(SAMPLE, pages(ADA)).notes)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Anna_Maria Berg", "Anna Maria Berg"),
        ("_x_7_assignfeedback_file_", "x 7 assignfeedback file"),
        ("../../etc/passwd", "etc passwd"),
        (".~hidden", "hidden"),
        ("Murray, Grace", "Murray, Grace"),
        ("O'Brien; Flann", "OBrien; Flann"),
        ('Rear "Amazing" Admiral', "Rear Amazing Admiral"),
        ("a\\b:c", "a b c"),
        ("José\nNúñez", "José Núñez"),
        ("Jose\u0301", "José"),
        ("\u202eابن سينا\u202c", "ابن سينا"),
        ("gpj.\u202egnp", "gpj.gnp"),
        ("李四", "李四"),
        ("~~~", "Participant"),
        ("", "Participant"),
        ("W" * 300, "W" * 50),
        ("\U0001f600" * 300, "\U0001f600" * 50),
    ],
)
def test_a_name_loses_what_would_shift_hide_or_move_the_file(name, plain):
    result = filled(SAMPLE, pages(ADA), people=((ADA, name, "ada@example.org", "g"),))
    assert names_of(result.data) == [f"{plain}_90211_assignfeedback_file_feedback.html"]
    assert len(names_of(result.data)[0].encode()) <= 255
    moodle = sample()
    assert moodle.upload_feedback(result.data)[0].wrote == 90211


def test_without_this_care_moodle_would_pass_a_name_over():
    out = io.BytesIO()
    with zipfile.ZipFile(out, mode="w") as archive:
        for name in (
            "Anna_Maria_90211_assignfeedback_file_feedback.html",
            ".Ada_90211_assignfeedback_file_x.html",
            "Ada_90211_assignfeedback_comments_x.html",
            "Ada_9_assignfeedback_file_x.html",
            "Ada_90211.html",
        ):
            archive.writestr(name, "x")  # fmt: skip
    assert [each.wrote for each in sample().upload_feedback(out.getvalue())] == [None] * 5


@given(st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=4), st.data())
def test_with_any_names_each_page_reaches_its_person_and_no_other(names, data):
    numbers = data.draw(st.lists(st.integers(1, 99999), min_size=len(names), max_size=len(names), unique=True))
    people = [(f"s{number}", name, f"s{number}@example.org", "g") for number, name in zip(numbers, names, strict=True)]
    moodle = Moodle(dict.fromkeys(numbers, "Name"))
    sheet = csv_of(moodle.rows((("Email address", {n: f"s{n}@example.org" for n in numbers}),)), quoting=1)
    with_page = data.draw(st.lists(st.sampled_from(numbers), unique=True))
    marks = marks_of({}, pages=pages(*(f"s{number}" for number in with_page)))
    result = fill(sheet, marks, roster_of(people), RULES)
    assert {line.who for line in result.lines if line.outcome is RowOutcome.WRITTEN} == {f"s{n}" for n in with_page}
    done = moodle.upload_feedback(result.data)
    reached = {each.wrote: text for each, text in zip(done, contents_of(result.data).values(), strict=True)}
    assert reached == {number: f"of s{number}" for number in with_page}
    assert not any(unicodedata.category(letter).startswith("C") for name in names_of(result.data) for letter in name)


def test_the_pages_are_the_files_of_persons_and_nobody_gets_another_members():
    files = person_files(pages_of())
    people = [(id, name, f"{id}@example.org", "group-07") for id, name in MEMBERS]
    moodle = Moodle({1: "Ada", 2: "Alan"})
    sheet = csv_of(moodle.rows((("Email address", {1: "s1@example.org", 2: "s2@example.org"}),)))
    result = fill(sheet, marks_of({}, pages=files), roster_of(people), RULES)
    contents = contents_of(result.data)
    assert contents == {
        "Ada Canary_1_assignfeedback_file_feedback.html": files["s1"].data.decode(),
        "Alan Robin_2_assignfeedback_file_feedback.html": files["s2"].data.decode(),
    }
    assert "Alan Robin" not in contents["Ada Canary_1_assignfeedback_file_feedback.html"]
