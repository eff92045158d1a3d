"""A job travels: it names its files by digest, and carries the keys of its own streams and no secret."""

import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from assignments.data.hidden import hidden_set, presented_order
from assignments.data.streams import key, stream, test_purpose
from assignments.load import load
from graders.asking.job import Job, keys_for
from graders.failures import InternalFailure
from graders.record.store import Store
from tests.jobs import job_here

FOLDER = Path(__file__).parents[2] / "example_groups/assignment"
SECRET = b"of these tests, 32 bytes or so.."
TESTS = ("test_tiny.py::test_scale", "test_tiny.py::test_loss")
test_purpose.__test__ = False


@pytest.fixture
def travelling(tmp_path):
    """A job with all that a job may have, and the store of this machine."""
    data = load(FOLDER).data.model_copy(update={"path": tmp_path / "scans"})
    assignment = load(FOLDER).model_copy(update={"data": data})
    return assignment, *job_here(
        assignment, tmp_path / "solution", tmp_path / "answers", secret=SECRET, tests=TESTS[:1], repeats=(0,),
        scores=("accuracy",), answers={1: {"file": "0123456789abcdef.npz"}},
    )  # fmt: skip


def test_a_job_in_bytes_holds_no_path_of_this_machine_and_no_secret(travelling, tmp_path):
    _, job, _ = travelling
    carried = pickle.dumps(job)
    assert b"0123456789abcdef.npz" in carried  # the control: names of blobs are there in plain bytes
    for path in (FOLDER, tmp_path, Path.cwd(), Path.home()):
        assert str(path).encode() not in carried
    assert SECRET not in carried
    assert SECRET.hex().encode() not in carried


def test_no_field_of_a_job_but_an_assignment_that_travels_can_hold_a_path():
    """A path in a new field would come unseen."""
    assert {field.name: field.type for field in fields(Job) if "Path" in str(field.type)} == {}


def test_a_job_shows_no_key_where_it_is_printed(travelling):
    assignment, job, _ = travelling
    own = key(SECRET, *test_purpose(assignment.id, TESTS[0]))
    assert own in pickle.dumps(job)
    assert repr(own)[2:-1] not in repr(job)
    assert "keys" not in repr(job)


def test_the_keys_of_a_job_draw_what_the_secret_draws(travelling):
    assignment, job, _ = travelling
    of_test = test_purpose(assignment.id, TESTS[0])
    assert stream(job.keys, *of_test).bytes(64) == stream(SECRET, *of_test).bytes(64)
    order = presented_order(SECRET, assignment.id, "c0ffee", 12)
    assert np.array_equal(presented_order(job.keys, assignment.id, "c0ffee", 12), order)
    by_keys, by_secret = (hidden_set(assignment, source, 0, ("x",), "y") for source in (job.keys, SECRET))
    assert by_keys.inputs["x"].tobytes() == by_secret.inputs["x"].tobytes()
    assert by_keys.truth.tobytes() == by_secret.truth.tobytes()
    assert (by_keys.cases, by_keys.fit_seed) == (by_secret.cases, by_secret.fit_seed)


def test_a_job_draws_no_other_test_commit_or_assignment(travelling):
    assignment, job, _ = travelling
    others = [test_purpose(assignment.id, TESTS[1]), test_purpose("another", TESTS[0])]
    others += [(assignment.id, "presented", "another"), ("another", "test", "0")]
    for purpose in others:
        assert key(SECRET, *purpose) not in pickle.dumps(job)
        with pytest.raises(ValueError, match="was not handed over"):
            stream(job.keys, *purpose)


def test_a_job_that_asks_one_repeat_and_scores_nothing_has_the_keys_of_that_repeat_alone():
    assignment = load(FOLDER)
    run = assignment.run.model_copy(update={"seeds": 3})
    redrawn = assignment.model_copy(update={"data": assignment.data.model_copy(update={"redraw": True}), "run": run})
    keys = keys_for(redrawn, SECRET, "c0ffee", (), (1,), scored=False)
    hidden_set(redrawn, keys, 1, ("x",), "y")
    for other in (0, 2):
        with pytest.raises(ValueError, match="was not handed over"):
            hidden_set(redrawn, keys, other, ("x",), "y")
    scored = keys_for(redrawn, SECRET, "c0ffee", (), (1,), scored=True)
    for repeat in range(3):
        hidden_set(redrawn, scored, repeat, ("x",), "y")


def test_a_store_finds_what_a_job_names_and_says_what_it_lacks(travelling, tmp_path):
    assignment, job, store = travelling
    assert store.assignment(job.assignment) == assignment
    assert store.solution(job.solution) == tmp_path / "solution"
    elsewhere = Store(tmp_path)
    with pytest.raises(InternalFailure, match=f"does not hold the solution {job.solution}"):
        elsewhere.solution(job.solution)
    with pytest.raises(InternalFailure, match=f"does not hold the assignment {job.assignment.folder}"):
        elsewhere.assignment(job.assignment)
