"""Calibration and rehearsal through the real engine: a small assignment in NumPy, in the local sandbox."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from assignments.errors import UserError
from assignments.files import replace_file
from assignments.interface import read_interface
from assignments.load import load
from graders.authoring import calibrate as calibration
from graders.authoring.anchors import proposal
from graders.authoring.bench import LocalBench, drawn, opener, share_of
from graders.authoring.calibrate import calibrate, gaps
from graders.authoring.rehearse import rehearse_folder
from graders.authoring.splitting import proposed_split
from graders.record.calibration import (
    BASELINES,
    CALIBRATION_DRAWS,
    CALIBRATION_FILE,
    fresh_calibration,
    score_origins,
    stored_calibration,
)
from graders.record.proof_status import proof_status
from tests.assignments.data.finite_source import SCANS
from tests.assignments.data.scans_folder import write_folder

TOML = """\
id = "sides"
title = "Left or right"
task = "classification"
frameworks = ["numpy"]
[data]
source = "points.py"
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

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "1"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where answers are stored during a test."""
    monkeypatch.delenv("MEDMARK_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "sides"
    for name in ("hidden_tests", "reference", "starter", "proofs"):
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
    steps: list[str] = []
    rehearsal = rehearse_folder(folder, calibrate=True, on_progress=lambda text, done, of: steps.append(text))
    assert rehearsal.gaps == ()
    assert rehearsal.references == {"numpy": (3, 3)}
    assert rehearsal.proofs[0].mutants == 5
    assert rehearsal.shares["starter/solution.py"] == 0
    assert rehearsal.shares["baseline: the training set's frequencies"] == 0
    assert steps[:5] == [f"numpy: draw {n}" for n in range(1, 6)]
    assert "numpy: reference" in steps[5:7]  # beside the only misconception

    calibrated, _ = stored_calibration(load(folder))
    assert calibrated is not None
    (scores,) = calibrated.references["numpy"].values()
    # Two unit normals three apart: the best cut is right with probability Phi(1.5) = 0.933.
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(0.933, abs=0.03)
    # The standard error of a share of 80 at 0.933 is sqrt(.933 * .067 / 80) = 0.028.
    assert calibrated.standard_error["accuracy"] == pytest.approx(0.028, abs=0.01)
    assert calibrated.versions["numpy"]["numpy"] == np.__version__
    lines = "\n".join(rehearsal.lines())
    assert "calibration of accuracy in numpy: 0." in lines
    assert "anchors that it suggests: { trivial = 0.500, pass = 0." in lines
    assert lines.endswith("The assignment is proven.")
    assert proof_status(load(folder)).holds


def test_validation_cases_reach_the_references_in_rehearsal_and_calibration(folder: Path) -> None:
    (folder / "assignment.toml").write_text(TOML.replace("train = 60", "train = 60\nval = 20"))
    checked = 'assert [len(a["y"]) for a in (train, val)] == [40, 20]'
    reference = REFERENCE.replace("    x, y = train", f"    {checked}\n    x, y = train")
    (folder / "reference" / "solution_numpy.py").write_text(reference)
    rehearsal = rehearse_folder(folder, calibrate=True)
    assert rehearsal.gaps == ()
    assert rehearsal.references == {"numpy": (3, 3)}
    calibrated, _ = stored_calibration(load(folder))
    assert calibrated is not None
    assert np.mean(calibrated.references["numpy"]["accuracy"]) == pytest.approx(0.933, abs=0.03)


def changes(folder: Path, name: str, text: str) -> set[str]:
    """What a file's new text makes old in the scores of the reference; the file is as before afterwards."""
    path = folder / name
    before, text_before = score_origins(load(folder), "numpy"), path.read_text()
    path.write_text(text)
    after = score_origins(load(folder), "numpy")
    path.write_text(text_before)
    return {part for part in before if before[part] != after[part]}


