"""Whether a labelled case of one repeat is a hidden case of another."""

import pytest

from assignments.assignment import Assignment
from assignments.data.overlap import CaseDigests, case_digests
from tests.pools import first_secret

TOML = {
    "id": "pool", "title": "t", "task": "classification",
    "run": {"mode": "retrain", "seeds": 2},
    "criterion": [{"id": "report", "kind": "person", "points": 1}],
}  # fmt: skip
HEAD = '''
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}
POOL = np.arange(180, dtype=np.float32).reshape(60, 3)

def third(n, rng):
    """`n` patients in one third of a pool of 60: the training and hidden cases of a repeat may be of different ones."""
    return 20 * int(rng.integers(3)) + rng.permutation(20)[:n]

def anew(n, rng):
    return {"x": rng.normal(size=(n, 3)).astype(np.float32), "y": np.zeros(n, np.uint8)}
'''
SOURCES = {
    "pool": '''
def draw(n, rng):
    """A finite pool: every draw takes from the same 60 rows."""
    return {"x": POOL[third(n, rng)], "y": np.zeros(n, np.uint8)}
''',
    "anew": '''
def draw(n, rng):
    """Every case is drawn anew."""
    return anew(n, rng)
''',
    "jittered": '''
def draw(n, rng):
    """The same 60 patients with other noise in every draw: their subjects say so."""
    take = third(n, rng)
    x = POOL[take] + rng.normal(0, 0.01, (n, 3)).astype(np.float32)
    return {"x": x, "y": np.zeros(n, np.uint8), "subject": 1000 + take}
''',
    "ages": '''
ARRAYS["x"] = Axes("float32", "")

def draw(n, rng):
    """The first number of each row of the pool alone."""
    return {"x": POOL[third(n, rng), 0], "y": np.zeros(n, np.uint8)}
''',
    "numbered": '''
def draw(n, rng):
    """Drawn anew, and numbered from 0 on each time."""
    return {**anew(n, rng), "subject": np.arange(n)}
''',
    "blank": '''
ARRAYS["mask"] = Axes("uint8", "5")

def draw(n, rng):
    """Every case is drawn anew, with a mask that is empty in all of them."""
    return {**anew(n, rng), "mask": np.zeros((n, 5), np.uint8)}
''',
}


def two_repeats(tmp_path, source, inputs=("x",), *, redraw=True, val=0):
    """The hidden sets of two repeats. Of a pool, the second asks for the third of it on which the first trains."""
    (tmp_path / "source.py").write_text(HEAD + SOURCES[source])
    data = {"source": "source.py", "train": 20, "test": 20, "redraw": redraw, "val": val}
    assignment = Assignment.model_validate({**TOML, "data": data, "folder": tmp_path})
    pooled = redraw and "POOL" in SOURCES[source]

    def meet(sets):
        return not pooled or third_of(sets[0].train["x"]) == third_of(sets[1].inputs["x"])

    return first_secret(assignment, (0, 1), meet, inputs)[1]


def third_of(x):
    return round(float(x.flat[0])) // 60


def overlap(tmp_path, source, inputs=("x",), **data):
    """Whether a labelled case of one of two repeats is a hidden case of the other."""
    first, second = map(case_digests, two_repeats(tmp_path, source, inputs, **data))
    return first.reveals(second) or second.reveals(first)


@pytest.mark.parametrize(
    ("source", "overlapping"), [("pool", True), ("anew", False), ("jittered", True), ("ages", True), ("blank", False)]
)
def test_repeats_overlap_if_they_have_an_array_or_a_subject_in_common(tmp_path, source, overlapping):
    assert overlap(tmp_path, source, ("x", "mask") if source == "blank" else ("x",)) is overlapping


def test_validation_cases_have_labels_too(tmp_path):
    assert overlap(tmp_path, "pool", val=19)


def test_repeats_that_share_training_and_hidden_cases_do_not_overlap(tmp_path):
    assert not overlap(tmp_path, "anew", redraw=False)
    assert not overlap(tmp_path, "pool", redraw=False)


def test_a_repeat_that_has_the_labels_itself_learns_none_from_another():
    labels, same_case = frozenset({b"case"}), frozenset({b"case"})
    first = CaseDigests(labels, frozenset({b"another"}))
    assert first.reveals(CaseDigests(frozenset(), same_case))
    assert not first.reveals(CaseDigests(labels, same_case))


def test_subject_numbers_in_both_training_and_hidden_cases_do_not_identify_a_patient(tmp_path):
    assert not overlap(tmp_path, "numbered")
