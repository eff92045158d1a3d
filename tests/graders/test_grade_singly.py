"""Volumes of different sizes from a folder of patients to a score: real keeper, real worker, no container."""

from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.load import load
from graders import grade
from graders.authoring.splitting import proposed_split
from graders.record.answer_files import load_answers
from tests.jobs import job_here
from tests.ragged_interface import INTERFACE

SOURCE = """
import numpy as np
from assignments.data.source import Axes, Subject

ARRAYS = {
    "image": Axes("float32", "d h w"), "spacing": Axes("float32", "3"), "label": Axes("uint8", "d h w", role="truth"),
}

def open(path):
    return 7

def subjects(opened):
    return [Subject(f"P{number}", part="test" if number < 4 else "train") for number in range(opened)]

def load(opened, subject):
    number = int(subject[1:])
    label = np.zeros((2 + number, 4, 5), np.uint8)
    label[:, 1:3, 1:4] = 1
    noise = np.random.default_rng(number).uniform(0, 0.1, label.shape)
    return {"image": (label + noise).astype(np.float32), "label": label, "spacing": np.float32([2, 1, 1])}
"""
TOML = """
id = "volumes"
title = "Volumes"
task = "segmentation"
frameworks = ["numpy"]
[data]
source = "volumes.py"
test = 4
[run]
mode = "MODE"
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "dice"
anchors = { trivial = 0.1, pass = 0.96, merit = 0.97, distinction = 0.98, reference = 0.99, ceiling = 1.0 }
"""
SOLUTION = """
import numpy as np

def fit(train, val, *, seed, budget_s):
    assert type(train["image"]) is list and {image.shape[1:] for image in train["image"]} == {(4, 5)}
    assert sorted(len(image) for image in train["image"]) == [6, 7, 8]
    return np.mean([image[label > 0].mean() for image, label in zip(train["image"], train["label"])]) / 2

def save(model, folder):
    pass

def load(folder):
    return 0.5

def predict(model, inputs):
    image = inputs["image"]
    if image.shape[1] == 3:
        return {"prob": image[:, :, ::-1] > model - 0.001}  # not the floats that are declared
    right = (image > model).astype(np.float32)
    if image.shape[1] == 5:
        right[:, 0] = 0  # one slice of five is missed
    return {"prob": right}
"""


@pytest.fixture
def volumes(tmp_path, monkeypatch):
    """A function that writes the assignment and a solution: (assignment, solution's folder)."""
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))

    def write(mode: str) -> tuple[Assignment, Path]:
        folder, solution = tmp_path / "volumes", tmp_path / "solution"
        folder.mkdir()
        (solution / "weights").mkdir(parents=True)
        files = {"volumes.py": SOURCE, "interface.py": INTERFACE, "brief.md": "Mark the box.\n"}
        for name, text in {**files, "assignment.toml": TOML.replace("MODE", mode)}.items():
            (folder / name).write_text(text)
        (solution / "solution.py").write_text(SOLUTION)
        assignment = load(folder)
        proposed_split(assignment, "split").write()
        return assignment, solution

    return write


@pytest.mark.parametrize("mode", ["weights", "retrain"])
def test_each_patient_is_scored_in_their_own_size(volumes, tmp_path, mode):
    assignment, solution = volumes(mode)
    job, store = job_here(assignment, solution, tmp_path / "kept", secret=b"s" * 32, repeats=(0,), scores=("accuracy",))
    result = grade.grade(job, store)
    assert result.trouble is None
    measured = result.scores["accuracy"].measured
    by_reason = {case.reason: case.value for case in measured.cases if case.reason}
    assert by_reason == {"wrong_type": 0}
    # Of 2, 3, 4 and 5 slices: right, failed, right, and 4 of 5 slices: 2 * 4 / 9.
    assert sorted(case.value for case in measured.cases) == [0, pytest.approx(8 / 9, abs=1e-12), 1, 1]
    assert measured.score == pytest.approx((2 + 8 / 9) / 4)
    answers = load_answers(tmp_path / "kept", result.answers[0])
    assert sorted(case.shape for case in answers.arrays["prob"]) == [(0,), (2, 4, 5), (4, 4, 5), (5, 4, 5)]


def test_stored_answers_are_scored_again_without_a_void_case_and_without_asking(volumes, tmp_path):
    assignment, solution = volumes("weights")
    stages = {"secret": b"s" * 32, "scores": ("accuracy",)}
    job, store = job_here(assignment, solution, tmp_path / "kept", repeats=(0,), **stages)
    first = grade.grade(job, store)
    failed = next(case.id for case in first.scores["accuracy"].measured.cases if case.reason)
    job, store = job_here(
        assignment, solution, tmp_path / "kept", answers=dict(first.answers), void_cases=(failed,), **stages
    )
    again = grade.grade(job, store)
    assert again.answers == {}
    assert again.scores["accuracy"].measured.score == pytest.approx((2 + 8 / 9) / 3)
    assert np.isclose(first.scores["accuracy"].measured.score * 4, again.scores["accuracy"].measured.score * 3)
