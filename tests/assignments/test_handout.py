"""The handout: what students need, nothing of what is hidden, and no overwritten work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.handout import write_handout
from assignments.handout_note import RuntimeFacts, read_note
from assignments.load import hidden_tests, load, public_tests

NUMPY = RuntimeFacts("3.11", {"numpy": "2.0"}, ("numpy",))
TOML = """\
id = "sides"
title = "Left or right"
task = "classification"
frameworks = ["numpy"]
[data]
source = "points.py"
train = 6
test = 4
[run]
mode = "retrain"
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 3
"""

POINTS = """\
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float64", "1"), "y": Axes("int64", "", role="truth")}

def draw(n, rng):
    return {"x": rng.normal(size=(n, 1)), "y": np.arange(n) % 2, "group": np.array(["a"] * n)}
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    home = tmp_path / "staff"
    for name in ("hidden_tests", "public_tests", "reference", "starter"):
        (home / name).mkdir(parents=True)
    (home / "assignment.toml").write_text(TOML)
    (home / "brief.md").write_text("Left or right?\n")
    (home / "points.py").write_text(POINTS)
    (home / "interface.py").write_text("def side(x: float) -> float: ...\n")
    (home / "misconceptions.toml").write_text("")
    (home / "reference" / "solution_numpy.py").write_text('FRAMEWORK = "numpy"\n')
    (home / "starter" / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    test = 'def test_side(student):\n    """Says which side."""\n'
    (home / "hidden_tests" / "test_side.py").write_text(f"import pytest\n@pytest.mark.points(3)\n{test}")
    (home / "public_tests" / "test_public.py").write_text(test)
    return load(home)


def test_students_get_what_they_need_and_nothing_hidden(assignment: Assignment, tmp_path: Path) -> None:
    written = write_handout(assignment, tmp_path / "out", {"numpy": NUMPY}, "0.1.0")
    folder = tmp_path / "out" / "sides"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "assignment.toml",
        "brief.md",
        "data/train.npz",
        "data/val.npz",
        "handout.json",
        "interface.py",
        "public_tests/test_public.py",
        "solution.py",
    ]
    assert sorted(path.relative_to(folder.parent).as_posix() for path in written) == sorted(
        ["sides-data.zip", *(f"sides/{name}" for name in names)]
    )
    note = read_note(folder)
    assert (note.assignment, note.medmark, note.runtimes) == ("sides", "0.1.0", {"numpy": NUMPY})


def test_the_training_cases_are_the_published_ones(assignment: Assignment, tmp_path: Path) -> None:
    write_handout(assignment, tmp_path / "one")
    write_handout(assignment, tmp_path / "two")
    first, second = (np.load(tmp_path / name / "sides" / "data" / "train.npz") for name in ("one", "two"))
    assert first.files == ["x", "y"]
    assert first["x"].shape == (5, 1)  # of six, one is for validation
    assert (first["x"] == second["x"]).all()


def test_a_handout_can_be_loaded_for_its_public_tests(assignment: Assignment, tmp_path: Path) -> None:
    write_handout(assignment, tmp_path)
    handed_out = load(tmp_path / "sides")
    assert [test.id for test in public_tests(handed_out)] == ["test_public.py::test_side"]
    assert hidden_tests(handed_out) == ()


def test_a_handout_never_overwrites_work(assignment: Assignment, tmp_path: Path) -> None:
    write_handout(assignment, tmp_path)
    (tmp_path / "sides" / "solution.py").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        write_handout(assignment, tmp_path)
    assert (tmp_path / "sides" / "solution.py").read_text() == "mine"
