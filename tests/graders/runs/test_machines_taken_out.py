"""A lost machine costs no group anything, and one that fails by itself again and again gets no job any more."""

import logging
import threading
from dataclasses import replace

import pytest

from graders.asking.job import Job
from graders.asking.journal import QuestionId
from graders.failures import EngineFailure
from graders.marks.mark import Status
from graders.record.documents import JobResult, Trouble
from graders.runs.coordinator import LOST_RETRIES, RETRIES, run_with_restarts
from graders.runs.engines.engine import Outcome
from tests.graders.runs import scripted_cohort as scripted
from tests.graders.runs.engines.scripted import Scripted

LOST = Outcome(None, "the node went away", 0.0, lost=True)
NO_DAEMON = Outcome(JobResult(trouble=Trouble("engine", "the Docker engine does not answer")), "", 0.1)


class Machines(Scripted):
    """Several machines in turn; `fails(machine, times)` is the outcome where one fails, else None."""

    def __init__(self, names, fails):
        super().__init__(scripted.scripted_engine()._act)
        self.names, self.fails, self.used, self.excluded = list(names), fails, [], []
        self.turn = threading.Lock()

    def run(self, job, store, deadline_s):
        with self.turn:
            machine = self.names[len(self.used) % len(self.names)]
            self.used.append(machine)
            failed = self.fails(machine, self.used.count(machine))
        return replace(failed or super().run(job, store, deadline_s), machine=machine)

    def exclude(self, machine):
        self.excluded.append(machine)
        self.names = [name for name in self.names if name != machine]
        return len(self.names)


@pytest.fixture
def course(tmp_path):
    return scripted.make_course(tmp_path / "course", dict.fromkeys("abcdefgh", "ok"))


def statuses(marks):
    return {mark.status for mark in marks}


@pytest.mark.parametrize("failed", [LOST, NO_DAEMON], ids=["lost", "no daemon"])
def test_a_machine_that_fails_three_times_in_a_row_is_taken_out_and_named(course, caplog, failed):
    engine = Machines(["bad", "good"], lambda machine, times: failed if machine == "bad" else None)
    with caplog.at_level(logging.WARNING, "medmark"):
        marks = scripted.grade(course, engine=engine, jobs=1)
    assert statuses(marks) == {Status.MARKED}
    assert engine.used.count("bad") == 3
    assert engine.excluded == ["bad"]
    assert "bad is taken out: 3 jobs in a row failed there" in caplog.text


def test_failures_that_are_not_in_a_row_take_no_machine_out(course):
    engine = Machines(["flaky"], lambda machine, times: LOST if times in (1, 2, 4, 5, 7, 8) else None)
    assert statuses(scripted.grade(course, engine=engine, jobs=1)) == {Status.MARKED}
    assert engine.excluded == []


@pytest.mark.parametrize("failed", [LOST, NO_DAEMON], ids=["lost", "no daemon"])
def test_where_no_machine_is_left_the_run_ends_with_a_sentence_and_the_same_command_goes_on(course, failed):
    engine = Machines(["only"], lambda machine, times: failed if times > 2 else None)
    words = r"^only: 3 jobs in a row failed through no act of a group \(.*\), and there is no other\. 2 of 8 groups are"
    with pytest.raises(EngineFailure, match=words):
        scripted.grade(course, engine=engine, jobs=1)
    again = Machines(["only"], lambda machine, times: None)
    assert statuses(scripted.grade(course, engine=again, jobs=1)) == {Status.MARKED}
    assert len(again.used) == 6, "what was recorded is not run again"


def test_a_job_that_ends_every_machine_is_given_up_and_stops_no_other(course):
    def fails(machine, times):
        return None

    class Poison(Machines):
        def run(self, job: Job, store, deadline_s):
            if job.group == "c":
                with self.turn:
                    self.used.append("poison")
                return replace(LOST, machine=f"m{len(self.used)}")
            return super().run(job, store, deadline_s)

    engine = Poison(["good"], fails)
    marks = scripted.grade(course, engine=engine, jobs=1)
    assert {mark.group: mark.status for mark in marks}["c"] is Status.WITHHELD
    assert [mark.status for mark in marks].count(Status.MARKED) == 7
    assert engine.used.count("poison") == LOST_RETRIES + RETRIES + 1


def test_the_wait_for_a_machine_counts_for_no_deadline(course):
    """What an outcome says that it took is spent, and not the hours in a queue."""
    deadlines = []

    class Slow(Scripted):
        def run(self, job, store, deadline_s):
            deadlines.append(deadline_s)
            return Outcome(None, "crashed", 7.0, crashed=True, question=QuestionId("test", "a"))

    engine = Slow(None)
    job = _AnyJob()
    run_with_restarts(engine, job, None, 100.0)
    assert deadlines == [100.0, 93.0, 86.0]


class _AnyJob:
    def after(self, done, question, waited):
        return self
