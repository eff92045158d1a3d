"""What the real nbgrader makes of a course, beside what medmark makes of it: one autograde for all students."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assignments.notebook import Notebook, NotebookCell
from graders.intake.nbgrader_course import read_course
from graders.marks.nbgrader_points import points_of
from graders.record.notebook_course import CellPoints, HandedNotebook
from tests.nbgrader_made import (
    LOUD,
    RIGHT,
    WRONG,
    graded,
    hand_in,
    released,
    run_here,
    with_cell,
    with_metadata,
    with_source,
    without,
    write_course,
)
from tests.nbgrader_oracle import CellKey, autograded, nbgrader, with_nbgrader

pytestmark = [with_nbgrader, pytest.mark.slow]
CELLS = ("whole", "partial", "essay", "last")
DOUBLED = ("doubled_test", "doubled_solution")
"""Each ends nbgrader's whole run."""
HONEST = {"whole": 2.0, "partial": 1.5, "essay": 0.0, "last": 1.0}
"""What correct work earns; the essay was not written."""


def hand_ins(work: Notebook) -> dict[str, Notebook | bytes]:
    """By student: what is handed in."""
    right = with_source(work, "double", RIGHT)
    cell_of = {cell.grading.grade_id: cell for cell in right.cells if cell.grading}
    doubled = with_cell(right, "whole", lambda cell: [with_source(Notebook((cell,)), "whole", "x = 1").cells[0], cell])
    scratch = NotebookCell("code", "1 / 0"), NotebookCell("code", "%time 3")
    return {
        "blank": work,
        "right": right,
        "wrong": with_source(work, "double", WRONG),
        "essayist": with_source(right, "essay", "Because."),
        "loud": with_source(work, "double", LOUD),
        "edited_test": with_source(with_source(work, "double", WRONG), "whole", "pass"),
        "edited_setup": with_source(right, "setup", "SCALE = 100"),
        "edited_points": with_metadata(right, "last", points=100.0),
        "edited_flags": with_metadata(right, "last", grade=False, locked=False),
        "unlocked_setup": with_metadata(right, "setup", locked=False),
        "doubled_test": doubled,
        "doubled_solution": with_cell(work, "double", lambda cell: [
            with_source(Notebook((cell,)), "double", RIGHT).cells[0],
            with_source(Notebook((cell,)), "double", WRONG).cells[0],
        ]),
        "deleted_test": without(with_source(work, "double", WRONG), "whole"),
        "deleted_setup": without(right, "setup"),
        "deleted_essay": without(right, "essay"),
        "moved": Notebook((*without(right, "double").cells, cell_of["double"]), right.metadata),
        "retyped": with_cell(right, "last", lambda cell: [NotebookCell("markdown", cell.source, "", cell.metadata)]),
        "unknown_id": Notebook((*right.cells, graded("mine", "assert False", 50)), right.metadata),
        "scratch": Notebook((*right.cells, *scratch), right.metadata),
        "other_kernel": Notebook(right.cells, {"kernelspec": {"display_name": "R", "language": "R", "name": "ir"}}),
        "no_kernel": Notebook(right.cells),
        "not_json": b"<<<<<<< HEAD\n{}",
        "empty": b"",
        "no_cells": Notebook(()),
    }  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    course = write_course(tmp_path_factory.mktemp("nbgrader") / "course")
    nbgrader(course, "generate_assignment", "ps1")
    work = released(course)
    for student, content in hand_ins(work).items():
        hand_in(course, student, content)
    hand_in(course, "renamed", with_source(work, "double", RIGHT), "Copy of work.ipynb")
    hand_in(course, "two", with_source(work, "double", RIGHT), "Copy of work.ipynb")
    hand_in(course, "two", with_source(work, "double", RIGHT), "work (1).ipynb")
    elsewhere = hand_in(course, "right", with_source(work, "double", RIGHT))
    (course / "submitted/link/ps1").mkdir(parents=True)
    (course / "submitted/link/ps1/work.ipynb").symlink_to(elsewhere)
    return course


