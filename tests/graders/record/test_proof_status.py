"""An assignment's proof status: the stored rehearsal, and what makes it old."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.data.split import Split, SplitRow, write_split
from assignments.folders import catalogue
from assignments.load import folder_digest, load
from graders.authoring import calibrate as calibration
from graders.record.calibration import CALIBRATION_FILE
from graders.record.patterns import PATTERNS_FILE, store_patterns
from graders.record.proof_status import (
    REHEARSAL_FILE,
    changes,
    proof_status,
    recorded_patterns,
    rehearsal_origins,
    store_rehearsal,
)
from graders.record.rehearsal import Gap, Pattern, Rehearsal
from tests.loaded import of_catalogue

TOML = """\
id = "essay"
title = "Essay"
task = "classification"
[data]
source = "breast_cancer"
train = 1
test = 1
[run]
mode = "weights"
[[criterion]]
id = "essay"
kind = "person"
points = 100
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "assignment.toml").write_text(TOML)
    (tmp_path / "brief.md").write_text("Write.\n")
    (tmp_path / "points.py").write_text("A = 1\n")
    return load(tmp_path)


def rehearsal(*gaps: Gap) -> Rehearsal:
    return Rehearsal("essay", "Essay", False, "", {}, (), {}, {}, gaps)


def test_an_assignment_that_was_never_rehearsed_is_not_proven(assignment: Assignment) -> None:
    status = proof_status(assignment)
    assert (status.rehearsed_at, status.holds, status.gaps) == (None, False, ("it has not been rehearsed",))


def test_a_rehearsed_assignment_is_proven_and_shows_its_gaps(assignment: Assignment) -> None:
    store_rehearsal(assignment, rehearsal(Gap("mutant", "test_a", "passes", "ask more")))
    status = proof_status(assignment)
    assert status.holds
    assert status.as_json()["gaps"] == ["test_a: passes; ask more"]


def test_a_rehearsal_that_did_not_pass_proves_nothing(assignment: Assignment) -> None:
    store_rehearsal(assignment, rehearsal(Gap("starter", "starter", "is missing", "write it", "every assignment")))
    assert (proof_status(assignment).fresh, proof_status(assignment).holds) == (True, False)


def test_code_makes_a_rehearsal_old_and_words_do_not(assignment: Assignment) -> None:
    store_rehearsal(assignment, rehearsal())
    (assignment.folder / "brief.md").write_text("Write well.\n")
    (assignment.folder / "points.py").write_text("# One.\nA = 1\n")
    assert proof_status(assignment).fresh
    (assignment.folder / "points.py").write_text("A = 2\n")
    assert not proof_status(assignment).fresh


def test_an_old_rehearsal_says_which_files_changed_came_and_went(assignment: Assignment) -> None:
    (assignment.folder / "gone.py").write_text("A = 1\n")
    store_rehearsal(assignment, rehearsal())
    assert proof_status(assignment).why_not == ""
    (assignment.folder / "points.py").write_text("A = 2\n")
    (assignment.folder / "gone.py").unlink()
    (assignment.folder / "new.py").write_text("A = 1\n")
    assert proof_status(assignment).changed == ("gone.py", "new.py", "points.py")
    assert proof_status(assignment).why_not == "changed since its rehearsal: gone.py, new.py, points.py"
    for number in range(3):
        (assignment.folder / f"z{number}.py").write_text("A = 1\n")
    assert proof_status(assignment).why_not == "changed since its rehearsal: gone.py, new.py, points.py, 3 more"


def test_a_proof_at_the_top_of_the_folder_is_of_an_older_medmark_and_is_not_read(assignment: Assignment) -> None:
    (assignment.folder / "rehearsal.json").write_text('{"key": "x", "at": "2026-01-01", "passed": true, "gaps": []}')
    assert proof_status(assignment).why_not == (
        "it has not been rehearsed by this medmark, which reads proofs/rehearsal.json and no longer rehearsal.json"
    )


def test_a_rehearsal_that_was_merged_from_two_proves_nothing(assignment: Assignment) -> None:
    store_rehearsal(assignment, rehearsal())
    path = assignment.folder / REHEARSAL_FILE
    (assignment.folder / "points.py").write_text("A = 2\n")
    document = json.loads(path.read_text())
    document["computed_from"] = rehearsal_origins(assignment)
    path.write_text(json.dumps(document))
    assert proof_status(assignment).why_not == "proofs/rehearsal.json cannot be read"


