"""Parts that people mark by a rubric: from groups' papers through forms, filled as a marker would, to their pages."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3

import openpyxl
import pytest
from pypdf import PdfReader

from tests.graders.intake.pdfs import pdf
from tests.reports.pages import Page
from tests.small_course import SOUND, medmark, write_course, write_roster

REPORT = """\
[[criterion]]
id = "report"
kind = "person"
points = 10
file = "report.pdf"
max_pages = 2
max_words = 12
rubric = "paper.toml"
"""
RUBRIC = """\
[[line]]
id = "method"
title = "Method"
points = 8
question = "Could another group repeat the work?"
levels = [
  { title = "Good", points = [5, 8], descriptor = "It can be repeated." },
  { title = "Weak", points = [0, 4.5], descriptor = "It cannot be repeated." },
]
[[line]]
id = "writing"
title = "Writing"
points = 2
levels = [
  { title = "Clear", points = 2, descriptor = "It reads well." },
  { title = "Unclear", points = 0, descriptor = "It does not." },
]
"""
GROUPS = ("ada", "bob", "cyn", "dot")
PAPERS = {
    "ada": pdf(1, "A study of halves", author="Ada Byron"),
    "bob": pdf(3, "This was written by Student 1 of UCL"),
    "cyn": pdf(1, ""),
}


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Four groups, of which the last has pushed no paper; collected and marked once."""
    folder = write_course(tmp_path_factory.mktemp("courses") / "marked", {})
    toml = folder / "halves/assignment.toml"
    toml.write_text(toml.read_text().replace("points = 60", "points = 50") + REPORT)
    (folder / "halves/paper.toml").write_text(RUBRIC)
    files = {
        name: {"halves/solution.py": SOUND, **({"halves/report.pdf": PAPERS[name]} if name in PAPERS else {})}
        for name in GROUPS
    }
    write_roster(folder, files)
    toml = folder / "course.toml"
    toml.write_text(toml.read_text().replace("[access]", '[staff]\nann = "Ann"\nben = "Ben"\nprof = "P"\n[access]'))
    for words in (("collect", "halves"), ("grade", "halves", "--trust-submissions", "--by", "prof")):
        output = medmark(*words, "-c", folder)
        assert output.code == 0, output.err
    return folder


@pytest.fixture(scope="module")
def dealt(marked, tmp_path_factory):
    """The course with every paper dealt to two markers, and their folders."""
    home = tmp_path_factory.mktemp("dealt")
    course = shutil.copytree(marked, home / "course")
    output = marking(course, "--out", home / "forms", "--markers", "ann,ben", "--second", "4")
    assert output.code == 0, output.err
    return home


@pytest.fixture
def fresh(marked, tmp_path):
    """The course before anything was dealt."""
    return shutil.copytree(marked, tmp_path / "fresh")


@pytest.fixture
def course(dealt, tmp_path):
    return shutil.copytree(dealt / "course", tmp_path / "course")


def marking(course, *words):
    return medmark("marking", "halves", "report", *words, "-c", course)


def read(course, *files, yes=True, by="prof"):
    return marking(course, "--read", *files, "--by", by, *(["--yes"] if yes else []))


@pytest.fixture
def forms(dealt, tmp_path):
    return shutil.copytree(dealt / "forms", tmp_path / "forms")


def key(course):
    with (course / "hidden/marking/halves-report.csv").open() as file:
        return {row["group"]: row for row in csv.DictReader(file)}


def fill(form, marks, only=None):
    """Type into a form: by line `level`, `points` and `comment`; `only` papers of these codes."""
    book = openpyxl.load_workbook(form)
    for row in book["Marks"].iter_rows(min_row=2):
        code, line = row[0].value, row[1].value
        if line in marks and (only is None or code in only):
            for column, name in ((3, "level"), (4, "points"), (6, "comment")):
                if name in marks[line]:
                    row[column].value = marks[line][name]
    book.save(form)
    return form


SEVEN = {"method": {"points": 7, "comment": "Sound **method**."}, "writing": {"level": "Clear (2)"}}
FOUR = {
    "method": {"level": "Weak", "points": 4, "comment": "canary-second"},
    "writing": {"level": "Unclear", "points": 0},
}


def line_marks(course):
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        query = "SELECT \"group\", who, value, reason, reference FROM event WHERE kind = 'line_mark' ORDER BY id"
        return ledger.execute(query).fetchall()