@pytest.fixture(scope="module")
def theirs(course: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[CellKey, float | None]:
    return autograded(course, "ps1", tmp_path_factory.mktemp("oracle"), fails=True, without=DOUBLED)


@pytest.fixture(scope="module")
def handed(course: Path) -> dict[str, HandedNotebook]:
    return {each.student: each for each in read_course(course).handed}


@pytest.fixture(scope="module")
def points(course: Path) -> dict[tuple[str, str], CellPoints]:
    read = read_course(course)
    results = {each.student: each for each in run_here([h for h in read.handed if not h.problem], None, "", 1, print)}
    return {
        (each.student, each.grade_id): each
        for handed in read.handed
        for each in points_of(handed, read.notebooks[0], results.get(handed.student))
    }


def medmark(points: dict[tuple[str, str], CellPoints], student: str) -> dict[str, float | None]:
    return {cell: points[student, cell].medmark for cell in CELLS}


def oracle(theirs: dict[CellKey, float | None], student: str) -> dict[str, float | None]:
    return {cell: theirs.get((student, "work", cell)) for cell in CELLS}


SAME = (
    "blank", "right", "wrong", "essayist", "edited_test", "edited_setup", "edited_points", "moved", "retyped",
    "unlocked_setup", "scratch", "other_kernel", "no_kernel",
)  # fmt: skip


@pytest.mark.parametrize("student", SAME)
def test_every_cell_has_the_points_that_nbgrader_gives(theirs, points, student):
    assert medmark(points, student) == oracle(theirs, student)
    assert {points[student, cell].reason for cell in CELLS} == {""}


@pytest.mark.parametrize(
    "student",
    [*SAME, "loud", "deleted_test", "deleted_essay", "not_json", "empty", "edited_flags", "unknown_id", *DOUBLED],
)
def test_what_nbgrader_would_say_is_what_it_says(theirs, points, student):
    assert {cell: points[student, cell].nbgrader for cell in CELLS} == oracle(theirs, student)


def test_correct_work_earns_what_it_earns_by_hand(points):
    assert medmark(points, "right") == HONEST
    assert medmark(points, "wrong") == {"whole": 0.0, "partial": 0.0, "essay": 0.0, "last": 0.0}
    assert medmark(points, "essayist") == HONEST | {"essay": None}


def test_an_edited_test_and_an_edited_setup_count_for_nothing_and_are_named(points, handed):
    assert medmark(points, "edited_test")["whole"] == 0.0
    assert medmark(points, "edited_setup") == HONEST
    assert handed["edited_test"].notes == (
        "cell 4 (whole) was edited, and is locked: the instructor's own source counts",
    )
    assert handed["edited_setup"].notes == (
        "cell 2 (setup) was edited, and is locked: the instructor's own source counts",
    )
    assert handed["edited_points"].notes == ("cell 7 (last) says 100 points: the gradebook's 1 count",)
    assert handed["right"].notes == ()


def test_flags_that_a_student_edits_stop_nbgrader_and_not_medmark(theirs, points, handed):
    assert set(oracle(theirs, "edited_flags").values()) == {None}
    assert medmark(points, "edited_flags") == HONEST
    assert "other metadata" in handed["edited_flags"].notes[0]
    assert points["edited_flags", "whole"].reason == "nbgrader ends at the metadata of cell 7, which were edited"


def test_of_two_cells_with_a_name_the_last_counts_and_both_are_named(handed):
    assert handed["doubled_test"].notes == (
        "cells 4, 5 are all whole: the last counts, the others run as cells of the student's own",
    )
    assert [cell.number for cell in handed["doubled_test"].cells if cell.test == "whole"] == [5]


def test_two_cells_with_a_name_end_nbgraders_run_for_everybody_after_and_cost_nobody_here(course, points, tmp_path):
    others = {path.name for path in (course / "submitted").iterdir()} - {"blank", "doubled_test", "right"}
    theirs = autograded(course, "ps1", tmp_path, fails=True, without=others)
    assert oracle(theirs, "blank")["whole"] == 0.0
    assert oracle(theirs, "doubled_test") == oracle(theirs, "right") == dict.fromkeys(CELLS)
    assert medmark(points, "doubled_test") == medmark(points, "right") == HONEST
    assert medmark(points, "doubled_solution") == medmark(points, "wrong")


def test_a_deleted_test_is_brought_back_behind_the_students_work(theirs, points, handed):
    assert oracle(theirs, "deleted_test")["whole"] is None
    cell = points["deleted_test", "whole"]
    assert (cell.nbgrader, cell.medmark) == (None, 0.0)
    assert "deleted this test" in cell.reason
    assert [cell.test for cell in handed["deleted_test"].cells] == ["", "", "whole", "partial", "last"]
    assert handed["deleted_test"].cells[2].number == 0


def test_a_deleted_setup_is_brought_back_and_noted(theirs, points, handed):
    assert oracle(theirs, "deleted_setup")["whole"] == 0.0
    assert medmark(points, "deleted_setup") == HONEST
    assert points["deleted_setup", "whole"].nbgrader is None  # what runs here says nothing of it
    assert points["deleted_setup", "whole"].reason == "nbgrader would run it without the locked cell setup"
    assert handed["deleted_setup"].notes == ("the locked cell setup is missing, and is brought back",)


def test_a_deleted_answer_waits_for_a_person(points, handed):
    assert medmark(points, "deleted_essay")["essay"] is None
    assert handed["deleted_essay"].notes == (
        "essay, which a person marks, is missing: look whether the answer stands in another cell",
    )


def test_a_line_on_stderr_costs_nothing_and_the_difference_has_its_reason(theirs, points):
    assert oracle(theirs, "loud") == {"whole": 0.0, "partial": 0.0, "essay": 0.0, "last": 0.0}
    assert medmark(points, "loud") == HONEST
    assert points["loud", "whole"].reason == "it passed, and wrote to stderr, for which nbgrader gives 0"


def test_a_grade_id_of_the_students_own_earns_nothing_and_stops_only_nbgrader(theirs, points):
    assert set(oracle(theirs, "unknown_id").values()) == {None}
    assert medmark(points, "unknown_id") == HONEST


@pytest.mark.parametrize(
    ("student", "text"),
    [
        ("not_json", "work.ipynb is not JSON (line 1), so nobody can open it"),
        ("empty", "work.ipynb is empty: hand in the notebook in which the work is"),
        ("no_cells", "work.ipynb has no cell with anything in it"),
        ("two", "work.ipynb was not handed in, but Copy of work.ipynb, work (1).ipynb: rename"),
        ("link", "work.ipynb is a link or a folder: hand in the file itself"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_the_students_failure_with_its_cure(points, handed, student, text):
    assert handed[student].problem.startswith(text)
    assert medmark(points, student) == dict.fromkeys(CELLS, 0.0)


def test_what_is_not_json_has_no_points_in_nbgrader_and_its_export_writes_0(theirs, points):
    assert oracle(theirs, "not_json") == dict.fromkeys(CELLS)
    assert points["not_json", "whole"].reason == "nbgrader stops at this notebook, and its export writes 0.0"


def test_a_notebook_with_another_name_counts_where_it_is_the_only_one(theirs, points, handed):
    assert oracle(theirs, "renamed") == dict.fromkeys(CELLS)  # nbgrader skips it
    assert medmark(points, "renamed") == HONEST
    assert handed["renamed"].notes == ("there is no work.ipynb, so Copy of work.ipynb counts",)


def test_another_kernel_is_noted(handed):
    assert handed["other_kernel"].notes == ("the notebook names the language r: its cells run as Python all the same",)


def test_a_cell_that_was_moved_runs_where_it_stands_and_is_noted(handed):
    assert [cell.test for cell in handed["moved"].cells] == ["", "whole", "partial", "last", ""]
    assert handed["moved"].notes == ("cell 7 (double) was moved behind last: cells run in the student's order",)


def test_nothing_of_the_course_changes_while_it_is_read(course: Path) -> None:
    before = tree_of(course)
    read_course(course)
    assert tree_of(course) == before


def tree_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [Path(at) / name for at, _, names in os.walk(folder) for name in names]
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
