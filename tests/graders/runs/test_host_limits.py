"""No answer chooses what the host pays: a marker that reaches a limit in a question fails that question and goes on."""

import dataclasses
import shutil

import pytest

from assignments.load import load
from graders.asking.journal import PUBLIC, QuestionId, Silent
from graders.grade import grade
from graders.record.documents import JobResult, Trouble
from graders.record.store import Store
from graders.runs.coordinator import run_with_restarts
from graders.runs.engines.engine import Outcome
from graders.runs.engines.processes import Processes, start_forkserver
from graders.scoring import explained
from tests.attacks.course import RIGHT
from tests.graders.runs import scripted_limits as scripted
from tests.jobs import job_here

PASSED, FAILED = scripted.PASSED, scripted.FAILED
UNUSABLE = "not_usable"


@pytest.fixture(scope="module", autouse=True)
def server():
    start_forkserver()


@pytest.fixture
def outcome_of(tmp_path):
    """The outcome of a job of these tests, and the questions that were put: `outcome_of(a="ok", b="spin")`."""

    def ask(**tests):
        job = scripted.Job(tests, tmp_path / "log")
        outcome = run_with_restarts(Processes(scripted.run), job, Store(tmp_path), deadline_s=120)
        return outcome, job.log.read_text().split()

    return ask


@pytest.mark.parametrize("does", ["spin", "give up"], ids=["CPU", "memory"])
def test_a_question_that_reaches_a_limit_has_failed_and_the_next_one_is_put(outcome_of, does):
    outcome, questions = outcome_of(a="ok", b=does, c="ok")
    assert outcome.document.tests == {"a": PASSED, "b": FAILED, "c": PASSED}
    assert questions == ["a", "b", "c"]
    assert outcome.document.trouble is None


def test_after_three_restarts_no_more_questions_are_put(outcome_of):
    outcome, questions = outcome_of(a="ok", b="give up", c="give up", d="ok", e="give up", f="give up", g="ok")
    assert outcome.document.tests == dict(zip("abcdefg", [PASSED, FAILED, FAILED, PASSED, FAILED, FAILED, FAILED],
                                                 strict=True))  # fmt: skip
    assert questions == ["a", "b", "c", "d", "e", "f"]


def test_a_fault_of_a_library_is_the_answers_doing_where_it_comes_again(outcome_of):
    outcome, questions = outcome_of(a="ok", b="crash", c="ok")
    assert outcome.document.tests == {"a": PASSED, "b": FAILED, "c": PASSED}
    assert questions == ["a", "b", "b", "c"]


def test_a_fault_of_a_library_that_does_not_come_again_fails_nothing(outcome_of):
    outcome, questions = outcome_of(a="crash once", b="ok")
    assert outcome.document.tests == {"a": PASSED, "b": PASSED}
    assert questions == ["a", "a", "b"]


def test_a_marker_that_the_machine_has_killed_is_a_toolkit_failure_and_keeps_what_it_had(outcome_of):
    outcome, questions = outcome_of(a="ok", b="killed", c="ok")
    assert outcome.document.tests == {"a": PASSED}
    assert "killed (signal 9)" in outcome.trouble
    assert questions == ["a", "b"]


class LimitsReached:
    """An engine whose markers reach a limit in these questions, one after the other, and end at the last one."""

    def __init__(self, questions):
        self.questions = iter(questions)

    def run(self, job, store, deadline_s):
        question = next(self.questions, None)
        if question is None:
            return Outcome(JobResult(), "", 0.0)
        return Outcome(None, "a limit", 0.0, JobResult(), question, limit=True)


class NotedJob:
    """A job that notes the questions which are not put again."""

    def __init__(self):
        self.unusable = []

    def after(self, done, question, waited):
        self.unusable.append(question)
        return self


def test_public_cases_that_reach_a_limit_use_up_none_of_the_restarts(tmp_path):
    job = NotedJob()
    public = QuestionId("answers", "0", PUBLIC)
    hidden = [QuestionId("answers", "0", str(call)) for call in range(4)]
    engine = LimitsReached([*hidden[:2], public, *hidden[2:]])
    run_with_restarts(engine, job, Store(tmp_path), deadline_s=60)
    assert job.unusable == [*hidden[:2], public, hidden[2], QuestionId("all")]


def test_after_the_last_restart_public_cases_are_given_up_alone(tmp_path):
    job = NotedJob()
    public = QuestionId("answers", "0", PUBLIC)
    hidden = [QuestionId("answers", "0", str(call)) for call in range(3)]
    run_with_restarts(LimitsReached([*hidden, public]), job, Store(tmp_path), deadline_s=60)
    assert job.unusable == [*hidden, public]


# The marker itself, in a process of its own

