"""Calibration and rehearsal through the real engine: a small assignment in NumPy, in the local sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assignments.errors import UserError
from assignments.load import load
from graders.authoring import calibrate as calibration
from graders.authoring.bench import drawn, opener, share_of
from graders.authoring.calibrate import calibrate, gaps, key_of, stored
from graders.authoring.rehearse import rehearse_folder
from graders.record.standing import standing

TOML = """\
id = "sides"
title = "Left or right"
task = "classification"
frameworks = ["numpy"]
[data]
source = "points.py:points"
train = 60
test = 80
per_call = 64
[run]
mode = "retrain"
seeds = 3
budget_cpu_s = 5
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 3
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 7
metric = "balanced_accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
"""

POINTS = """\
import numpy as np

def points(n, rng):
    y = np.arange(n, dtype=np.uint8) % 2
    x = rng.normal(3.0 * y, 1.0).astype(np.float32)
    return {"x": x[:, None], "y": y}
"""

INTERFACE = """\
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 1"]
class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 1"]
    y: UInt8[np.ndarray, "n"]
class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]

def sigmoid(z: Float[np.ndarray, "n"]) -> Annotated[Float[np.ndarray, "n"], Range(0, 1)]: ...
def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""

REFERENCE = '''\
"""Halfway between the means."""
import numpy as np

FRAMEWORK = "numpy"

class Cut:
    def __init__(self, at):
        self.at = at

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def fit(train, val, *, seed, budget_s):
    x, y = train["x"][:, 0], train["y"]
    return Cut((x[y == 0].mean() + x[y == 1].mean()) / 2)

def predict(model, inputs):
    return {"prob": sigmoid(inputs["x"][:, 0] - model.at)}

def save(model, folder):
    raise NotImplementedError

def load(folder):
    raise NotImplementedError
'''

TESTS = '''\
import numpy as np
import pytest
from assignments.testing import close

@pytest.mark.points(3)
def test_sigmoid(student, rng):
    """`sigmoid` is the logistic function."""
    z = rng.normal(0, 3, 7)
    assert close(student.sigmoid(z), 1 / (1 + np.exp(-z)))
'''