def report_findings(course, audience="staff"):
    output = medmark("show", "halves", "--json", "--as", audience, "-c", course)
    marks = {mark["group"]: mark["findings"] for mark in json.loads(output.out)["marks"]}
    return {group: next(f for f in of if f["kind"] == "person") for group, of in marks.items()}


class TestFolders:
    def test_every_paper_has_a_code_a_first_and_another_second_marker_and_only_the_course_has_the_key(
        self, course, forms
    ):
        rows = key(course)
        assert set(rows) == set(GROUPS)
        assert sorted(row["first"] for row in rows.values()) == ["ann", "ann", "ben", "ben"]
        assert all({row["first"], row["second"]} == {"ann", "ben"} for row in rows.values())
        assert (course / "hidden/marking/halves-report.csv").is_file()
        assert not [path for path in forms.rglob("*") if path.suffix == ".csv"]

    def test_the_same_seed_deals_alike_and_later_groups_take_nobodys_paper(self, course, fresh, tmp_path):
        assert marking(fresh, "--out", tmp_path / "a", "--markers", "ann,ben", "--second", "4").code == 0
        assert key(fresh) == key(course)
        before = key(course)
        assert marking(course, "--out", tmp_path / "b", "--markers", "ben,prof", "--seed", "9").code == 0
        assert key(course) == before

    def test_no_name_leaves_with_a_page_or_the_metadata_of_a_paper(self, course, forms):
        names = ["Student ", "m0", "m1", "example.org", "file://", "Ada Byron"]
        for path in forms.rglob("*.html"):
            text = Page(path.read_text()).text
            assert [name for name in names if re.search(rf"\b{name}", text)] == [], path
            # A name of another may begin alike: "bob", and a bobolink.
            assert [group for group in GROUPS if re.search(rf"\b{group}\b", text)] == [], path
            assert "40 / 40" in text
        code = key(course)["ada"]["code"]
        (paper,) = {*forms.glob(f"ann/papers/{code.replace(' ', '-')}.pdf")}
        assert b"Ada Byron" not in paper.read_bytes()
        assert PdfReader(paper).pages[0].extract_text().strip() == "A study of halves"
        assert "Ada Byron" not in str(PdfReader(paper).metadata)

    def test_staff_read_which_papers_are_missing_too_long_or_name_their_authors(self, fresh, tmp_path):
        course = fresh
        output = marking(course, "--out", tmp_path / "f", "--markers", "ann")
        codes = {group: row["code"] for group, row in key(course).items()}
        assert f"- {codes['bob']} (bob): the paper has 3 pages, and 2 are allowed" in output.out
        assert f"- {codes['bob']} (bob): the paper has 24 words, and 12 are allowed" in output.out
        assert f"- {codes['bob']} (bob): its text holds Student 1" in output.out
        assert f"- {codes['cyn']} (cyn): the paper: no text can be read in it, as in a scan" in output.out
        assert f"- {codes['dot']} (dot): the commit holds no paper that can be opened" in output.out

    def test_a_form_says_pages_and_words_and_lets_only_cells_to_fill_in_be_typed(self, course, forms):
        sheet = openpyxl.load_workbook(forms / "ann/report-first.xlsx")["Marks"]
        rows = {(row[0].value, row[1].value): row for row in sheet.iter_rows(min_row=2)}
        mine = [row["code"] for row in key(course).values() if row["first"] == "ann"]
        assert {code for code, _ in rows} == set(mine)
        open_cells = {cell.column_letter for row in rows.values() for cell in row if not cell.protection.locked}
        assert open_cells == {"D", "E", "G"}
        assert sheet.protection.sheet
        assert {line for _, line in rows} == {None, "method", "writing", "overall"}
        facts = " ".join(str(rows[code, None][2].value) for code in mine)
        assert re.search(r"\d pages?, \d+ words", facts) or "no paper" in facts

    def test_levels_and_points_of_a_form_are_checked_as_they_are_typed(self, forms):
        book = openpyxl.load_workbook(forms / "ann/report-first.xlsx")
        rules = {rule.type: rule for rule in book["Marks"].data_validations.dataValidation if "E3" in str(rule.sqref)}
        assert (rules["decimal"].formula1, rules["decimal"].formula2) == ("0", "8")
        assert rules["decimal"].prompt == "Good (5 to 8), Weak (0 to 4.5)"
        (levels,) = [
            r for r in book["Marks"].data_validations.dataValidation if r.type == "list" and "D3" in str(r.sqref)
        ]
        cells = levels.formula1.partition("!")[2].replace("$", "")
        assert [cell.value for (cell,) in book["Rubric"][cells]] == ["Good (5 to 8)", "Weak (0 to 4.5)"]

    def test_a_form_that_is_there_is_never_written_again(self, course, forms):
        form = fill(forms / "ann/report-first.xlsx", SEVEN)
        data = form.read_bytes()
        output = marking(course, "--out", forms)
        assert output.code == 2
        assert "is there already, and may hold a marker's work" in output.err
        assert form.read_bytes() == data


