"""A course of nbgrader's as it lies on disk: its settings, its cells with and without a gradebook, odd hand-ins."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assignments.errors import UserError
from assignments.notebook import NOTEBOOK_BYTES, Notebook, NotebookCell, write_notebook
from graders.intake.nbgrader_course import read_course
from graders.intake.nbgrader_gradebook import HEAD, read_gradebook
from graders.intake.nbgrader_hand_ins import files_below, timestamp_of
from graders.intake.nbgrader_settings import settings_of
from graders.intake.notebook_imports import notebook_imports
from graders.record.notebook_course import HandedNotebook, RunCell, TeacherNotebook
from tests.nbgrader_made import RIGHT, WORK, hand_in, with_source, write_course

TABLES = """
create table alembic_version (version_num text);
create table assignment (id text, name text, course_id text);
create table notebook (id text, name text, assignment_id text);
create table base_cell (id text, name text, notebook_id text, type text);
create table grade_cells (id text, max_score float, cell_type text);
create table solution_cells (id text);
create table task_cells (id text, max_score float, cell_type text);
create table source_cell (id text, name text, cell_type text, locked integer, source text, notebook_id text);
insert into assignment values ('a', 'ps1', 'dl');
insert into notebook values ('n', 'work', 'a');
insert into base_cell values ('1', 'whole', 'n', 'GradeCell'), ('2', 'double', 'n', 'SolutionCell');
insert into grade_cells values ('1', 2.0, 'code');
insert into solution_cells values ('2');
insert into source_cell values ('s', 'whole', 'code', 1, 'assert f()', 'n'), ('t', 'double', 'code', 0, 'f = 0', 'n');
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    course = write_course(tmp_path / "course")
    hand_in(course, "ada", with_source(WORK, "double", RIGHT))
    return course


def with_gradebook(course: Path, head: str = HEAD, name: str = "gradebook.db") -> Path:
    """The tables of nbgrader's that medmark reads, by hand."""
    path = course / name
    with closing(sqlite3.connect(path)) as gradebook, gradebook:
        gradebook.executescript(TABLES)
        gradebook.execute("insert into alembic_version values (?)", [head])
    return path


def test_without_a_gradebook_the_cells_are_those_of_the_source(course: Path) -> None:
    read = read_course(course)
    assert [(cell.grade_id, cell.points, cell.is_test, cell.is_manual) for cell in read.notebooks[0].cells] == [
        ("setup", 0.0, False, False), ("double", 0.0, False, False), ("whole", 2.0, True, False),
        ("partial", 2.0, True, False), ("essay", 3.0, False, True), ("last", 1.0, True, False),
    ]  # fmt: skip
    assert read.gradebook is None
    assert "has no gradebook" in read.notes[0]
    assert [cell.test for cell in read.handed[0].cells] == ["", "", "whole", "partial", "last"]


def test_the_answers_of_the_source_are_not_taken_for_what_students_received(course: Path) -> None:
    assert next(cell for cell in read_course(course).notebooks[0].cells if cell.grade_id == "double").source == ""


def test_a_gradebook_gives_sources_points_and_version_in_the_order_of_the_source(course: Path) -> None:
    with_gradebook(course)
    read = read_course(course, "ps1")
    assert read.gradebook is not None
    assert (read.gradebook.head, read.gradebook.course_id) == (HEAD, "dl")
    assert [(cell.grade_id, cell.source) for cell in read.notebooks[0].cells] == [
        ("double", "f = 0"), ("whole", "assert f()"),
    ]  # fmt: skip


def test_without_a_source_the_order_is_that_of_the_gradebook(course: Path) -> None:
    read = read_gradebook(with_gradebook(course), "ps1", {})
    assert [cell.grade_id for cell in read.notebooks[0].cells] == ["whole", "double"]


def test_what_another_program_has_not_merged_yet_is_read_and_left_as_it_is(course: Path) -> None:
    path = with_gradebook(course)
    with closing(sqlite3.connect(path)) as gradebook:
        gradebook.execute("pragma journal_mode=wal")
        with gradebook:
            gradebook.execute("update grade_cells set max_score = 5")
        log = path.with_name("gradebook.db-wal")
        before = (path.read_bytes(), log.read_bytes(), log.stat().st_mtime_ns)
        assert read_gradebook(path, "ps1", {}).notebooks[0].cells[0].points == 5.0
        assert (path.read_bytes(), log.read_bytes(), log.stat().st_mtime_ns) == before


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_what_is_not_a_gradebook_is_a_sentence(course: Path, content: bytes) -> None:
    (course / "gradebook.db").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a gradebook of nbgrader's"):
        read_course(course)