def test_the_patterns_stand_in_a_file_of_their_own_which_the_proof_covers(assignment: Assignment) -> None:
    pattern = Pattern("no_scaling", "numpy", {"test_a.py::test_units": ("not_asked", "line 3")})
    store_patterns(assignment, [pattern])
    store_rehearsal(assignment, rehearsal())
    assert recorded_patterns(assignment) == (pattern,)
    path = assignment.folder / PATTERNS_FILE
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert recorded_patterns(assignment) == (pattern,), "layout is no change"
    path.write_text("{}")
    assert recorded_patterns(assignment) == ()
    assert proof_status(assignment).changed == (PATTERNS_FILE,)


def test_the_parts_of_a_split_make_a_rehearsal_old_and_its_days_do_not(assignment: Assignment) -> None:
    split = Split((SplitRow("A", "train"), SplitRow("B", "test")))
    write_split(assignment.split_file, split)
    store_rehearsal(assignment, rehearsal())
    before = folder_digest(assignment)
    write_split(assignment.split_file, split.marked(["A"], handed_out="2026-01-02"))
    assert proof_status(assignment).fresh
    write_split(assignment.split_file, Split((SplitRow("A", "test"), SplitRow("B", "train"))))
    assert not proof_status(assignment).fresh
    assert folder_digest(assignment) == before, "a digest that is handed out would let anybody try all splits"


def test_layout_of_toml_makes_no_rehearsal_old_and_its_values_do(assignment: Assignment) -> None:
    path = assignment.folder / "assignment.toml"
    store_rehearsal(assignment, rehearsal())
    path.write_text("# Why.\n" + TOML.replace("train = 1\ntest = 1", "test = 1\n\ntrain    = 1  # few"))
    assert proof_status(assignment).fresh
    path.write_text(TOML.replace("train = 1", "train = 2"))
    assert not proof_status(assignment).fresh


def test_the_seconds_that_tensorflow_gets_beyond_the_budget_make_a_rehearsal_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assignment = of_catalogue("prostate_unet")
    before = rehearsal_origins(assignment)
    monkeypatch.setattr("assignments.assignment.GRAPH_S", 7.0)
    assert changes(before, rehearsal_origins(assignment)) == ("the seconds that `trained` gets",)


def test_what_a_calibration_was_made_by_makes_no_rehearsal_old_and_its_scores_do(assignment: Assignment) -> None:
    path = assignment.folder / CALIBRATION_FILE
    path.parent.mkdir()
    scores = {"references": {"numpy": {"a": [0.9]}}, "baselines": {}, "standard_error": {"a": 0.01}}
    path.write_text(json.dumps({**scores, "made_by": {"numpy": {"scoring": "1"}}, "cpu_s": {"numpy": [1.0]}}))
    store_rehearsal(assignment, rehearsal())
    path.write_text(json.dumps({**scores, "made_by": {"numpy": {"scoring": "2"}}, "cpu_s": {"numpy": [2.0]}}, indent=2))
    assert proof_status(assignment).fresh
    path.write_text(json.dumps({**scores, "own_baselines": {}}))
    assert proof_status(assignment).fresh
    for other in ({"references": {"numpy": {"a": [0.8]}}}, {"own_baselines": {"baseline_zero": {"a": [0.8]}}}):
        path.write_text(json.dumps({**scores, **other}))
        assert not proof_status(assignment).fresh


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "\udcff"])
def test_a_damaged_calibration_counts_as_it_is(assignment: Assignment, text: str) -> None:
    path = assignment.folder / CALIBRATION_FILE
    path.parent.mkdir()
    path.write_bytes(text.encode(errors="surrogateescape"))
    store_rehearsal(assignment, rehearsal())
    assert proof_status(assignment).fresh
    path.write_bytes(b"other")
    assert not proof_status(assignment).fresh


@pytest.mark.parametrize("text", ["{", "[]", '{"key": "x"}'])
def test_a_damaged_rehearsal_proves_nothing(assignment: Assignment, text: str) -> None:
    (assignment.folder / REHEARSAL_FILE).parent.mkdir()
    (assignment.folder / REHEARSAL_FILE).write_text(text)
    assert not proof_status(assignment).holds


@pytest.mark.parametrize("name", catalogue())
def test_what_the_catalogue_hands_out_was_calibrated_and_rehearsed_as_it_is(name: str) -> None:
    assignment = of_catalogue(name)
    assert proof_status(assignment).holds
    assert calibration.gaps(assignment) == []