class TestReading:
    def test_nothing_is_recorded_before_somebody_agrees_and_then_every_mark_is_its_markers(self, course, forms):
        form = fill(forms / "ann/report-first.xlsx", SEVEN)
        output = read(course, form, yes=False)
        assert (output.code, line_marks(course)) == (1, [])
        assert "ann, first marks; 2 of 2 papers complete" in output.out
        assert "4 marks of lines would be recorded." in output.out
        assert "2 marks move" in output.out
        assert read(course, form).code == 0
        recorded = line_marks(course)
        assert {(who, reference) for _, who, _, _, reference in recorded} == {
            ("ann", "entered by prof from report-first.xlsx")
        }
        assert {value for _, _, value, _, _ in recorded} == {"first report/method=7", "first report/writing=2"}
        groups = {group for group, row in key(course).items() if row["first"] == "ann"}
        assert {group for group, *_ in recorded} == groups

    def test_the_same_file_twice_records_nothing(self, course, forms):
        form = fill(forms / "ann/report-first.xlsx", SEVEN)
        assert read(course, form).code == 0
        before = line_marks(course)
        output = read(course, form, forms / "ben/report-first.xlsx")
        assert output.code == 0
        assert "Nothing is new: all of it is on record." in output.out
        assert line_marks(course) == before

    def test_rows_and_files_come_in_any_order(self, course, forms):
        for name in ("ann", "ben"):
            fill(forms / name / "report-first.xlsx", SEVEN)
        book = openpyxl.load_workbook(forms / "ben/report-first.xlsx")
        sheet = book["Marks"]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        for number, row in enumerate(reversed(rows), 2):
            for column, value in enumerate(row, 1):
                sheet.cell(number, column).value = value
        book.save(forms / "ben/report-first.xlsx")
        output = read(course, forms / "ben/report-first.xlsx", forms / "ann/report-first.xlsx")
        assert output.code == 0, output.err
        assert [finding["points"] for finding in report_findings(course).values()] == [9.0] * 4

    def test_a_blank_line_is_not_marked_yet_and_never_0(self, course, forms):
        form = fill(forms / "ann/report-first.xlsx", {"method": {"points": 0}})
        output = read(course, form)
        assert "1 of 2 lines are marked; blank: writing" in output.out
        mine = next(group for group, row in key(course).items() if row["first"] == "ann")
        finding = report_findings(course)[mine]
        assert (finding["points"], finding["open"]) == (None, "1 of 2 lines are not marked yet: writing")
        assert "1 of 2 lines are not marked yet: writing" in medmark("show", "halves", "-c", course).out

    def test_another_mark_is_shown_before_it_replaces_the_one_on_record(self, course, forms):
        form = forms / "ann/report-first.xlsx"
        assert read(course, fill(form, SEVEN)).code == 0
        group, row = next((group, row) for group, row in key(course).items() if row["first"] == "ann")
        fill(form, {"method": {"points": 6, "comment": "Sound."}}, only={row["code"]})
        output = read(course, form, shutil.copy(form, form.with_name("copy.xlsx")), yes=False)
        assert output.out.count(f"- {row['code']} ({group}), method, first: 7 -> 6; the comment changes") == 1
        assert "0 marks of lines would be recorded." in output.out
        assert report_findings(course)[group]["points"] == 9
        assert read(course, form).code == 0
        assert report_findings(course)[group]["points"] == 8
        assert len([each for each in line_marks(course) if each[0] == group]) == 3

    def test_a_line_that_is_blank_now_stays_as_it_is_on_record(self, course, forms):
        form = forms / "ann/report-first.xlsx"
        assert read(course, fill(form, SEVEN)).code == 0
        fill(form, {"method": {"points": None, "comment": None}})
        output = read(course, form)
        assert "method blank in report-first.xlsx, and on record; the record stays" in output.out
        assert {finding["points"] for finding in report_findings(course).values()} == {9.0, None}


