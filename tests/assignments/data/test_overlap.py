"""Whether a labelled case of one repeat is a hidden case of another."""

import pytest

from assignments.assignment import Assignment
from assignments.data.hidden import hidden_set
from assignments.data.overlap import case_digests

TOML = {
    "id": "pool", "title": "t", "task": "classification",
    "run": {"mode": "retrain", "seeds": 2},
    "criterion": [{"id": "report", "kind": "person", "points": 1}],
}  # fmt: skip
SECRET = b"of these tests, 32 bytes or so.."
SOURCES = '''
import numpy as np
FIXED = np.random.default_rng(7)
POOL = FIXED.normal(size=(40, 3)).astype(np.float32)

def pool(n, rng):
    """A finite pool: every draw takes from the same 40 rows."""
    take = rng.permutation(40)[:n]
    return {"x": POOL[take], "y": np.zeros(n, np.uint8)}

def anew(n, rng):
    """Every case is drawn anew."""
    return {"x": rng.normal(size=(n, 3)).astype(np.float32), "y": np.zeros(n, np.uint8)}

def jittered(n, rng):
    """The same 40 patients with other noise in every draw: their subjects say so."""
    take = rng.permutation(40)[:n]
    x = POOL[take] + rng.normal(0, 0.01, (n, 3)).astype(np.float32)
    return {"x": x, "y": np.zeros(n, np.uint8), "subject": take}

def ages(n, rng):
    """Two numbers a case; each alone is common, both together are a case."""
    return {"x": rng.permutation(60)[:n].astype(np.float32), "y": np.zeros(n, np.uint8)}

def numbered(n, rng):
    """Drawn anew, and numbered from 0 on each time."""
    return {**anew(n, rng), "subject": np.arange(n)}

def blank(n, rng):
    """Every case is drawn anew, with a mask that is empty in all of them."""
    return {**anew(n, rng), "mask": np.zeros((n, 5), np.uint8)}
'''


def overlap(tmp_path, source, inputs=("x",), *, redraw=True, val=0):
    """Whether a labelled case of one of two repeats is a hidden case of the other."""
    (tmp_path / "sources.py").write_text(SOURCES)
    data = {"source": f"sources.py:{source}", "train": 30, "test": 20, "redraw": redraw, "val": val}
    assignment = Assignment.model_validate({**TOML, "data": data, "folder": tmp_path})
    first, second = (case_digests(hidden_set(assignment, SECRET, repeat, inputs, "y")) for repeat in (0, 1))
    return first.reveals(second) or second.reveals(first)


@pytest.mark.parametrize(
    ("source", "overlapping"), [("pool", True), ("anew", False), ("jittered", True), ("ages", True), ("blank", False)]
)
def test_repeats_overlap_if_they_have_an_array_or_a_subject_in_common(tmp_path, source, overlapping):
    assert overlap(tmp_path, source, ("x", "mask") if source == "blank" else ("x",)) is overlapping


def test_validation_cases_have_labels_too(tmp_path):
    assert overlap(tmp_path, "pool", val=29)


def test_repeats_that_share_training_and_hidden_cases_do_not_overlap(tmp_path):
    assert not overlap(tmp_path, "anew", redraw=False)
    assert not overlap(tmp_path, "pool", redraw=False), "a repeat that has the labels itself learns none from another"


def test_subject_numbers_in_both_training_and_hidden_cases_do_not_identify_a_patient(tmp_path):
    assert not overlap(tmp_path, "numbered")
