"""`medmark grade --nbgrader`, typed as a person would: the table, what differs, what is refused, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assignments.notebook import Notebook, write_notebook
from tests.nbgrader_made import (
    LOUD,
    RIGHT,
    WRONG,
    cell,
    hand_in,
    read_notebook,
    with_source,
    write_course,
)
from tests.nbgrader_oracle import auto_scores, autograded, example_course, nbgrader, with_nbgrader
from tests.small_course import medmark
from tests.test_nbgrader_side_by_side import tree_of

HERE = ("--sandbox", "local", "--trust-submissions")
SQUARES = """\
def squares(n):
    if n < 1:
        raise ValueError("n must be greater than or equal to 1")
    return [i ** 2 for i in range(1, n + 1)]
"""
SUMS = "def sum_of_squares(n):\n    return sum(squares(n))"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Without a gradebook: nbgrader is not needed to mark."""
    from tests.nbgrader_made import WORK

    course = write_course(tmp_path / "course")
    bare = with_source(WORK, "double", "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()")
    bare = with_source(bare, "whole", "assert double(2) == 4")
    (course / "release/ps1").mkdir(parents=True)
    (course / "release/ps1/work.ipynb").write_bytes(write_notebook(bare))
    for student, source in (("ada", RIGHT), ("bob", WRONG), ("loud", LOUD)):
        hand_in(course, student, with_source(bare, "double", source))
    hand_in(course, "broken", b"{")
    return course


def test_the_table_has_both_sums_the_cells_that_differ_and_who_needs_a_person(course: Path) -> None:
    before = tree_of(course)
    done = medmark("grade", "--nbgrader", course, *HERE)
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split()[1:4] for line in done.out.splitlines()[2:6]}
    assert rows == {
        "ada": ["4.5", "4.5", "8"],
        "bob": ["0", "0", "8"],
        "broken": ["0", "0", "8"],
        "loud": ["0", "4.5", "8"],
    }
    assert all(len(line) <= 80 for line in done.out.splitlines()[:6])
    assert "loud, work, whole: nbgrader 0, medmark 2 of 2: it passed, and wrote to stderr" in done.out
    assert "broken, work: work.ipynb is not JSON" in done.out
    assert "9 of 9 tests were judged outside the sandbox." in done.out
    assert "has no gradebook" in done.err
    assert tree_of(course) == before


def test_the_json_has_every_cell(course: Path) -> None:
    done = medmark("grade", "ps1", "--nbgrader", course, *HERE, "--json", "--only", "ada")
    document = json.loads(done.out)
    assert document["students"] == [{"student": "ada", "nbgrader": 4.5, "medmark": 4.5, "of": 8.0, "open_cells": 0}]
    assert [(each["grade_id"], each["medmark"], each["where"]) for each in document["cells"]] == [
        ("whole", 2.0, "host"), ("partial", 1.5, "host"), ("essay", 0.0, "person"), ("last", 1.0, "host"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--only", "adda"), '--only "adda": has no ps1'),
        (("--dry-run",), "--nbgrader and --dry-run do not go together"),
        (("--by", "me"), "--nbgrader and --by do not go together"),
        (("--as", "student"), "--nbgrader and --as do not go together"),
        (("--write",), "has no gradebook to write into: nbgrader generate_assignment ps1 makes it"),
        (("--sandbox", "lokal"), '--sandbox "lokal"'),
    ],
)
def test_what_does_not_go_together_is_a_sentence(course: Path, words: tuple[str, ...], text: str) -> None:
    named = () if "--sandbox" in words else HERE
    done = medmark("grade", "--nbgrader", course, *named, *words)
    assert done.code == 2
    assert text in " ".join(done.err.split())


def test_options_of_nbgrader_belong_to_it_and_an_assignment_is_named_without() -> None:
    assert "--write belongs to --nbgrader" in medmark("grade", "ps1", "--write").err
    assert "name the ASSIGNMENT" in " ".join(medmark("grade").err.split())