def test_each_change_makes_old_what_follows_from_it_and_words_nothing(folder: Path) -> None:
    reference = "reference/solution_numpy.py"
    assert changes(folder, reference, "# A comment.\n\n" + REFERENCE) == set()
    assert changes(folder, reference, REFERENCE.replace("/ 2)", "/ 2.5)")) == {"training"}
    assert changes(folder, "points.py", POINTS.replace("3.0", "2.0")) == {"drawing"}
    (folder / "labels.csv").write_text("0\n")
    assert changes(folder, "labels.csv", "1\n") == {"drawing"}
    for old, new, stale in (
        ("test = 80", "test = 90", {"drawing"}),
        ("budget_cpu_s = 5", "budget_cpu_s = 6", {"training"}),
        ('"balanced_accuracy"', '"macro_f1"', {"criteria", "scoring"}),
        ("distinction = 0.8", "distinction = 0.85", set()),
        ("seeds = 3", "seeds = 4", set()),
    ):
        assert changes(folder, "assignment.toml", TOML.replace(old, new)) == stale, old


def write_calibration(folder: Path, scores: list[float], **changes: object) -> None:
    document = {
        "made_by": {name: score_origins(load(folder), name) for name in ("numpy", BASELINES)},
        "references": {"numpy": {"accuracy": scores}},
        "baselines": {"blind": {"accuracy": [0.5, 0.55, 0.5]}},
        "standard_error": {"accuracy": 0.03},
        "cpu_s": {"numpy": [0.1] * 5},
        "versions": {"numpy": {"numpy": "2"}},
    }
    (folder / CALIBRATION_FILE).write_text(json.dumps({**document, **changes}))


def test_what_a_calibration_does_not_prove_is_shown_with_the_command(folder: Path) -> None:
    assignment = load(folder)
    command = "medmark rehearse sides --calibrate"
    assert [(gap.what, gap.cure) for gap in gaps(assignment)] == [("is missing", command)]
    (folder / CALIBRATION_FILE).write_text("{")
    assert "cannot be read" in gaps(assignment)[0].what
    now = score_origins(assignment, "numpy")
    write_calibration(folder, [0.9], made_by={"numpy": {**now, "scoring": "another"}, BASELINES: now})
    assert [(gap.about, gap.what, gap.cure) for gap in gaps(assignment)] == [
        ("numpy", "its scores are old: scoring changed", command)
    ]
    write_calibration(folder, [0.9], made_by={}, key="of an older version")
    assert [(gap.about, gap.cure) for gap in gaps(assignment)] == [(BASELINES, command), ("numpy", command)]
    write_calibration(folder, [0.9], references={})
    assert [(gap.about, gap.what) for gap in gaps(assignment)] == [("numpy", "was not calibrated")]
    write_calibration(folder, [0.85, 0.79, 0.84])
    assert [gap.what for gap in gaps(assignment)] == [
        "scores 0.7900 in balanced_accuracy on calibration draw 2; distinction is 0.8"
    ]
    write_calibration(folder, [0.9, 0.82, 0.88])
    assert gaps(assignment) == []


def test_numpy_has_to_prove_itself_where_it_is_named_first(folder: Path) -> None:
    named = {
        ("numpy", "pytorch"): ("numpy", "pytorch"),
        ("pytorch", "numpy", "tensorflow"): ("pytorch", "tensorflow"),
        ("numpy",): ("numpy",),
    }
    assignment = load(folder)
    for frameworks, proving in named.items():
        asked_in = assignment.model_copy(update={"frameworks": frameworks})
        assert calibration.proving_frameworks(asked_in) == proving


def test_proposed_anchors_follow_the_rule(folder: Path) -> None:
    write_calibration(folder, [0.90, 0.86, 0.88])
    *_, anchors = proposal(load(folder))
    # Distinction .86 - .03, pass .50 + .03, merit half-way, reference the median, ceiling twice its lead beyond it.
    assert anchors == (
        "  anchors that it suggests: { trivial = 0.500, pass = 0.530, merit = 0.680, distinction = 0.830,"
        " reference = 0.880, ceiling = 0.980 }"
    )
    write_calibration(folder, [0.55, 0.55, 0.55])
    assert list(proposal(load(folder)))[-1].startswith(
        "  it suggests no anchors: the task does not tell references from baselines (pass would be 0.530, "
        "distinction 0.520). Enlarge the hidden set"
    )


