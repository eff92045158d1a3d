"""A filled form is read cell by cell: what cannot be meant is named with file, sheet and cell; nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import openpyxl
import pytest

from graders.marks.allocation import Allocated, MarkingKey
from graders.marks.marker_forms import FACTS, read_forms
from reports.marker_form import FormPaper, marker_form
from tests.graders.marks.test_part_marks import LEVELS, REPORT

KEY = MarkingKey(
    None, "0123456789ab",
    (Allocated("Amber Owl", "g1", "a" * 40, "1", "ann", "ben"), Allocated("Jade Tern", "g9", "b" * 40, "1", "ann", "")),
)  # fmt: skip


@pytest.fixture
def form(tmp_path):
    """Write a form of ann's, apply a change to its workbook, and return its path."""

    def of(change=lambda book: None, name="ann.xlsx", marker="ann", role="first"):
        about = dict(zip(FACTS, (KEY.form, "mlp", "report", marker, role), strict=True))
        papers = [FormPaper(paper.code, "2 pages", {}, {}) for paper in KEY.papers]
        (tmp_path / name).write_bytes(marker_form(REPORT, about, papers))
        book = openpyxl.load_workbook(tmp_path / name)
        change(book)
        book.save(tmp_path / name)
        return tmp_path / name

    return of


def typed_in(**cells):
    """Type values into cells of the sheet Marks."""

    def change(book):
        for cell, value in {"E3": 7, "E4": 1, **cells}.items():
            book["Marks"][cell].value = value

    return change


def read(*paths):
    forms, problems = read_forms(paths, REPORT, "mlp", KEY, "prof")
    return forms, [problem.replace(f"{paths[0].parent}/", "") for problem in problems]


def entries(path):
    (form,), problems = read(path)
    assert problems == []
    return [(each.group, each.line, each.points, each.comment) for each in form.entries]


def test_a_blank_form_holds_nothing(form):
    (read_form,), problems = read(form())
    assert (read_form.entries, read_form.complete, read_form.notes, problems) == ((), 0, (), [])
    assert (read_form.marker, read_form.role, read_form.codes) == ("ann", "first", ("Amber Owl", "Jade Tern"))


def test_points_a_level_of_one_number_and_comments_are_read(form):
    assert entries(form(typed_in(E3=6.5, G3="sound", D3="good (5 to 8)", G5="well done"))) == [
        ("g1", "method", Decimal("6.5"), "sound"), ("g1", "writing", Decimal(1), ""), ("g1", "", None, "well done"),
    ]  # fmt: skip


def test_nothing_is_a_mark_and_a_comment_alone_is_not(form):
    (read_form,), problems = read(form(typed_in(E3=0, E4=None, G4="to be looked at")))
    assert [(each.line, each.points) for each in read_form.entries] == [("method", Decimal(0))]
    assert read_form.notes == (
        "Amber Owl, writing: has a comment but no level and no points, so it is not recorded",
        "Amber Owl: 1 of 2 lines are marked; blank: writing",
    )
    assert problems == []


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"E3": "0.5,"}, 'ann.xlsx Marks!E3: Amber Owl, method: "0.5," is not a number; write 0.5'),
        ({"E3": "6,5"}, 'ann.xlsx Marks!E3: Amber Owl, method: "6,5" is not a number; write 6.5'),
        ({"E3": "good"}, 'ann.xlsx Marks!E3: Amber Owl, method: "good" is not a number'),
        ({"E3": "=3+4"}, "ann.xlsx Marks!E3: holds a formula; type the value itself"),
        ({"G3": "=A1"}, "ann.xlsx Marks!G3: holds a formula; type the value itself"),
        ({"E3": 8.5}, "ann.xlsx Marks!E3: Amber Owl, method: 8.5 is not a number from 0 to 8"),
        ({"E3": -1}, "ann.xlsx Marks!E3: Amber Owl, method: -1 is not a number from 0 to 8"),
        ({"E3": True}, 'ann.xlsx Marks!E3: Amber Owl, method: "TRUE" is not a number'),
        ({"E3": 4.7},
         "ann.xlsx Marks!E3: Amber Owl, method: 4.7 points belong to no level: Weak is 0 to 4.5, Good is 5 to 8"),
        ({"D3": "Weak"}, "ann.xlsx Marks!E3: Amber Owl, method: 7 points are not Weak, which is 0 to 4.5"),
        ({"D3": "Good", "E3": None}, "ann.xlsx Marks!D3: Amber Owl, method: Good is 5 to 8 points: write which"),
        ({"D3": "Splendid"},
         'ann.xlsx Marks!D3: Amber Owl, method: there is no level "Splendid"; its levels are Good, Weak'),
        ({"D4": "Good"}, 'ann.xlsx Marks!D4: Amber Owl, writing: there is no level "Good"; its levels are none'),
        ({"A3": "Purple Dodo"},
         'ann.xlsx Marks!A3: there is no paper "Purple Dodo" in this part; use one of: Amber Owl, Jade Tern'),
        ({"A3": None}, 'ann.xlsx Marks!B3: there is no paper "" in this part; write its code in the column paper'),
        ({"B3": "metod"}, 'ann.xlsx Marks!B3: the rubric has no line "metod"; did you mean "method"?'),
        ({"B4": "method", "E4": 6}, "ann.xlsx Marks!E4: Amber Owl, method is marked in ann.xlsx Marks!E3 too"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named_with_file_sheet_and_cell(form, cells, problem):
    assert read(form(typed_in(**cells)))[1] == [problem]


def test_every_problem_of_all_files_is_named_at_once(form, tmp_path):
    (tmp_path / "letter.xlsx").write_text("not a workbook")
    first, second = form(typed_in(E3="x", E4=3)), form(typed_in(E3=99), "more.xlsx")
    problems = read(first, second, tmp_path / "letter.xlsx", tmp_path / "gone.xlsx")[1]
    assert [problem.split(":")[0] for problem in problems] == [
        "ann.xlsx Marks!E3", "ann.xlsx Marks!E4", "more.xlsx Marks!E3", "letter.xlsx", "gone.xlsx",
    ]  # fmt: skip


def about(**facts):
    def change(book):
        for row in book["About"].iter_rows(max_row=len(FACTS)):
            row[1].value = facts.get(row[0].value, row[1].value)

    return change


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"form": "ba9876543210"}, "ann.xlsx About: it is a form of another course"),
        ({"part": "poster"}, "ann.xlsx About: it is a form for mlp, poster, not for mlp, report"),
        ({"role": "third"}, 'ann.xlsx About: the role "third" is not first, second, agreed'),
        ({"form": None}, "ann.xlsx About: it does not say the form; it is not a form that medmark marking wrote"),
    ],
)
def test_a_form_of_another_course_or_part_is_refused(form, facts, problem):
    assert read(form(about(**facts)))[1] == [problem]


