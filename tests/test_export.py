"""`medmark export` as a person types it: first it shows, then it writes, and later it lists what changed since."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from reports.exports import EXPORTS
from tests.small_course import SOUND, medmark, write_course

HEADER = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"'
)


def row(number: int, member: int, can: str = "Yes") -> str:
    return (
        f'"Participant {number}","Student {member}",m{member}@example.org,"Submitted for grading - ",,50.00,{can},'
        '"Friday, 15 January 2027, 11:42 AM",-,'
    )


SHEET = "\r\n".join([HEADER, row(71, 0), row(72, 1), row(73, 9), ""])


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    groups = {"sound": SOUND, "silent": ""}
    folder = write_course(tmp_path_factory.mktemp("exports") / "halves-2027", groups, gone=("silent",))
    medmark("collect", "halves", "-c", folder)
    assert "sound" in medmark("grade", "halves", "-c", folder, "--yes", "--trust-submissions").out
    (folder / "sheet.csv").write_bytes(SHEET.encode())
    return folder


def test_without_out_the_command_shows_and_writes_nothing(course: Path) -> None:
    before = sorted(course.rglob("*.csv"))
    shown = medmark("export", "moodle-assign", "halves", course / "sheet.csv", "-c", course)
    assert shown.code == 0
    assert "line 2: m0 50.0 will be written" in shown.out
    assert "line 3: m1 has no mark" in shown.out
    assert "line 4: Participant 73 names nobody for certain" in shown.out
    assert "scaled" in shown.out
    assert "Nothing is written" in shown.err
    assert sorted(course.rglob("*.csv")) == before


def test_the_file_differs_in_the_cells_of_marks_alone_and_a_second_export_lists_nothing(course: Path) -> None:
    out = course / "upload.csv"
    words = ("export", "moodle-assign", "halves", course / "sheet.csv", "-c", course)
    marks = medmark("show", "halves", "-c", course)
    written = medmark(*words, "--out", out)
    assert written.code == 0
    assert out.read_bytes().decode() == SHEET.replace('grading - ",,50.00,Yes', 'grading - ",50.0,50.00,Yes', 1)
    assert written.out.splitlines()[-1] == f"When the students may have their marks: medmark return halves -c {course}"
    assert "exported to upload.csv (moodle-assign): 1 mark" in medmark("decide", "halves", "-c", course).out
    again = medmark(*words)
    assert "m0" not in again.out
    assert "1 row as exported before: not listed" in again.out
    assert medmark("show", "halves", "-c", course) == marks  # an export moves no mark


@pytest.mark.parametrize("format", [name for name, export in EXPORTS.items() if not export.sheet])
def test_a_format_without_a_sheet_is_written_and_said_to_be_unchanged_the_second_time(
    course: Path, format: str, tmp_path: Path
) -> None:
    out = tmp_path / f"marks{EXPORTS[format].suffix}"
    words = ("export", format, "halves", "-c", course, "--out", out)
    assert ("silent" if format == "gradescope" else "m1") + " has no mark" in medmark(*words[:-2]).out
    assert not out.exists()
    assert medmark(*words).code == 0
    first = out.read_bytes()
    again = medmark(*words)
    assert again.code == 0
    assert out.read_bytes() == first
    assert "as exported before" in again.out


def test_the_feedback_files_hold_each_persons_own_page(course: Path) -> None:
    out = course / "feedback.zip"
    written = medmark("export", "moodle-feedback", "halves", course / "sheet.csv", "-c", course, "--out", out)
    assert written.code == 0
    with zipfile.ZipFile(BytesIO(out.read_bytes())) as files:
        names = files.namelist()
        assert names == [
            "Student 0_71_assignfeedback_file_feedback.html",
            "Student 1_72_assignfeedback_file_feedback.html",
        ]
        page = files.read(names[0]).decode()
    assert "Student 0" in page
    assert "Student 1" not in page


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("export",), "say in which format: medmark export --list"),
        (("export", "moodle-asign", "halves"), 'FORMAT "moodle-asign": did you mean "moodle-assign"?'),
        (("export", "moodle-assign", "halves"), "is filled into a file of the platform"),
        (("export", "moodle-assign", "halves", "sheet.csv", "--out", "sheet.csv"), "is the sheet itself"),
        (("export", "moodle-assign", "halves", "sheet.csv", "--out", "a.zip"), "ends in .csv"),
        (("export", "moodle-assign", "halves", "gone.csv"), "gone.csv: cannot be read"),
        (("export", "moodle-assign", "halves", "sheet.csv", "--maximum", "-1"), "write a positive number"),
        (("export", "moodle-assign", "halves", "sheet.csv", "--pdf"), "holds no pages"),
        (("export", "moodle-assign", "halvs", "sheet.csv"), 'did you mean "halves"?'),
        (
            ("export", "moodle-assign", "halves", "sheet.csv", "--members", "roster.csv"),
            "there is no column 'participant'",
        ),
    ],
)
def test_what_a_person_can_mend_ends_with_code_2_and_a_sentence(
    course: Path, words: tuple[str, ...], text: str
) -> None:
    refused = medmark(*words, cwd=course)
    assert refused.code == 2
    assert text in " ".join(refused.err.split())


def test_the_list_of_formats_says_by_what_each_is_known() -> None:
    listed = medmark("export", "--list")
    assert listed.code == 0
    assert "moodle-assign" in listed.out
    assert "not tried on a Moodle" in " ".join(listed.out.split())
