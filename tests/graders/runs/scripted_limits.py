"""A job whose questions do to their marker what an answer might; imported by test_host_limits.py and by its markers."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from graders.asking.journal import QuestionId
from graders.record.documents import Cause, JobResult, TestResult

PASSED, FAILED = TestResult("passed"), TestResult("failed", Cause("not_usable"))


@dataclass(frozen=True)
class Job:
    """Hidden tests by name, and what answers each of them."""

    tests: Mapping[str, str]
    log: Path
    """A line for every question that was asked."""
    unusable: tuple[QuestionId, ...] = ()

    def after(self, stages_done, question, waited):
        left = {name: does for name, does in self.tests.items() if name not in stages_done.tests}
        return replace(self, tests=left, unusable=(*self.unusable, *([question] if question else [])))


def run(job, store, journal) -> JobResult:
    """Ask every test, as `graders.grade.grade` would."""
    tests = {}
    for name, does in job.tests.items():
        if QuestionId("test", name) in job.unusable or QuestionId("all") in job.unusable:
            tests[name] = FAILED
            continue
        journal.begins(QuestionId("test", name), 1.0)
        names = job.log.read_text().split() if job.log.exists() else []
        with job.log.open("a") as log:
            log.write(f"{name}\n")
        if does == "spin":
            while True:
                pass
        if does == "give up":
            journal.give_up()
        if does == "crash" or (does == "crash once" and name not in names):
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        if does == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        tests[name] = PASSED
        journal.stage_done("test", name, PASSED)
    return JobResult(tests)