def test_a_paper_is_marked_by_the_person_who_has_it(form):
    (problem, *_) = read(form(lambda book: (about(marker="ben")(book), typed_in()(book))))[1]
    assert problem == "ann.xlsx Marks!A3: Amber Owl is not a paper that ben marks as first marker; it is ann's"
    problems = read(form(typed_in(E7=7), marker="ann", role="second"))[1]
    assert "Amber Owl is not a paper that ann marks as second marker; it is ben's" in problems[0]
    assert "Jade Tern is not a paper that ann marks as second marker; nobody has it" in problems[-1]


def test_agreed_marks_are_those_of_the_person_who_enters_them(form):
    (read_form,), _ = read(form(typed_in(), marker="agreed", role="agreed"))
    assert (read_form.marker, read_form.role) == ("prof", "agreed")


@pytest.mark.parametrize("sheet", ["Marks", "About"])
def test_a_workbook_without_its_sheets_is_not_a_form(form, sheet):
    def change(book):
        del book[sheet]

    assert read(form(change))[1] == [f"ann.xlsx: has no sheet {sheet}; it is not a form that medmark marking wrote"]


def test_headings_that_are_gone_are_named(form):
    assert read(form(typed_in(E1="marks")))[1] == [
        "ann.xlsx Marks: no row has the headings paper, line, level, points, comment; restore them"
    ]


def test_columns_and_sheets_of_the_markers_own_are_left_alone(form):
    def change(book):
        typed_in(J3="my note", J4="=1+1")(book)
        book.create_sheet("Notes")["A1"].value = "=2+2"
        book["Marks"].insert_cols(1)

    assert len(entries(form(change))) == 2


def test_two_files_agree_or_are_refused(form):
    one, same = form(typed_in()), form(typed_in(), "copy.xlsx")
    assert read(one, same)[1] == []
    other = form(typed_in(E3=6), "other.xlsx")
    assert read(one, other)[1] == [
        "other.xlsx Marks!E3: Amber Owl, method is marked otherwise in ann.xlsx Marks!E3; keep one of the two"
    ]


def test_a_form_that_is_written_again_holds_what_is_on_record(tmp_path):
    from tests.graders.marks.test_part_marks import part

    recorded = part(("first report/method=6.5", "=sound"), ("first report", "- short"))
    about_it = dict(zip(FACTS, (KEY.form, "mlp", "report", "ann", "first"), strict=True))
    path = tmp_path / "again.xlsx"
    path.write_bytes(marker_form(REPORT, about_it, [FormPaper("Amber Owl", "", recorded.marks("first"), {})]))
    assert entries(path) == [("g1", "method", Decimal("6.5"), "=sound"), ("g1", "", None, "- short")]
    assert openpyxl.load_workbook(path)["Marks"]["D3"].value == "Good (5 to 8)"


def test_no_hint_or_cell_is_longer_than_excel_reads(tmp_path):
    """A hint beyond these lengths makes Excel call the file damaged."""
    levels = tuple(
        level.model_copy(update={"title": f"{number} {level.title * 8}"[:40]}) for number, level in enumerate(LEVELS)
    )
    line = REPORT.lines[0].model_copy(update={"title": "A title of " + "very " * 9 + "long", "levels": levels})
    criterion = REPORT.model_copy(update={"lines": (line,)})
    about_it = dict(zip(FACTS, (KEY.form, "mlp", "report", "ann", "first"), strict=True))
    papers = [FormPaper("Amber Owl", "", {}, {"method": "x" * 70_000})]
    (tmp_path / "long.xlsx").write_bytes(marker_form(criterion, about_it, papers))
    sheet = openpyxl.load_workbook(tmp_path / "long.xlsx")["Marks"]
    assert len(sheet["H3"].value) == 32_767
    for rule in sheet.data_validations.dataValidation:
        assert len(rule.errorTitle) <= 32
        assert len(rule.error) <= 225
        assert len(rule.promptTitle or "") <= 32
        assert len(rule.prompt or "") <= 255