def test_every_problem_of_all_files_is_named_at_once(course, forms):
    for name, value in (("ann", "x"), ("ben", 99)):
        form = fill(forms / name / "report-first.xlsx", SEVEN)
        book = openpyxl.load_workbook(form)
        book["Marks"]["E3"].value = value
        book["Marks"]["D4"].value = "Splendid"
        book.save(form)
    (forms / "letter.xlsx").write_text("not a workbook")
    output = read(course, forms / "ann/report-first.xlsx", forms / "ben/report-first.xlsx", forms / "letter.xlsx")
    assert len(output.err.splitlines()) == 5
    assert "letter.xlsx: is not a workbook that can be read" in output.err


@pytest.fixture(scope="module")
def both_marked(dealt, tmp_path_factory):
    """Every paper marked by both: one with 9 and 4, the others with 9 and 9."""
    home = shutil.copytree(dealt, tmp_path_factory.mktemp("both") / "home")
    forms = []
    code = key(home / "course")["ada"]["code"]
    for name in ("ann", "ben"):
        forms.append(fill(home / "forms" / name / "report-first.xlsx", SEVEN))
        second = fill(home / "forms" / name / "report-second.xlsx", SEVEN)
        forms.append(fill(second, FOUR, only={code}))
    output = read(home / "course", *forms)
    assert output.code == 0, output.err
    return home / "course"


class TestSecondMarks:
    @pytest.fixture
    def doubly(self, both_marked, tmp_path):
        return shutil.copytree(both_marked, tmp_path / "course")

    def test_a_part_on_which_two_markers_differ_is_open_until_they_agree(self, doubly, tmp_path):
        finding = report_findings(doubly)["ada"]
        assert finding["points"] is None
        assert finding["open"] == (
            "the two markers gave 9 and 4 of 10, which differ by more than 5 %: an agreed mark is needed for method, "
            "writing"
        )
        assert "canary-second" not in json.dumps(report_findings(doubly, "student"))
        output = marking(doubly, "--out", tmp_path / "agree", "--agree")
        assert "1 paper, agreed marks" in output.out
        form = tmp_path / "agree/agreed/report-agreed.xlsx"
        sheet = openpyxl.load_workbook(form)["Marks"]
        assert sheet["H3"].value == "first: 7 Sound **method**.\nsecond: 4 canary-second"
        agreed = {"method": {"points": 5, "comment": "Both of us see gaps."},
                  "writing": {"points": 2, "comment": "It reads well."}}  # fmt: skip
        assert read(doubly, fill(form, agreed)).code == 0
        assert report_findings(doubly)["ada"]["points"] == 7
        assert {who for *_, who, value, _, _ in line_marks(doubly) if value.startswith("agreed")} == {"prof"}

    def test_a_form_that_changes_a_returned_mark_needs_a_reason_for_the_students(self, doubly, dealt, tmp_path):
        group, row = next((group, row) for group, row in key(doubly).items() if group != "ada")
        form = shutil.copy(dealt / "forms" / row["first"] / "report-first.xlsx", tmp_path / "form.xlsx")
        fill(form, {"method": {"points": 6.8}, "writing": {"points": 2}}, only={row["code"]})
        assert medmark("return", "halves", "--for", group, "--yes", "--by", "prof", "-c", doubly).code == 0
        output = read(doubly, form)
        assert output.code == 2
        assert "these marks were returned, so this change is a correction" in output.err
        assert marking(doubly, "--read", form, "--by", "prof", "--yes", "--reason", "a slip").code == 0
        assert report_findings(doubly)[group]["points"] == 8.8
        fill(form, {"method": {"comment": "Another comment."}}, only={row["code"]})
        output = read(doubly, form)
        assert f"returned already, and only words or lines change, so no new version says it: {group}" in output.out

    def test_an_agreed_mark_needs_a_reason(self, doubly, tmp_path):
        marking(doubly, "--out", tmp_path / "agree", "--agree")
        output = read(doubly, fill(tmp_path / "agree/agreed/report-agreed.xlsx", {"method": {"points": 5}}))
        assert output.code == 2
        assert "report-agreed.xlsx Marks!E3: an agreed mark needs a reason" in output.err

    def test_staff_read_how_well_two_markers_agree(self, doubly):
        out = marking(doubly).out
        assert "ann, first marks: 2 of 2 complete" in out
        assert "Two markers, 4 papers; second minus first, in points (tolerance 5 %):" in out
        assert re.search(r"sum \(10\) +-1\.25", out)  # (0 + 0 + 0 - 5) / 4
        assert re.search(r"Method \(8\) +-0\.75", out)

    def test_explain_names_each_line_with_who_gave_it(self, doubly):
        out = " ".join(medmark("explain", "halves", "m0", "-c", doubly).out.split())
        first, second = key(doubly)["ada"]["first"], key(doubly)["ada"]["second"]
        assert re.search(rf"Method, 8 points first: 7 \(Good\), event \d+ by {first} on", out)
        assert re.search(rf"second: 4 \(Weak\), event \d+ by {second} on", out)