MISCONCEPTIONS = """\
[[misconception]]
id = "sign"
title = "Turned round"
edits = [{ find = "np.exp(-z)", replace = "np.exp(z)" }]
fails = ["test_sigmoid.py::test_sigmoid"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "sides"
    for name in ("hidden_tests", "reference", "starter"):
        (home / name).mkdir(parents=True)
    (home / "assignment.toml").write_text(TOML)
    (home / "brief.md").write_text("Left or right?\n")
    (home / "points.py").write_text(POINTS)
    (home / "interface.py").write_text(INTERFACE)
    (home / "misconceptions.toml").write_text(MISCONCEPTIONS)
    (home / "reference" / "solution_numpy.py").write_text(REFERENCE)
    (home / "starter" / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    (home / "hidden_tests" / "test_sigmoid.py").write_text(TESTS)
    return home


def test_a_calibrated_assignment_proves_itself_in_the_local_sandbox(folder: Path) -> None:
    heard: list[str] = []
    rehearsal = rehearse_folder(folder, calibrate=True, told=lambda text, done, of: heard.append(text))
    assert rehearsal.gaps == ()
    assert rehearsal.references == {"numpy": (3, 3)}
    assert rehearsal.proofs[0].mutants == 5
    assert rehearsal.shares["starter/solution.py"] == 0
    assert rehearsal.shares["baseline: the training set's frequencies"] == 0
    assert heard[:6] == [*(f"numpy: draw {n}" for n in range(1, 6)), "numpy: reference"]

    found, _ = stored(load(folder))
    assert found is not None
    (scores,) = found.references["numpy"].values()
    # Two unit normals three apart: the best cut is right with probability Phi(1.5) = 0.933.
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(0.933, abs=0.03)
    # The standard error of a share of 80 at 0.933 is sqrt(.933 * .067 / 80) = 0.028.
    assert found.standard_error["accuracy"] == pytest.approx(0.028, abs=0.01)
    assert found.versions["numpy"]["numpy"] == np.__version__
    lines = "\n".join(rehearsal.lines())
    assert "calibration of accuracy in numpy: 0." in lines
    assert "anchors it speaks for: { trivial = 0.500, pass = 0." in lines
    assert lines.endswith("The assignment proves itself.")
    assert standing(load(folder)).holds


def test_validation_cases_reach_the_references_in_rehearsal_and_calibration(folder: Path) -> None:
    (folder / "assignment.toml").write_text(TOML.replace("train = 60", "train = 60\nval = 20"))
    checked = 'assert [len(a["y"]) for a in (train, val)] == [40, 20]'
    reference = REFERENCE.replace("    x, y = train", f"    {checked}\n    x, y = train")
    (folder / "reference" / "solution_numpy.py").write_text(reference)
    rehearsal = rehearse_folder(folder, calibrate=True)
    assert rehearsal.gaps == ()
    assert rehearsal.references == {"numpy": (3, 3)}
    found, _ = stored(load(folder))
    assert found is not None
    assert np.mean(found.references["numpy"]["accuracy"]) == pytest.approx(0.933, abs=0.03)


def test_words_do_not_make_a_calibration_stale_but_code_does(folder: Path) -> None:
    before = key_of(load(folder))
    path = folder / "reference" / "solution_numpy.py"
    path.write_text("# A comment.\n\n" + REFERENCE)
    assert key_of(load(folder)) == before
    path.write_text(REFERENCE.replace("/ 2)", "/ 2.5)"))
    assert key_of(load(folder)) != before
    path.write_text(REFERENCE)
    for name, old, new in (
        ("points.py", "3.0", "2.0"),
        ("assignment.toml", "test = 80", "test = 90"),
        ("assignment.toml", "budget_cpu_s = 5", "budget_cpu_s = 6"),
        ("assignment.toml", '"balanced_accuracy"', '"macro_f1"'),
    ):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(old, new))
        assert key_of(load(folder)) != before, name
        (folder / name).write_text(text)
    moved = TOML.replace("distinction = 0.8", "distinction = 0.85")
    (folder / "assignment.toml").write_text(moved)
    assert key_of(load(folder)) == before


def write_calibration(folder: Path, scores: list[float], **changes: object) -> None:
    document = {
        "key": key_of(load(folder)),
        "references": {"numpy": {"accuracy": scores}},
        "baselines": {"blind": {"accuracy": [0.5, 0.55, 0.5]}},
        "standard_error": {"accuracy": 0.03},
        "cpu_s": {"numpy": [0.1] * 5},
        "versions": {"numpy": {"numpy": "2"}},
    }
    (folder / "calibration.json").write_text(json.dumps({**document, **changes}))


def test_what_a_calibration_does_not_prove_is_told_with_the_command(folder: Path) -> None:
    assignment = load(folder)
    command = "medmark rehearse sides --calibrate"
    assert [(gap.what, gap.cure) for gap in gaps(assignment)] == [("is missing", command)]
    (folder / "calibration.json").write_text("{")
    assert "cannot be read" in gaps(assignment)[0].what
    write_calibration(folder, [0.9], key="another")
    assert [gap.cure for gap in gaps(assignment)] == [command]
    assert "other references, data, run or metrics" in gaps(assignment)[0].what
    write_calibration(folder, [0.9], references={})
    assert [(gap.about, gap.what) for gap in gaps(assignment)] == [("numpy", "was not calibrated")]
    write_calibration(folder, [0.9, 0.79, 0.85])
    assert [gap.what for gap in gaps(assignment)] == [
        "scores 0.7900 in balanced_accuracy on calibration draw 2; distinction is 0.8"
    ]
    write_calibration(folder, [0.9, 0.8, 0.85])
    assert gaps(assignment) == []


def test_proposed_anchors_follow_the_rule(folder: Path) -> None:
    write_calibration(folder, [0.90, 0.86, 0.88])
    *_, anchors = calibration.proposal(load(folder))
    # Distinction .86 - .03, pass .50 + .03, merit half-way, reference the median, ceiling twice its lead beyond it.
    assert anchors == (
        "  anchors it speaks for: { trivial = 0.500, pass = 0.530, merit = 0.680, distinction = 0.830,"
        " reference = 0.880, ceiling = 0.980 }"
    )
    write_calibration(folder, [0.55, 0.55, 0.55])
    assert "does not tell references from baselines" in list(calibration.proposal(load(folder)))[-1]


def test_a_reference_that_fails_is_told_with_its_reason(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace("    x, y = train", "    1 / 0\n    x, y = train"))
    with pytest.raises(UserError, match=r"(?s)solution_numpy.py, draw 1: in fit: the call raised.*ZeroDivisionError"):
        calibrate(load(folder))


def test_a_reference_that_leaves_cases_out_is_told(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace("inputs[\"x\"][:, 0] - model.at", "np.full(len(inputs[\"x\"]), np.nan)"))
    with pytest.raises(UserError, match="draw 1: 80 cases without an answer: the answer holds NaN"):
        calibrate(load(folder))


def test_scores_that_are_all_the_same_have_no_error(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace("inputs[\"x\"][:, 0] - model.at", "np.zeros(len(inputs[\"x\"]))"))
    found = calibrate(load(folder))
    assert found.references["numpy"]["accuracy"] == [0.5] * 5
    assert found.standard_error["accuracy"] == 0


def test_a_framework_that_is_not_offered_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="sides is not offered in pytorch: numpy"):
        rehearse_folder(folder, frameworks=["pytorch"])


def test_the_bench_scores_as_a_mark_does(folder: Path) -> None:
    assignment = load(folder)
    with opener(assignment)("numpy") as bench:
        (folder / "reference" / "solution.py").write_text(REFERENCE)
        documents, answers = bench.scores(assignment, folder / "reference", draw=0)
    assert answers["verdict"] == "passed"
    # Merit, .70, is worth .60 of the points and distinction, .80, .70: see DESIGN section 4.
    assert share_of(assignment, {"accuracy": {**documents["accuracy"], "score": 0.75}}) == pytest.approx(0.65)


def test_cases_that_cannot_be_drawn_are_the_authors_to_mend_and_no_traceback(folder: Path) -> None:
    text = (folder / "interface.py").read_text()
    (folder / "interface.py").write_text(text.replace("x: ", "y: ", 1))
    with pytest.raises(UserError, match=r"could not be drawn. y is the truth: take it out of the inputs"):
        drawn(load(folder), calibration.read_interface(folder / "interface.py"), 0)
