"""Points that medmark writes into a gradebook, read by the real nbgrader. Without a word to write, nothing changes."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assignments.errors import UserError
from assignments.notebook import NotebookCell, read_notebook
from graders.intake.nbgrader_gradebook import HEAD
from graders.runs import nbgrader_marking
from graders.runs.nbgrader_marking import MarkedNotebooks, marked_notebooks, planned_notebooks
from graders.runs.nbgrader_writing import WrittenPoints, check_writable, write_points
from tests.nbgrader_made import (
    LOUD,
    RIGHT,
    WRONG,
    hand_in,
    released,
    run_here,
    with_cell,
    with_source,
    write_course,
)
from tests.nbgrader_oracle import auto_scores, nbgrader, with_nbgrader
from tests.test_nbgrader_side_by_side import tree_of

pytestmark = [with_nbgrader, pytest.mark.slow]
PICTURE = {"sketch.png": {"image/png": "iVBORw0KGgo="}}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    course = write_course(tmp_path_factory.mktemp("written") / "course")
    nbgrader(course, "generate_assignment", "ps1")
    work = released(course)
    right = with_source(with_source(work, "double", RIGHT), "essay", "Because ![](attachment:sketch.png)")
    drawn = with_cell(right, "essay", lambda cell: [NotebookCell(
        cell.kind, cell.source, "", {**cell.metadata, "widget": "<script>"}, PICTURE
    )])  # fmt: skip
    for student, content in {
        "ada": drawn,
        "bob": with_source(work, "double", WRONG),
        "loud": with_source(work, "double", LOUD),
        "not_json": b"{",
    }.items():
        hand_in(course, student, content)
    (course / "submitted/ada/ps1/timestamp.txt").write_text("2026-11-20 12:00:00 UTC")
    nbgrader(course, "autograde", "ps1", "--create", "--student=bob")
    (course / "submitted/bob/ps1/timestamp.txt").write_text("yesterday")
    with_api(course, "gb.find_grade('whole', 'work', 'ps1', 'bob').manual_score = 1.25")
    return course


def with_api(course: Path, line: str) -> str:
    """Run a line with nbgrader's own interface to the gradebook."""
    program = (
        "from nbgrader.api import Gradebook\n"
        f"with Gradebook('sqlite:///{course / 'gradebook.db'}', 'dl') as gb:\n    {line}\n    gb.db.commit()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def marked_here(course: Path) -> MarkedNotebooks:
    """The course marked, with its cells in this process."""
    planned = planned_notebooks(course, sandbox="local", trust_submissions=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nbgrader_marking, "run_notebooks", run_here)
        return marked_notebooks(planned)


@pytest.fixture(scope="module")
def marked(course: Path) -> MarkedNotebooks:
    return marked_here(course)


@pytest.fixture(scope="module")
def before(course: Path, marked: MarkedNotebooks) -> dict[str, tuple[bytes, int]]:
    return tree_of(course)


@pytest.fixture(scope="module")
def written(course: Path, marked: MarkedNotebooks, before: object) -> WrittenPoints:
    check_writable(marked.course)
    return write_points(marked)


def test_marking_changes_nothing_in_the_folder(course: Path) -> None:
    at_first = tree_of(course)
    marked_here(course)
    assert tree_of(course) == at_first


def test_the_gradebook_has_medmarks_points_and_none_where_a_person_marks(course, written):
    scores = auto_scores(course, "ps1")
    assert {cell: scores["ada", "work", cell] for cell in ("whole", "partial", "essay", "last")} == {
        "whole": 2.0, "partial": 1.5, "essay": None, "last": 1.0,
    }  # fmt: skip
    assert scores["loud", "work", "whole"] == 2.0
    assert {points for (student, *_), points in scores.items() if student == "not_json"} == {0.0}
    assert written.cells == 16


def test_a_manual_score_stays_and_is_up_for_review(course, written):
    shown = "g.manual_score, g.auto_score, g.needs_manual_grade, g.score"
    found = with_api(course, f"g = gb.find_grade('whole', 'work', 'ps1', 'bob'); print({shown})")
    assert found == "1.25 0.0 True 1.25"
    assert "bob, whole: has a manual score, which stays, and is up for review" in written.notes


def test_what_a_person_marks_waits_for_a_person_and_a_blank_answer_does_not(course, written):
    line = "print([gb.find_grade('essay', 'work', 'ps1', s).needs_manual_grade for s in ('ada', 'loud')])"
    assert with_api(course, line) == "[True, False]"
    line = "print([gb.find_comment(c, 'work', 'ps1', 'loud').auto_comment for c in ('essay', 'double')])"
    assert with_api(course, line) == "['No response.', None]"


def test_the_time_of_a_hand_in_is_written_and_one_that_cannot_be_read_is_noted(course, written):
    line = "print([gb.find_submission('ps1', s).timestamp for s in ('ada', 'bob')])"
    assert with_api(course, line) == "[datetime.datetime(2026, 11, 20, 12, 0), None]"
    assert "bob: timestamp.txt holds no time, and formgrader ends at it: correct it or delete it" in written.notes


def test_no_other_course_is_added_and_the_copy_is_the_gradebook_before(course, written):
    def rows(path: Path, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as gradebook:
            return gradebook.execute(query).fetchall()

    both = [course / "gradebook.db", written.backup]
    assert len({str(rows(path, "select id from course order by id")) for path in both}) == 1
    assert [rows(path, "select count(*) from submitted_assignment") for path in both] == [[(4,)], [(1,)]]


def test_only_the_gradebook_its_copy_and_autograded_change(course, before, written):
    after = tree_of(course)
    changed = {Path(path).relative_to(course) for path in after if after[path] != before.get(path)}
    assert set(before) <= set(after)
    assert {path.parts[0] for path in changed} == {"gradebook.db", written.backup.name, "autograded"}


def test_nbgraders_export_feedback_and_list_work_on_what_is_written(course, written, tmp_path):
    copy = tmp_path / "course"
    shutil.copytree(course, copy)
    nbgrader(copy, "export")
    with (copy / "grades.csv").open() as file:
        grades = {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)}
    assert grades == {
        "ada": ("4.5", "8.0"), "bob": ("1.25", "8.0"), "loud": ("4.5", "8.0"), "not_json": ("0.0", "8.0"),
    }  # fmt: skip
    nbgrader(copy, "generate_feedback", "ps1")
    page = (copy / "feedback/ada/ps1/work.html").read_text()
    assert "Because" in page
    assert "iVBORw0KGgo=" in page
    assert "is not JSON" in (copy / "feedback/not_json/ps1/work.html").read_text()
    assert "it passed, and wrote to stderr" in (copy / "feedback/loud/ps1/work.html").read_text()


def test_a_notebook_for_formgrader_has_no_output_and_no_metadata_of_the_students(course, written):
    text = (course / "autograded/ada/ps1/work.ipynb").read_text()
    assert "<script>" not in text
    cells = {cell.grading.grade_id: cell for cell in read_notebook(text.encode()).cells if cell.grading}
    assert cells["whole"].source.count("assert") == 2
    assert cells["essay"].attachments == PICTURE
    assert cells["essay"].grading.points == 3.0


def test_an_unknown_version_of_the_gradebook_is_read_and_never_written(course, written, tmp_path):
    copy = tmp_path / "course"
    shutil.copytree(course, copy)
    with closing(sqlite3.connect(copy / "gradebook.db")) as gradebook, gradebook:
        gradebook.execute("update alembic_version set version_num = 'f00'")
    marked = marked_here(copy)
    with pytest.raises(UserError, match=f"tables of version f00, and medmark writes into {HEAD} alone"):
        write_points(marked)
    assert list(copy.glob("*before-medmark*")) == [copy / written.backup.name]


def test_formgrader_opens_what_is_written(course, written, tmp_path):
    copy = tmp_path / "course"
    shutil.copytree(course, copy)
    (copy / "submitted/bob/ps1/timestamp.txt").unlink()  # formgrader ends at a time that it cannot read
    program = (
        "from nbgrader.apps.api import NbGraderAPI; from nbgrader.coursedir import CourseDirectory; "
        "from nbgrader.auth import Authenticator; from traitlets.config import Config; c = Config(); "
        f"c.CourseDirectory.root = {str(copy)!r}; c.CourseDirectory.course_id = 'dl'; "
        "api = NbGraderAPI(CourseDirectory(config=c), Authenticator(config=c), config=c); "
        "rows = sorted(api.get_submissions('ps1'), key=lambda row: row['student']); "
        "print([(row['student'], row['autograded'], row['score'], row['needs_manual_grade']) for row in rows])"
    )
    assert with_api(copy, program) == (
        "[('ada', True, 4.5, True), ('bob', True, 1.25, True), ('loud', True, 4.5, False), "
        "('not_json', True, 0.0, False)]"
    )