def test_runs_that_are_all_perfect_leave_no_room_for_anchors(folder: Path) -> None:
    write_calibration(folder, [1.0, 1.0, 1.0], standard_error={"accuracy": 0.0})
    assert list(proposal(load(folder)))[-1].startswith(
        "  it suggests no anchors: they would leave no room for better and worse (trivial = 0.500, pass = 0.500,"
    )


def test_own_baselines_raise_the_pass_anchor_and_one_that_beats_the_references_is_named(folder: Path) -> None:
    write_calibration(folder, [0.90, 0.86, 0.88], own_baselines={"baseline_zero": {"accuracy": [0.75, 0.70, 0.76]}})
    # Pass is the better of .50 and .75, plus .03; the trivial anchor stays what a blind answer scores.
    *_, of_zero, anchors = proposal(load(folder))
    assert of_zero == "calibration of accuracy by baseline_zero: 0.7500, 0.7000, 0.7600"
    assert "trivial = 0.500, pass = 0.780, merit = 0.805, distinction = 0.830," in anchors
    write_calibration(folder, [0.90, 0.86, 0.88], own_baselines={"baseline_zero": {"accuracy": [0.89, 0.89, 0.89]}})
    *_, beaten, anchors = proposal(load(folder))
    assert beaten == "  baseline_zero beats the references: 0.8900 against 0.8800 in the median"
    assert "it suggests no anchors" in anchors


@pytest.mark.parametrize(
    ("run", "redraw", "spread"),
    [
        # Runs of .90, .80 and .85 spread by .10; from pass, .60, to their median it is .25, of which a third is .083.
        ('mode = "retrain"\nseeds = 3', "", "0.100"),
        # Three repeats with data of their own: the median keeps sqrt(pi / 6) = .72 of the spread, .072; the mean .058.
        ('mode = "retrain"\nseeds = 3', "\nredraw = true", None),
        ('mode = "retrain"\nseeds = 3\ncombine = "mean"', "\nredraw = true", None),
        # Of two repeats the median is the mean: it keeps .071. One repeat keeps all.
        ('mode = "retrain"\nseeds = 2', "\nredraw = true", None),
        ('mode = "retrain"\nseeds = 1', "\nredraw = true", "0.100"),
        ('mode = "weights"', "", "0.100"),
    ],
)
def test_a_reference_that_spreads_over_a_third_of_its_lead_on_a_pass_is_a_gap(
    folder: Path, run: str, redraw: str, spread: str | None
) -> None:
    toml = TOML.replace('mode = "retrain"\nseeds = 3', run).replace("per_call = 64", f"per_call = 64{redraw}")
    (folder / "assignment.toml").write_text(toml)
    write_calibration(folder, [0.90, 0.80, 0.85])
    shown = [gap for gap in gaps(load(folder)) if gap.about == "numpy"]
    if spread is None:
        assert shown == []
    else:
        (gap,) = shown
        assert gap.what.startswith(
            f"marks in balanced_accuracy spread by {spread} from draw to draw, more than a third"
        )
        assert "drop the criterion" in gap.cure


def test_a_criterion_that_came_after_the_calibration_has_no_proposal_yet(folder: Path) -> None:
    write_calibration(folder, [0.90, 0.86, 0.88])
    second = TOML[TOML.index('[[criterion]]\nid = "accuracy"') :].replace('"accuracy"', '"again"', 1)
    (folder / "assignment.toml").write_text(TOML + second)
    assert [line.split()[2] for line in proposal(load(folder)) if "calibration of" in line] == ["accuracy"]