def test_without_a_wall_it_says_what_autograde_risks(course: Path) -> None:
    done = medmark("grade", "--nbgrader", course, "--sandbox", "local")
    assert done.code == 2
    said = " ".join(done.err.split())
    assert "nbgrader's own autograde runs students' code as you" in said
    assert "12 of 14 attacks" in said
    assert "--trust-submissions" in said


def test_where_no_docker_answers_it_says_so_and_what_autograde_risks(course: Path, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{course}/no.sock")
    done = medmark("grade", "--nbgrader", course)
    assert done.code == 2
    said = " ".join(done.err.split())
    assert "no Docker engine answers at" in said
    assert "12 of 14 attacks" in said
    assert "add --sandbox local --trust-submissions" in said


def test_modules_that_are_missing_are_named_first_and_the_instructors_stop_it(course: Path) -> None:
    work = read_notebook((course / "release/ps1/work.ipynb").read_bytes())
    hand_in(course, "bob", with_source(work, "double", f"import nowhere_at_all\nimport cv2_missing\n{WRONG}"))
    done = medmark("grade", "--nbgrader", course, *HERE)
    assert done.code == 0
    first = done.err.split("marking")[0]
    assert "nowhere_at_all (1 of the students' notebooks)" in first
    assert "pip install nowhere_at_all cv2_missing" in " ".join(first.split())
    source = course / "source/ps1/work.ipynb"
    own = read_notebook(source.read_bytes())
    source.write_bytes(write_notebook(with_source(own, "setup", "import nowhere_at_all\nSCALE = 2")))
    done = medmark("grade", "--nbgrader", course, *HERE)
    assert done.code == 2
    assert "nowhere_at_all (the instructor's cells)" in " ".join(done.err.split())


def test_medmarks_own_check_cannot_run_there(course: Path) -> None:
    imported = cell("setup", "from assignments.notebook import check", locked=True)
    own = Notebook((imported, cell("test", 'check("x")', 1, grade=True)))
    (course / "source/ps1/work.ipynb").write_bytes(write_notebook(own))
    done = medmark("grade", "--nbgrader", course, *HERE)
    assert done.code == 2
    assert "call medmark's own `check`" in " ".join(done.err.split())


@pytest.mark.slow
@with_nbgrader
def test_the_example_of_quickstart_has_nbgraders_points_in_every_cell_and_then_in_its_gradebook(tmp_path: Path) -> None:
    course = example_course(tmp_path)
    names = ("problem1", "problem2")
    blank = {name: read_notebook((course / f"release/ps1/{name}.ipynb").read_bytes()) for name in names}
    solved = with_source(with_source(blank["problem1"], "squares", SQUARES), "sum_of_squares", SUMS)
    hand_ins = {
        "ada": solved,
        "bob": blank["problem1"],
        "cyd": with_source(solved, "sum_of_squares", "sum_of_squares = 1"),
    }
    for student, notebook in hand_ins.items():
        hand_in(course, student, notebook, "problem1.ipynb")
        hand_in(course, student, with_source(blank["problem2"], "part-a", "It is 3."), "problem2.ipynb")
    theirs = autograded(course, "ps1", tmp_path)
    before = tree_of(course)
    done = medmark("grade", "--nbgrader", course, *HERE, "--json")
    assert tree_of(course) == before
    cells = json.loads(done.out)["cells"]
    assert {(each["student"], each["notebook"], each["grade_id"]): each["medmark"] for each in cells} == theirs
    assert sum(points or 0 for (student, *_), points in theirs.items() if student == "ada") == 3.0
    written = medmark("grade", "--nbgrader", course, *HERE, "--write", "--yes")
    assert written.code == 0, written.err
    assert auto_scores(course, "ps1") == theirs
    assert "as it was before: " in written.err
    nbgrader(course, "generate_feedback", "ps1")
    assert (course / "feedback/ada/ps1/problem1.html").is_file()
