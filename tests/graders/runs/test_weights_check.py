"""`check` reports weights that do not load or answer, where the public tests alone would pass."""

from __future__ import annotations

import pytest

from assignments.load import load
from graders.intake.static_checks import static_checks
from graders.runs.weights_check import weights_problem
from tests.small_course import SOUND, medmark, write_assignment

READS = """
def load(folder):
    import os
    model = Threshold()
    model.value = float(np.load(os.path.join(folder, "w.npy")))
    return model
"""


@pytest.fixture
def problem_of(tmp_path):
    """The problem of a solution whose `load` reads w.npy, with these files."""
    write_assignment(tmp_path / "halves")
    path = tmp_path / "halves/assignment.toml"
    path.write_text(path.read_text().replace('mode = "retrain"', 'mode = "weights"'))
    assignment = load(tmp_path / "halves")

    def of(source=SOUND + READS, weights=None):
        (tmp_path / "work").mkdir()
        (tmp_path / "work/solution.py").write_text(source)
        if weights is not None:
            (tmp_path / "work/weights").mkdir()
            (tmp_path / "work/weights/w.npy").write_bytes(weights)
        return weights_problem(assignment, tmp_path / "work")

    of.assignment = assignment
    return of


def stored(number):
    """The bytes of np.save: version 1, a header of 118 bytes, one float64."""
    import io

    import numpy as np

    file = io.BytesIO()
    np.save(file, np.float64(number))
    return file.getvalue()


def test_weights_that_load_and_answer_are_no_problem(problem_of):
    assert problem_of(weights=stored(2.0)) is None


@pytest.mark.parametrize(
    ("source", "weights", "words"),
    [
        (SOUND + READS, None, "in load: the call raised an exception (FileNotFoundError), at solution.py:"),
        (SOUND + READS, b"no array", "in load: the call raised an exception (ValueError), at solution.py:"),
        (SOUND.replace("def load", "def lode"), b"", "in load: the required function or class is not in solution.py"),
        (SOUND.replace("np.float32)}", "np.int64)}"), b"", "the answer has the wrong type"),
        (SOUND.replace("model.value)", "model.mean)"), b"", "the call raised an exception (AttributeError)"),
    ],
)
def test_weights_that_do_not_load_or_answer_are_reported_with_the_reason(problem_of, source, weights, words):
    assert problem_of(source, weights).startswith(words)


def test_a_hand_in_without_any_weights_is_reported_before_it_runs(problem_of, tmp_path):
    problem_of()
    (problem,) = static_checks(tmp_path / "work", problem_of.assignment, lambda _: None).problems
    assert problem == "weights/ holds no file, but load() gets that folder: git add -f weights/, commit and push"


def test_the_training_cases_of_a_handout_are_taken_where_they_lie(problem_of):
    import numpy as np

    (problem_of.assignment.folder / "data").mkdir()
    np.savez(problem_of.assignment.folder / "data/train.npz", x=np.ones((5, 4), np.float32), y=np.ones(5, np.uint8))
    (problem_of.assignment.folder / "rows.py").write_text("def rows(n, rng): raise AssertionError('not drawn')\n")
    assert problem_of(weights=stored(2.0)) is None


def test_training_cases_that_are_a_file_each_are_tried_too(problem_of):
    import numpy as np

    (problem_of.assignment.folder / "data/train").mkdir(parents=True)
    for number in range(3):
        file = problem_of.assignment.folder / f"data/train/{number:04d}.npz"
        np.savez(file, x=np.full(4, number, np.float32), y=np.uint8(1))
    (problem_of.assignment.folder / "rows.py").write_text("def rows(n, rng): raise AssertionError('not drawn')\n")
    assert problem_of(weights=stored(2.0)) is None


def test_the_check_fails_where_only_the_weights_do(problem_of, tmp_path):
    problem_of()
    process = medmark("check", tmp_path / "halves", "--folder", "work", cwd=tmp_path)
    assert process.code == 1
    assert "1 of 1 public tests passed" in process.out
    assert ":( `load` reads the weights, and `predict` answers for two training cases." in process.out
    assert "FileNotFoundError" in process.out
