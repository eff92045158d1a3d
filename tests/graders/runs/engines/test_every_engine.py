"""One list of behaviours that every engine shows: whatever a job does, its outcome says so, and nothing is raised.

An engine over other machines does real jobs alone, in marker processes there: test_every_engine_marks.py has its list.
"""

import inspect
import os
import threading
import time
from functools import partial

import pytest

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.record.documents import JobResult
from graders.record.store import Store
from graders.runs.engines.engine import STOPPED, Engine
from graders.runs.engines.processes import Processes, start_forkserver
from tests.graders.runs.engines import acts
from tests.graders.runs.engines.acts import FIRST, PASSED, SECOND, Job
from tests.graders.runs.engines.scripted import Scripted

EVERY = {
    "processes": partial(Processes, acts.act),
    "scripted": partial(Scripted, partial(acts.act, die=acts.in_words)),
}


@pytest.fixture(scope="module", autouse=True)
def server():
    start_forkserver()


@pytest.fixture(params=EVERY)
def engine(request):
    engine = EVERY[request.param]()
    yield engine
    engine.stop()


@pytest.fixture
def done(engine, tmp_path):
    """The outcome of a job that does one thing: `done("hang", deadline_s=1)`."""
    return lambda does, deadline_s=30.0: engine.run(Job(does, tmp_path), Store(tmp_path), deadline_s)


def wait_for(fact, seconds=20.0):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)


def test_it_has_what_the_contract_names(engine):
    for name, function in inspect.getmembers(Engine, inspect.isfunction):
        if not name.startswith("_"):
            assert (
                list(inspect.signature(getattr(engine, name)).parameters)
                == (list(inspect.signature(function).parameters)[1:])
            )


def test_a_jobs_document_comes_out_whole(done):
    outcome = done("well")
    assert outcome.document == JobResult({"first": PASSED, "second": PASSED})
    assert (outcome.trouble, outcome.limit, outcome.crashed) == ("", False, False)
    assert 0 <= outcome.wall_s < 30


@pytest.mark.parametrize(("does", "words"), [
    ("raise", "RuntimeError: a defect of the toolkit"),
    ("not a number", "Out of range float values are not JSON compliant"),
    ("not JSON", "Object of type object is not JSON serializable"),
])  # fmt: skip
def test_a_defect_of_the_toolkit_is_a_document_that_says_so(done, does, words):
    document = done(does).document
    assert document.trouble.reason == "internal"
    assert words in document.trouble.evidence
    assert document.tests == {}


def test_a_result_that_does_not_validate_is_a_toolkit_failure_and_no_stage_of_it_counts(done):
    outcome = done("not a result")
    document = outcome.document or JobResult()
    assert "tests.first.verdict" in (outcome.trouble or document.trouble.evidence)
    assert document.tests == {}
    assert outcome.stages_done == JobResult({"first": PASSED}), "what was whole before stands"


def no_file_left():
    raise OSError(24, "Too many open files")


def test_a_machine_without_a_file_left_starts_no_marker_and_says_so(tmp_path, monkeypatch):
    engine = Processes(acts.act)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", no_file_left)
        outcome = engine.run(Job("well", tmp_path), Store(tmp_path), 30.0)
    assert "no marker process could be started: OSError(24" in outcome.trouble
    assert engine.run(Job("well", tmp_path), Store(tmp_path), 30.0).document is not None


def test_a_message_nested_without_end_is_the_markers_trouble(tmp_path):
    outcome = Processes(acts.nested).run(Job("", tmp_path), Store(tmp_path), 30.0)
    assert outcome.document is None
    assert "the marker's result cannot be used" in outcome.trouble


@pytest.mark.parametrize("does", ["killed", "crash", "give up", "hang"])
def test_a_job_without_a_document_leaves_what_came_before_its_end(done, does):
    outcome = done(does, deadline_s=3.0 if does == "hang" else 30.0)
    assert outcome.document is None
    assert outcome.stages_done == JobResult({"first": PASSED})
    assert outcome.question == SECOND != FIRST
    assert outcome.waited == (1, 2.5)


@pytest.mark.parametrize(("does", "words", "limit", "crashed"), [
    ("killed", "the marker was killed (signal 9)", False, False),
    ("crash", "", False, True),
    ("give up", "the marker ended without a document", True, False),
])  # fmt: skip
def test_an_outcome_says_why_a_job_ended(done, does, words, limit, crashed):
    outcome = done(does)
    assert outcome.trouble.startswith(words)
    assert outcome.trouble
    assert (outcome.limit, outcome.crashed) == (limit, crashed)


def test_a_job_that_outstays_its_deadline_is_ended(done):
    began = time.monotonic()
    outcome = done("hang", deadline_s=1)
    assert outcome.document is None
    assert outcome.trouble == "the marker was still running after 1 s and was ended"
    assert (outcome.limit, outcome.crashed) == (False, False)
    assert time.monotonic() - began < 10


def test_two_jobs_are_done_at_once(engine, tmp_path):
    """Each waits until the other has begun."""
    outcomes = []

    def run():
        outcomes.append(engine.run(Job("meet", tmp_path), Store(tmp_path), 30.0))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [outcome.document.tests["second"].cpu_s for outcome in outcomes] == [2, 2]


def test_one_jobs_end_leaves_another_alone(engine, tmp_path):
    outcomes = {}

    def run(does):
        outcomes[does] = engine.run(Job(does, tmp_path), Store(tmp_path), 2.0 if does == "hang" else 30.0)

    threads = [threading.Thread(target=run, args=[does]) for does in ("hang", "killed", "raise", "well")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {does: outcome.document is None for does, outcome in outcomes.items()} == {
        "hang": True, "killed": True, "raise": False, "well": False,
    }  # fmt: skip


def test_a_stop_ends_what_runs_and_starts_nothing_more(engine, tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(engine.run(Job("hang", tmp_path), Store(tmp_path), 60.0)))
    thread.start()
    wait_for((tmp_path / "began hang").exists)
    began = time.monotonic()
    engine.stop()
    thread.join(10)
    assert time.monotonic() - began < 10
    assert [(outcome.document, outcome.trouble) for outcome in outcomes] == [(None, STOPPED)]
    later = engine.run(Job("well", tmp_path), Store(tmp_path), 30.0)
    assert (later.document, later.trouble) == (None, STOPPED)
    assert not (tmp_path / "began well").exists()


def test_no_more_slots_than_the_caller_wants_and_none_where_nothing_fits(engine):
    small = Limits(memory_mb=256, reply_mb=1)
    assert engine.slots(small, 1, True) == 1
    assert engine.slots(small, None, False) >= 1
    with pytest.raises(UserError, match="at least 1"):
        engine.slots(small, 0, True)
    with pytest.raises(UserError, match=r"limits\.memory_mb"):
        engine.slots(Limits(memory_mb=1 << 40), None, True)