def test_a_sample_for_moderation_holds_every_fail_and_goes_to_a_second_marker(fresh, tmp_path):
    course = fresh
    assert marking(course, "--out", tmp_path / "forms", "--markers", "ann,ben").code == 0
    output = marking(course, "--out", tmp_path / "sample", "--sample", "1")
    assert output.code == 2
    assert "no paper has a first mark for every line yet" in output.err
    codes = {group: row["code"] for group, row in key(course).items()}
    for name in ("ann", "ben"):
        form = fill(tmp_path / f"forms/{name}/report-first.xlsx", SEVEN)
        assert read(course, fill(form, {"method": {"points": 1}, "writing": {"level": None, "points": 0}},
                                 only={codes["bob"]})).code == 0  # fmt: skip
    assert marking(course, "--out", tmp_path / "sample", "--sample", "1").code == 0
    rows = key(course)
    assert rows["bob"]["why"] == "a fail"
    assert {group: row["why"] for group, row in rows.items() if row["second"]} != {}
    assert sum(row["why"] == "drawn from 70 % on" for row in rows.values()) == 1
    assert all(row["second"] != row["first"] for row in rows.values())


def test_comments_stand_on_the_page_in_full_with_the_level_and_nothing_typed_becomes_markup(course, forms):
    marks = {
        "method": {"points": 6.5, "comment": "Clear:\n\n- **bold** `x`\n- [link](javascript:alert(1)) <img src=x>"},
        "writing": {"level": "Unclear"},
        "overall": {"comment": "Well *done*."},
    }
    for name in ("ann", "ben"):
        assert read(course, fill(forms / name / "report-first.xlsx", marks)).code == 0
    assert medmark("report", "halves", "-c", course).code == 0
    page = (course / "reports/halves/feedback/ada.html").read_text()
    assert "<ul><li><strong>bold</strong> <code>x</code></li>" in page
    assert "[link](javascript:alert(1)) &lt;img src=x&gt;" in page
    assert "<a " not in page
    assert "<img" not in page
    text = Page(page).text
    assert "Good. It can be repeated." in text
    assert "6.5 / 8" in text
    assert "Unclear. It does not." in text
    assert "<p>Well <em>done</em>.</p>" in page
    for name in ("ann", "ben", "first", "report-first"):
        assert name not in text.partition("Report")[2].partition("Where these")[0]


def test_before_the_lines_are_marked_the_page_shows_them_open_and_the_sheet_says_why(course):
    assert medmark("report", "halves", "-c", course).code == 0
    text = Page((course / "reports/halves/feedback/ada.html").read_text()).text
    assert "Method open / 8" in text
    assert "Could another group repeat the work?" in text
    assert "It can be repeated." in text
    with (course / "reports/halves/marksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["group"]: row for row in csv.DictReader(file)}
    assert rows["ada"]["notes"].startswith("not marked by a person yet: report (not marked yet)")
    assert rows["ada"]["criterion_report"] == ""


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--read",), "--read needs FILE"),
        (("form.xlsx",), "FILE belongs to --read: type that too"),
        (("--second", "3"), "--second belongs to --out: type that too"),
        (("--out", "x", "--sample", "1", "--agree"), "--sample and --agree: type one of them at a time"),
        (("--out", "x", "--agree"), "no paper needs an agreed mark"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(course, tmp_path, words, error):
    output = medmark("marking", "halves", "report", *words, "-c", course, cwd=tmp_path)
    assert output.code == 2
    assert error in output.err
    assert not (tmp_path / "x").exists()


def test_a_part_that_nobody_marks_by_a_rubric_is_named_with_the_cure(course):
    assert "people mark no part called" in medmark("marking", "halves", "tests", "-c", course).err
    toml = course / "halves/assignment.toml"
    toml.write_text(toml.read_text().replace('rubric = "paper.toml"\n', ""))
    error = medmark("marking", "halves", "report", "-c", course).err
    assert 'report has no rubric, which forms are made of. Add rubric = "scientific_paper"' in error
