"""A group hands in `solution.ipynb`: it is marked as its solution.py would be, and what is wrong with it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assignments.notebook import Notebook, NotebookCell, write_notebook
from tests.small_course import SOUND, medmark, write_course, write_roster

HOME = "halves/solution.ipynb"


def book(*cells: str) -> bytes:
    return write_notebook(Notebook(tuple(NotebookCell("code", cell) for cell in cells)))


def taken_apart(source: str) -> list[str]:
    """A solution as a person works on it: cell by cell, with tries in between."""
    cells = source.split("\n\n\n")
    return [
        "%matplotlib inline\n!pip install torch",
        *cells,
        "from assignments.notebook import check\nx = np.ones((2, 4))\nprint(difference(x))\nnp.sum?",
        "%%bash\nrm -rf /",
    ]


RAISES = SOUND.replace("    return x[:, 2:].sum(1)", "    y = x.copy()\n    return y / None")
GROUPS = {
    "plain": {"halves/solution.py": SOUND},
    "book": {HOME: book(*taken_apart(SOUND))},
    "root": {"solution.ipynb": book(*taken_apart(SOUND))},
    "raises": {HOME: book(*RAISES.split("\n\n\n"))},
    "merged": {HOME: b"<<<<<<< HEAD\n" + book(SOUND)},
    "julia": {HOME: json.dumps({"nbformat": 4, "metadata": {"language_info": {"name": "julia"}}, "cells": []})},
    "named": {"halves/Week 3.ipynb": book(SOUND)},
    "both": {"halves/solution.py": SOUND, HOME: book("FRAMEWORK = 'numpy'")},
    "lost": {HOME: book(SOUND.replace("> model.value", "> threshold"), "threshold = 2.0")},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_course(tmp_path_factory.mktemp("notebooks") / "halves-2027", {})
    write_roster(folder, GROUPS)
    medmark("collect", "halves", "-c", folder)
    medmark("grade", "halves", "-c", folder, "--yes", "--trust-submissions")
    return folder


@pytest.fixture(scope="module")
def marks(course: Path) -> dict[str, str]:
    shown = json.loads(medmark("show", "halves", "-c", course, "--json").out)
    return {mark["group"]: mark["points"] for mark in shown["marks"]}


def told(course: Path, group: str) -> str:
    """What the group's own page says."""
    page = course / f"reports/halves/feedback/{group}.html"
    if not page.is_file():
        assert medmark("report", "halves", "-c", course).code == 0
    return " ".join(page.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("group", ["book", "root"])
def test_a_notebook_earns_what_its_solution_earns(marks: dict[str, str], group: str) -> None:
    assert marks["plain"] == marks[group]
    assert float(marks[group]) == 100


def test_an_exception_is_named_by_cell_and_line(course: Path, marks: dict[str, str]) -> None:
    assert float(marks["raises"]) == 0
    assert "solution.ipynb, cell 3, line 3" in told(course, "raises")


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ("merged", "is not JSON (line 1)"),
        ("merged", "left by a merge in Git"),
        ("julia", "only Python is marked"),
        ("named", "rename it solution.ipynb"),
    ],
)
def test_a_file_that_is_no_notebook_is_the_submissions_failure_with_its_cure(
    course: Path, marks: dict[str, str], group: str, text: str
) -> None:
    assert float(marks[group]) == 0
    assert text in told(course, group)


def test_beside_a_solution_that_was_worked_on_the_notebook_does_not_count(course: Path, marks: dict[str, str]) -> None:
    assert float(marks["both"]) == 100
    assert "solution.ipynb is not read, since solution.py lies beside it" in told(course, "both")


def test_what_was_left_out_is_listed_with_its_cell(course: Path, marks: dict[str, str]) -> None:
    assert float(marks["lost"]) < 100
    assert "cell 2: threshold is left out, and the solution reads it" in told(course, "lost")


def test_check_marks_the_notebook_in_a_folder(tmp_path: Path, course: Path) -> None:
    (tmp_path / "halves").mkdir()
    for name in ("assignment.toml", "interface.py", "rows.py", "brief.md", "public_tests"):
        path = course / "halves" / name
        (tmp_path / "halves" / name).symlink_to(path)
    (tmp_path / HOME).write_bytes(GROUPS["book"][HOME])  # type: ignore[arg-type]
    done = medmark("check", cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    assert "1 of 1 public tests passed." in done.out
    assert ":| solution.ipynb, cell 1, line 2: !pip install torch is left out" in done.out


# Answers that a person marks

QUESTIONS = """
[[criterion]]
kind = "person"
id = "reasons"
points = 10
file = "solution.ipynb"
[[criterion.line]]
id = "why_half"
title = "Why the halves"
points = 6
question = "Why does the difference tell them apart?"
[[criterion.line]]
id = "limits"
title = "Limits"
points = 4
"""


def answered(notebook: bytes, **answers: str) -> bytes:
    """The notebook with a text cell for each answer, as the handout has it."""
    document = json.loads(notebook)
    for id, text in answers.items():
        grading = {"nbgrader": {"schema_version": 3, "grade_id": id, "grade": True, "solution": True, "points": 1}}
        document["cells"].append({"cell_type": "markdown", "metadata": grading, "source": text})
    return json.dumps(document).encode()


def test_a_marker_gets_the_answers_by_the_ids_of_the_lines_and_nothing_else_of_the_notebook(tmp_path: Path) -> None:
    course = write_course(tmp_path / "halves-2027", {})
    toml = course / "halves/assignment.toml"
    toml.write_text(toml.read_text().replace("points = 60", "points = 50") + QUESTIONS)
    answers = {"why_half": "<script>it</script> is *brighter*", "limits": "*Write your answer here.*"}
    notebook = answered(book(SOUND, "NAME = 'canary-elsewhere'"), **answers)
    write_roster(course, {"ada": {HOME: notebook}, "bob": {"halves/solution.py": SOUND}})
    medmark("collect", "halves", "-c", course)
    medmark("grade", "halves", "-c", course, "--yes", "--trust-submissions")
    assert "halves/solution.ipynb: nothing is written in limits; answer there" in told(course, "ada")
    assert "solution.ipynb is not in the commit" in told(course, "bob")
    done = medmark("marking", "halves", "reasons", "-c", course, "--out", tmp_path / "forms", "--markers", "ann")
    assert done.code == 0, done.err
    (text,) = (tmp_path / "forms").rglob("papers/*")
    assert text.read_text() == f"## Why the halves\n\n{answers['why_half']}\n\n## Limits\n\n(no answer)\n"
    page = (text.parents[1] / "pages" / f"{text.stem}.html").read_text()
    assert '<pre class="answer">&lt;script&gt;it&lt;/script&gt; is *brighter*</pre>' in page
    assert "canary-elsewhere" not in page