def test_an_assignment_without_cells_names_the_command(course: Path) -> None:
    path = with_gradebook(course)
    with closing(sqlite3.connect(path)) as gradebook, gradebook:
        gradebook.execute("delete from notebook")
    with pytest.raises(UserError, match="nbgrader generate_assignment ps1 puts its cells there"):
        read_course(course)


# Which assignment


def test_of_several_assignments_one_is_named(course: Path) -> None:
    (course / "source/ps2").mkdir()
    (course / "source/ps2/work.ipynb").write_bytes(write_notebook(WORK))
    with pytest.raises(UserError, match="has several assignments, so name one of them: ps1, ps2"):
        read_course(course)
    assert read_course(course, "ps1").assignment == "ps1"
    with pytest.raises(UserError, match='has no assignment "ps9"'):
        read_course(course, "ps9")
    with pytest.raises(UserError, match="nobody handed in ps2"):
        read_course(course, "ps2")


def test_another_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a course of nbgrader's"):
        read_course(tmp_path)
    with pytest.raises(UserError, match="there is no such folder"):
        read_course(tmp_path / "nowhere")


def test_tests_that_nbgrader_has_not_written_yet_are_refused(course: Path) -> None:
    unwritten = with_source(WORK, "whole", "### AUTOTEST double(2)")
    (course / "source/ps1/work.ipynb").write_bytes(write_notebook(unwritten))
    with pytest.raises(UserError, match="nbgrader generate_assignment ps1 writes them"):
        read_course(course)


# nbgrader_config.py, which is never run


def test_settings_are_read_as_text_and_the_file_is_not_run(course: Path) -> None:
    (course / "nbgrader_config.py").write_text(
        "import os\nopen('ran', 'w')\nraise SystemExit\nc = get_config()\n"
        "c.CourseDirectory.submitted_directory = 'handed'\n"
        "if True:\n    c.CourseDirectory.db_url = 'sqlite:///marks/book.db'\n"
    )
    os.rename(course / "submitted", course / "handed")
    (course / "marks").mkdir()
    with_gradebook(course, name="marks/book.db")
    read = read_course(course)
    assert read.gradebook is not None
    assert read.gradebook.path == course / "marks/book.db"
    assert [each.student for each in read.handed] == ["ada"]
    assert not Path("ran").exists()


def test_a_setting_that_is_computed_is_named_with_its_line(course: Path) -> None:
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.db_url = os.environ['DB']\n")
    assert settings_of(course).unread == (
        f"{course / 'nbgrader_config.py'}, line 2: db_url is computed, so nbgrader's default counts",
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("c.CourseDirectory.db_url = 'postgresql://host/db'", "the gradebook is in postgresql"),
        ("c.CourseDirectory.directory_structure = '{student_id}'", "only folders that lie as nbgrader lays them"),
        ("c.CourseDirectory.directory_structure = f()", "only folders that lie as nbgrader lays them"),
        ("c. = 1", "cannot be read as Python"),
    ],
)
def test_settings_that_medmark_does_not_follow_are_a_sentence(course: Path, line: str, text: str) -> None:
    (course / "nbgrader_config.py").write_text(line + "\n")
    with pytest.raises(UserError, match=text):
        read_course(course)


# Hand-ins


def problem(course: Path, content: bytes) -> str:
    hand_in(course, "ada", content)
    return read_course(course).handed[0].problem


def test_what_is_too_large_is_not_parsed(course: Path) -> None:
    assert "ipynb has 25 MB, and 25 are read" in problem(course, b" " * 10 + b"[" * NOTEBOOK_BYTES)


def test_deep_json_and_much_code_are_problems_with_a_cure(course: Path) -> None:
    assert "nested too deeply" in problem(course, b"[" * 100_000)
    code = Notebook((NotebookCell("code", "x = 1\n" * 50_000),))
    assert "more than 250000 characters of code: keep data in files" in problem(course, write_notebook(code))
    assert "is a notebook of version 3" in problem(course, b'{"nbformat": 3, "worksheets": []}')


def test_metadata_as_colab_and_others_write_them_are_read(course: Path) -> None:
    cells = [
        {"cell_type": "code", "source": [RIGHT], "metadata": {"colab": {"x": 1}, "nbgrader": {"grade_id": "double",
         "solution": True}}, "outputs": [], "execution_count": None},
        {"cell_type": "code", "source": "pass", "metadata": {"nbgrader": {"grade_id": "whole", "schema_version": 1}}},
        {"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": {"grade_id": ["last"]}}},
        {"cell_type": "code", "source": "x = 2", "metadata": {"nbgrader": None}},
        {"cell_type": "code", "source": "x = 3"},
    ]  # fmt: skip
    for minor in range(6):
        document = {"nbformat": 4, "nbformat_minor": minor, "metadata": {"accelerator": "GPU"}, "cells": cells}
        hand_in(course, "ada", json.dumps(document).encode())
        handed = read_course(course).handed[0]
        assert handed.problem == ""
        assert [cell.test for cell in handed.cells] == ["", "", "whole", "", "", "", "partial", "last"]
        assert "HIDDEN TESTS" in next(cell.source for cell in handed.cells if cell.test == "whole")


