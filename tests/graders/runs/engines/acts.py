"""What a job may do to the engine that does it: imported by test_every_engine.py, and by marker processes."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from graders.asking.journal import QuestionId
from graders.record.documents import JobResult, TestResult
from tests.graders.runs.engines.scripted import Died

FIRST, SECOND = QuestionId("test", "first"), QuestionId("test", "second")
PASSED = TestResult("passed")


@dataclass(frozen=True)
class Job:
    """A job that tells what to do in one word."""

    does: str
    folder: Path
    """A folder for what it leaves."""


def act(job, store, journal, die=lambda number: os.kill(os.getpid(), number)) -> JobResult:
    (job.folder / f"began {job.does}").touch()
    journal.begins(FIRST, 20.0)
    journal.waited(1, 2.5)
    journal.stage_done("test", "first", PASSED)
    journal.begins(SECOND, 20.0)
    match job.does:
        case "raise":
            raise RuntimeError("a defect of the toolkit")
        case "not a number":
            return JobResult({"first": TestResult("passed", cpu_s=float("nan"))})
        case "not a result":
            return JobResult({"first": TestResult("perfect")})
        case "not JSON":
            return JobResult({"first": TestResult("passed", evidence=object())})
        case "give up":
            journal.give_up()
        case "killed":
            die(signal.SIGKILL)
        case "crash":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL) if die is not in_words else None
            die(signal.SIGSEGV)
        case "hang":
            time.sleep(60)
        case "meet":
            end = time.monotonic() + 20
            while len(list(job.folder.glob("met *"))) < 2 and time.monotonic() < end:
                (job.folder / f"met {os.getpid()} {id(job)}").touch()
                time.sleep(0.01)
    met = len(list(job.folder.glob("met *")))
    return JobResult({"first": PASSED, "second": replace(PASSED, cpu_s=float(met))})


def in_words(number) -> None:
    raise Died(crashed=number == signal.SIGSEGV)


def nested(job, store, journal) -> JobResult:
    journal._send(b"[" * 100_000)
    return JobResult()