TOML = """
id = "greedy"
title = "Greedy"
task = "classification"
frameworks = ["numpy"]
data = { source = "breast_cancer", train = 10, test = 6, per_call = 2 }
run = { mode = "weights" }
[limits]
memory_mb = 1024
reply_mb = 8
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 9
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 0.95 }
"""
TESTS = '''
import numpy as np
import pytest


@pytest.mark.points(3)
def test_first(student):
    """a."""
    assert student.number() == 3


@pytest.mark.points(3)
def test_outer(student):
    """b."""
    vector = student.vector()
    assert np.outer(vector, vector).max() < 2


@pytest.mark.points(3)
def test_last(student):
    """c."""
    assert student.number() == 3
'''
INTERFACE = """
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32
from assignments.interface import Model, Range

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 30"]

class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]

def number() -> int: ...
def vector() -> Float[np.ndarray, "k"]: ...
def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""
SOLUTION = f"{RIGHT}\ndef number(): return 3\ndef vector(): return np.ones(LENGTH)\n"


@pytest.fixture
def greedy(tmp_path):
    """A job whose `test_outer` makes a table of the length of an answer, squared."""

    def job_of(length):
        folder = tmp_path / "greedy"
        (folder / "hidden_tests").mkdir(parents=True)
        (folder / "assignment.toml").write_text(TOML)
        (folder / "interface.py").write_text(INTERFACE)
        (folder / "brief.md").write_text("x")
        (folder / "hidden_tests/test_it.py").write_text(TESTS)
        solution = tmp_path / "solution"
        solution.mkdir()
        (solution / "solution.py").write_text(SOLUTION.replace("LENGTH", str(length)))
        tests = tuple(f"test_it.py::test_{name}" for name in ("first", "outer", "last"))
        return job_here(
            load(folder), solution, tmp_path / "answers", secret=b"of these tests, 32 bytes or so..", tests=tests,
            repeats=(0,), scores=("accuracy",),
        )  # fmt: skip

    yield job_of
    shutil.rmtree(tmp_path / "greedy", ignore_errors=True)


def test_an_answer_that_is_squared_fails_its_test_within_the_markers_memory(greedy):
    outcome = Processes().run(*greedy(100_000), deadline_s=120)  # 80 GB
    reasons = [doc.cause and doc.cause.reason for doc in outcome.document.tests.values()]
    assert reasons == [None, UNUSABLE, None]
    assert outcome.document.trouble is None
    assert [state is None for state in outcome.document.answers[0].states] == [True] * 6
    assert outcome.document.scores["accuracy"].verdict == "passed"


def test_without_a_limit_the_same_answer_passes(greedy):
    """The control: 2000 squared is 32 MB."""
    outcome = Processes().run(*greedy(2000), deadline_s=120)
    assert [doc.cause and doc.cause.reason for doc in outcome.document.tests.values()] == [None, None, None]


def test_a_question_that_reached_a_limit_before_is_not_put_again(greedy):
    job, store = greedy(2)
    outer, call = QuestionId("test", job.tests[1]), QuestionId("answers", "0", "1")
    document = grade(dataclasses.replace(job, unusable=(outer, call)), store)
    assert [doc.cause and doc.cause.reason for doc in document.tests.values()] == [None, UNUSABLE, None]
    states = [state.reason for state in document.answers[0].states if state]
    assert states == [UNUSABLE] * 2, "a call of two cases"


def test_when_no_more_questions_are_put_all_that_are_left_have_failed(greedy):
    job, store = greedy(2)
    document = grade(dataclasses.replace(job, unusable=(QuestionId("all"),)), store)
    assert {doc.cause and doc.cause.reason for doc in document.tests.values()} == {UNUSABLE}
    assert {state.reason for state in document.answers[0].states} == {UNUSABLE}
    assert document.scores["accuracy"].measurement.score == 0


def test_cases_of_a_score_are_computed_one_by_one_where_all_together_took_too_long(greedy):
    job, store = greedy(2)
    plain = grade(job, store)
    case = plain.scores["accuracy"].measurement.cases[2]
    spoilt = (QuestionId("score", "accuracy", "cases"), QuestionId("score", "accuracy", f"0 {case.id}"))
    cases = grade(dataclasses.replace(job, unusable=spoilt), store).scores["accuracy"].measurement.cases
    assert cases[2].reason == UNUSABLE
    assert [other.score for other in cases if other is not cases[2]] == [
        other.score for other in plain.scores["accuracy"].measurement.cases if other is not case
    ]


def test_memory_that_ends_anywhere_in_a_marker_fails_the_question_and_alone_it_raises(greedy, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(explained, "score", full)
    given_up = []

    class Noted(Silent):
        def begins(self, question, cpu_s):
            given_up[:] = [question]

        def give_up(self):
            given_up.append("given up")
            raise SystemExit

    job, store = greedy(2)
    with pytest.raises(SystemExit):
        grade(job, store, Noted())
    assert given_up == [QuestionId("score", "accuracy", "whole"), "given up"]
    assert grade(job, store).trouble == Trouble("internal", "this machine is out of memory")