def test_a_notebook_that_lost_all_metadata_gets_its_setup_first_and_its_tests_last(course: Path) -> None:
    bare = Notebook(tuple(NotebookCell(cell.kind, cell.source) for cell in WORK.cells))
    hand_in(course, "ada", bare)
    cells = read_course(course).handed[0].cells
    assert (cells[0].number, cells[0].source) == (0, "SCALE = 2")
    assert [cell.test for cell in cells[-3:]] == ["whole", "partial", "last"]


def test_files_beside_a_notebook_go_along_and_the_instructors_replace_them(course: Path) -> None:
    beside = course / "submitted/ada/ps1"
    for name in ("tools.py", "data/x.csv", ".ipynb_checkpoints/work.ipynb", "a.pyc", "timestamp.txt", "other.ipynb"):
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        (beside / name).write_text("theirs")
    (beside / "link.csv").symlink_to("/etc/passwd")
    (course / "source/ps1/tools.py").write_text("the instructor's")
    handed = read_course(course).handed[0]
    assert sorted(handed.files) == ["data/x.csv", "tools.py"]
    assert handed.files["tools.py"].read_text() == "the instructor's"
    assert handed.notes == ("links and special files are not taken: link.csv",)


def test_a_file_of_the_source_that_students_did_not_receive_stays_out(course: Path) -> None:
    (course / "release/ps1").mkdir(parents=True)
    (course / "release/ps1/work.ipynb").write_bytes(write_notebook(WORK))
    for folder, name in (("release", "data.csv"), ("source", "data.csv"), ("source", "expected.csv")):
        (course / folder / "ps1" / name).write_text(folder)
    read = read_course(course)
    assert {name: path.read_text() for name, path in read.handed[0].files.items()} == {"data.csv": "source"}
    assert "students did not receive source/ps1/expected.csv, so their code does not either" in read.notes


def test_folders_that_cannot_be_a_students_are_named_and_left_out(course: Path) -> None:
    hand_in(course, "-rf", WORK)
    (course / "submitted/link").symlink_to(course / "submitted/ada")
    (course / "submitted/bob").mkdir()
    read = read_course(course)
    assert [each.student for each in read.handed] == ["ada"]
    assert [note for note in read.notes if note.startswith("submitted/")] == [
        "submitted/-rf: its name is not ordinary, so it is left out",
        "submitted/link: is a link, which medmark does not follow: left out",
    ]


def test_more_files_than_anybody_hands_in_are_left_out_as_a_whole(course: Path, monkeypatch) -> None:
    monkeypatch.setattr("graders.intake.nbgrader_hand_ins.FILES_BYTES", 10)
    (course / "submitted/ada/ps1/x.bin").write_bytes(bytes(11))
    files, notes = files_below(course / "submitted/ada/ps1")
    assert files == {}
    assert "none of them goes along" in notes[0]


def test_a_timestamp_is_text_of_a_limited_length_and_no_link_is_followed(tmp_path: Path) -> None:
    assert timestamp_of(tmp_path) == ""
    (tmp_path / "timestamp.txt").write_text("2026-11-20 12:00:00 UTC\n")
    assert timestamp_of(tmp_path) == "2026-11-20 12:00:00 UTC"
    (tmp_path / "timestamp.txt").write_bytes(b"\xff" * 10_000)
    assert len(timestamp_of(tmp_path)) == 100
    (tmp_path / "timestamp.txt").unlink()
    (tmp_path / "timestamp.txt").symlink_to("/etc/passwd")
    assert timestamp_of(tmp_path) == ""


# Imports


def test_imports_are_the_instructors_or_the_students_without_pythons_own_and_files_beside() -> None:
    teacher = TeacherNotebook("work", ())
    sources = (
        "import torch, os, tools",
        "%matplotlib inline\nimport torch",
        "try:\n    import x\nexcept: pass",
        "not Python",
    )
    cells = tuple(RunCell(number, source) for number, source in enumerate(sources, 1))
    handed = HandedNotebook(
        "ada", "work", (*cells, RunCell(5, "import locked_away", locked=True)), files={"tools.py": Path()}
    )
    imports = notebook_imports([teacher], [handed, HandedNotebook("bob", "work", cells[1:2])])
    assert imports.students == (("torch", 2),)
    assert imports.framework == "pytorch"
    assert imports.without(lambda name: name == "torch").students == ()
