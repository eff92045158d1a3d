"""Notebooks as a person hands them out, and what the real nbgrader makes of them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from assignments.notebook import read_notebook
from tests.nbgrader_oracle import nbgrader, nbgrader_config, with_nbgrader
from tests.small_course import medmark


def test_a_notebook_lies_with_the_wheel_that_its_first_cell_installs(tmp_path: Path) -> None:
    done = medmark("handout", "backprop", tmp_path, "--notebook")
    assert done.code == 0
    notebook, wheel = map(Path, done.out.splitlines())
    assert notebook == tmp_path / "backprop/solution.ipynb"
    install = next(cell for cell in read_notebook(notebook.read_bytes()).cells if cell.kind == "code")
    assert f"%pip install ./{wheel.name}" in install.source


def test_each_framework_has_a_notebook_and_one_can_be_named(tmp_path: Path) -> None:
    done = medmark("handout", "mlp_classifier", tmp_path, "--notebook")
    assert sorted(path.name for path in (tmp_path / "mlp_classifier").glob("*.ipynb")) == [
        "solution.ipynb",
        "solution_numpy.ipynb",
        "solution_tensorflow.ipynb",
    ], done.err
    medmark("handout", "mlp_classifier", tmp_path / "tf", "--notebook", "--framework", "tensorflow")
    (only,) = (tmp_path / "tf/mlp_classifier").glob("*.ipynb")
    assert only.name == "solution.ipynb"
    sources = [cell.source for cell in read_notebook(only.read_bytes()).cells]
    assert any('FRAMEWORK = "tensorflow"' in source for source in sources)


def test_a_notebook_with_answers_lies_apart_from_what_students_get(tmp_path: Path) -> None:
    medmark("handout", "backprop", tmp_path, "--notebook", "--solved")
    (only,) = tmp_path.rglob("*.ipynb")
    assert only == tmp_path / "backprop_numpy_solved.ipynb"
    text = only.read_text()
    assert "NotImplementedError" not in text
    assert "BEGIN SOLUTION" not in text


def test_somebodys_work_is_never_replaced(tmp_path: Path) -> None:
    medmark("handout", "backprop", tmp_path, "--notebook")
    notebook = tmp_path / "backprop/solution.ipynb"
    assert medmark("handout", "backprop", tmp_path, "--notebook").code == 0  # the same again
    notebook.write_text("my work")
    refused = medmark("handout", "backprop", tmp_path, "--notebook")
    assert refused.code == 2
    assert "may be somebody's work" in " ".join(refused.err.split())
    assert notebook.read_text() == "my work"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--solved",), "--solved belongs to --notebook"),
        (("--notebook", "--update"), "--update and --notebook do not go together"),
        (("--notebook", "--solved", "--nbgrader"), "--solved and --nbgrader do not go together"),
        (("--notebook", "--framework", "jax"), "--framework jax: "),
        (("--notebook", "--framework", "pytorch"), "--framework pytorch: "),
    ],
)
def test_what_a_person_can_mend_is_a_sentence(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    refused = medmark("handout", "backprop", tmp_path, *words)
    assert refused.code == 2
    assert text in " ".join(refused.err.split())


@pytest.mark.slow
@with_nbgrader
def test_nbgrader_releases_validates_and_grades_the_source_form(tmp_path: Path) -> None:
    assert medmark("handout", "backprop", tmp_path, "--notebook", "--nbgrader").code == 0
    (tmp_path / "nbgrader_config.py").write_text(nbgrader_config("dl"))
    source = tmp_path / "source/backprop/backprop.ipynb"
    assert "Success! Your notebook passes all the tests." in nbgrader(tmp_path, "validate", source)
    nbgrader(tmp_path, "generate_assignment", "backprop", "--create")
    released = tmp_path / "release/backprop/backprop.ipynb"
    assert "BEGIN SOLUTION" not in released.read_text()
    assert "raise NotImplementedError()" in released.read_text()
    for student, work in (("ada", source), ("bob", released)):
        (tmp_path / "submitted" / student / "backprop").mkdir(parents=True)
        shutil.copy(work, tmp_path / "submitted" / student / "backprop")
    nbgrader(tmp_path, "autograde", "backprop", "--create")
    nbgrader(tmp_path, "generate_feedback", "backprop")
    nbgrader(tmp_path, "export")
    with (tmp_path / "grades.csv").open() as file:
        grades = {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)}
    tests = sum(cell.grading is not None and cell.grading.is_test for cell in read_notebook(source.read_bytes()).cells)
    assert grades == {"ada": (f"{tests}.0", f"{tests}.0"), "bob": ("0.0", f"{tests}.0")}
    assert ":)" in (tmp_path / "feedback/ada/backprop/backprop.html").read_text()