@pytest.mark.parametrize("change", [
    {"references": None}, {"references": {"numpy": {"accuracy": ["0.9"]}}}, {"made_by": []}, {"cpu_s": None},
    {"references": {"numpy": {"accuracy": [float("nan")] * 5}}}, {"baselines": {"blind": {"accuracy": [float("nan")]}}},
    {"standard_error": {"accuracy": "0.03"}}, {"surprise": 1},
])  # fmt: skip
def test_a_calibration_with_a_wrong_value_cannot_be_read_and_proves_nothing(
    folder: Path, change: dict[str, object]
) -> None:
    write_calibration(folder, [0.9] * 5, **change)
    assignment = load(folder)
    assert "cannot be read" in gaps(assignment)[0].what
    assert fresh_calibration(assignment) is None
    assert list(proposal(assignment)) == []


def test_a_reference_that_fails_is_reported_with_its_reason(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace("    x, y = train", "    1 / 0\n    x, y = train"))
    with pytest.raises(UserError, match=r"(?s)solution_numpy.py, draw 1: in fit: the call raised.*ZeroDivisionError"):
        calibrate(load(folder))


def test_a_reference_that_leaves_cases_out_is_reported(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace('inputs["x"][:, 0] - model.at', 'np.full(len(inputs["x"]), np.nan)'))
    with pytest.raises(UserError, match="draw 1: 80 cases without an answer: the answer holds NaN"):
        calibrate(load(folder))


def test_scores_that_are_all_the_same_have_no_error(folder: Path) -> None:
    path = folder / "reference" / "solution_numpy.py"
    path.write_text(REFERENCE.replace('inputs["x"][:, 0] - model.at', 'np.zeros(len(inputs["x"]))'))
    result = calibrate(load(folder))
    assert result.references["numpy"]["accuracy"] == [0.5] * 5
    assert result.standard_error["accuracy"] == 0


def test_a_framework_that_is_not_offered_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="sides is not offered in pytorch: numpy"):
        rehearse_folder(folder, frameworks=["pytorch"])


def test_the_bench_scores_as_a_mark_does(folder: Path) -> None:
    assignment = load(folder)
    with opener(assignment)("numpy") as bench:
        (folder / "reference" / "solution.py").write_text(REFERENCE)
        scores, answers = bench.scores(assignment, folder / "reference", draw=0)
    assert answers.verdict == "passed"
    # Merit, .70, is worth .60 of the points and distinction, .80, .70: see DESIGN section 4.
    score = scores["accuracy"]
    at = dataclasses.replace(score, measured=dataclasses.replace(score.measurement, score=0.75))
    assert share_of(assignment, {"accuracy": at}) == pytest.approx(0.65)


def test_cases_that_cannot_be_drawn_are_the_authors_to_mend_and_no_traceback(folder: Path) -> None:
    text = (folder / "interface.py").read_text()
    (folder / "interface.py").write_text(text.replace("x: ", "y: ", 1))
    with pytest.raises(UserError, match=r"could not be drawn. y is the truth: take it out of the inputs"):
        drawn(load(folder), read_interface(folder / "interface.py"), 0)


UNDER = """
from dataclasses import replace

from graders.metrics import METRICS

metric = replace(METRICS["balanced_accuracy"], name="mine")
"""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The draws that a reference was trained on, in order."""
    draws: list[int] = []
    answers = LocalBench.answers

    def counted(self, assignment, solution, hidden, *, draw):  # type: ignore[no-untyped-def]
        draws.append(draw)
        return answers(self, assignment, solution, hidden, draw=draw)

    monkeypatch.setattr(LocalBench, "answers", counted)
    return draws


def scoring_changed(folder: Path) -> None:
    """As if the stored scores had been made by other code of the toolkit."""
    document = json.loads((folder / CALIBRATION_FILE).read_text())
    document["made_by"]["numpy"]["scoring"] = "of other code"
    (folder / CALIBRATION_FILE).write_text(json.dumps(document))


def test_a_changed_metric_scores_stored_answers_again_and_trains_nothing(folder: Path, trained: list[int]) -> None:
    (folder / "mine.py").write_text(UNDER)
    toml = TOML.replace('"balanced_accuracy"', '"mine.py:metric"')
    (folder / "assignment.toml").write_text(toml)
    before = calibrate(load(folder)).references["numpy"]["accuracy"]
    assert trained == [0, 1, 2, 3, 4]
    assert gaps(load(folder)) == []
    half = 'def half(*given):\n    return METRICS["balanced_accuracy"].compute(*given) / 2\n\n\nmetric'
    halved = UNDER.replace('"],', '"], compute=half, resampled=None,').replace("\nmetric", f"\n{half}")
    (folder / "mine.py").write_text(halved)
    assert [gap.what for gap in gaps(load(folder))] == [
        "were scored on other cases or by other code", "its scores are old: criteria changed"
    ]  # fmt: skip
    after = calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4]
    assert after.references["numpy"]["accuracy"] == pytest.approx([value / 2 for value in before], abs=1e-5)
    assert after.baselines["the training set's frequencies"]["accuracy"] == [0.25] * 5
    assert gaps(load(folder)) != []  # the anchors are of the whole metric


ZERO = '''\
"""A cut at zero.

It uses no training case.
"""
FRAMEWORK = "numpy"

def fit(train, val, *, seed, budget_s):
    return 0.0

def predict(model, inputs):
    return {"prob": (inputs["x"][:, 0] > model).astype(float)}
'''


def test_an_own_baseline_is_trained_and_scored_as_a_reference_is(
    folder: Path, cache: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate(load(folder))
    (folder / "baseline_zero.py").write_text(ZERO)
    assert [(gap.about, gap.what) for gap in gaps(load(folder))] == [("baseline_zero", "was not calibrated")]
    trained.clear()
    scores = calibrate(load(folder)).own_baselines["baseline_zero"]["accuracy"]
    # It is right for half of the cases around 0, and for Phi(3) = 0.9987 of those around 3.
    assert trained == [0, 1, 2, 3, 4]
    assert np.mean(scores) == pytest.approx(0.749, abs=0.03)
    assert gaps(load(folder)) == []
    assert {path.parent.name for path in cache.rglob("*.npz")} == {"numpy", "baseline_zero"}

    (folder / "baseline_zero.py").write_text(ZERO.replace("return 0.0", "return 1.5"))
    assert [(gap.about, gap.what) for gap in gaps(load(folder))] == [
        ("baseline_zero", "its scores are old: training changed")
    ]
    assert fresh_calibration(load(folder)).own_baselines == {}  # type: ignore[union-attr]
    scores = calibrate(load(folder)).own_baselines["baseline_zero"]["accuracy"]
    assert np.mean(scores) == pytest.approx(0.933, abs=0.03)
    assert trained == [0, 1, 2, 3, 4] * 2

    (folder / "baseline_zero.py").unlink()
    assert calibrate(load(folder)).own_baselines == {}


def test_a_baseline_that_gives_no_model_is_an_error_that_names_its_file(folder: Path) -> None:
    (folder / "baseline_zero.py").write_text(ZERO.replace("return 0.0", "raise ValueError"))
    with pytest.raises(UserError, match=r"baseline_zero\.py, draw 1: .*ValueError"):
        calibrate(load(folder))


def test_a_calibration_that_was_cut_off_goes_on_where_it_was(folder: Path, cache: Path, trained: list[int]) -> None:
    calibrate(load(folder))
    (folder / CALIBRATION_FILE).unlink()
    newest = max(cache.rglob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4, 4]


def unwritable(monkeypatch: pytest.MonkeyPatch, number: int, *names: str) -> None:
    """Files of these names cannot be written for this reason."""
    for module in ("graders.authoring.calibrate", "graders.record.proof_status"):

        def refused(path: Path, content: str) -> None:
            if path.name in map(os.path.basename, names):
                raise OSError(number, os.strerror(number), str(path))
            replace_file(path, content)

        monkeypatch.setattr(f"{module}.replace_file", refused)


def test_a_full_disk_at_the_end_of_a_calibration_is_reported_and_costs_no_training(
    folder: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        unwritable(disk, errno.ENOSPC, CALIBRATION_FILE)
        with pytest.raises(UserError, match=r"calibration\.json: cannot be written \(No space left on device\)"):
            calibrate(load(folder))
    calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4]


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_trained(
    folder: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # a test may run as root, who may write everywhere
    with pytest.raises(UserError, match="may not be written"):
        calibrate(load(folder))
    assert trained == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.slow
def test_a_rehearsal_that_cannot_be_stored_is_shown_with_that_gap(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    unwritable(monkeypatch, number, "rehearsal.json")
    rehearsal = rehearse_folder(folder)
    assert [gap.what for gap in rehearsal.gaps if gap.about == "proofs/rehearsal.json"] == [
        f"could not be stored ({os.strerror(number)})"
    ]
    assert not proof_status(load(folder)).holds


@pytest.mark.parametrize("damage", [b"", b"{", b"PK\x03\x04"])
def test_stored_answers_that_cannot_be_read_are_made_anew(
    folder: Path, cache: Path, trained: list[int], damage: bytes
) -> None:
    calibrate(load(folder))
    (folder / CALIBRATION_FILE).unlink()
    for path in cache.rglob("*.npz"):
        path.write_bytes(damage)
    calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4] * 2


def test_without_stored_answers_one_draw_that_agrees_speaks_for_the_stored_scores(
    folder: Path, cache: Path, trained: list[int]
) -> None:
    before = calibrate(load(folder))
    shutil.rmtree(cache)
    scoring_changed(folder)
    after = calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4, 0]
    assert after.references == before.references
    score = before.references["numpy"]["accuracy"][0]
    assert after.accepted == {"numpy": f"draw 1 was trained anew: accuracy {score}, stored {score}"}
    assert gaps(load(folder)) == []


def test_without_stored_answers_a_draw_that_disagrees_trains_them_all(
    folder: Path, cache: Path, trained: list[int]
) -> None:
    before = calibrate(load(folder))
    shutil.rmtree(cache)
    scoring_changed(folder)
    document = json.loads((folder / CALIBRATION_FILE).read_text())
    # More than one standard error, about 0.028, off what the first draw gives.
    document["references"]["numpy"]["accuracy"][0] -= 0.06
    (folder / CALIBRATION_FILE).write_text(json.dumps(document))
    after = calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert after.references == before.references
    assert after.accepted == {}


def test_a_changed_reference_is_trained_on_every_draw_whatever_is_stored(folder: Path, trained: list[int]) -> None:
    calibrate(load(folder))
    (folder / "reference/solution_numpy.py").write_text(REFERENCE.replace("/ 2)", "/ 2.1)"))
    calibrate(load(folder))
    assert trained == [0, 1, 2, 3, 4] * 2


def test_a_user_without_a_home_calibrates_and_keeps_nothing(
    folder: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graders.authoring.stored_runs.cache_folder", lambda: None)
    calibrate(load(folder))
    assert gaps(load(folder)) == []


def test_only_what_still_holds_is_shown_beside_the_groups(folder: Path) -> None:
    write_calibration(folder, [0.9])
    calibrated = fresh_calibration(load(folder))
    assert calibrated is not None
    assert (set(calibrated.references), set(calibrated.baselines)) == ({"numpy"}, {"blind"})
    scoring_changed(folder)
    calibrated = fresh_calibration(load(folder))
    assert calibrated is not None
    assert (set(calibrated.references), set(calibrated.baselines)) == (set(), {"blind"})
    (folder / "points.py").write_text(POINTS.replace("3.0", "2.0"))
    assert fresh_calibration(load(folder)) is None


def test_patients_are_not_read_anew_for_every_draw(tmp_path):
    counted = 'def open(path):\n    with (path.parent / "opened").open("a") as file:\n        file.write("x")\n'
    folder = write_folder(tmp_path, source=SCANS.replace("def open(path):\n", counted))
    proposed_split(load(folder), "split").write()
    (tmp_path / "opened").unlink()
    rehearse_folder(folder, calibrate=True)
    assert 1 <= len((tmp_path / "opened").read_text()) < CALIBRATION_DRAWS
