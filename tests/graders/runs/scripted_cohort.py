"""A course whose marker is scripted: what a marker process does stands in a file of the solution's folder.

Imported by test_cohort.py and run by it as a program that can be killed: `python scripted_cohort.py COURSE [SLOTS]`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.load import load
from graders.failures import Stopped
from graders.intake.submission import Submission
from graders.record.keys import SetDigests
from graders.record.ledger import Ledger
from graders.runs.cohort import grade_cohort
from graders.runs.engines.processes import start_forkserver
from graders.runs.slots import Machine

TOML = """
id = "discs"
title = "Discs"
task = "classification"
frameworks = ["pytorch", "tensorflow"]
[data]
source = "discs.py:discs"
train = 8
test = 4
[run]
mode = "retrain"
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 10
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 90
metric = "auroc"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
"""
TESTS = '''import pytest


@pytest.mark.points(4)
def test_a(student):
    """It is right."""


@pytest.mark.points(6)
def test_b(student):
    """It is quick."""
'''
A, B = "test_x.py::test_a", "test_x.py::test_b"
SECRET = b"s" * 32


@dataclass(frozen=True)
class Course:
    folder: Path

    @property
    def answers(self) -> Path:
        return self.folder / ".medmark/answers"

    @property
    def calls(self) -> list[dict]:
        """One entry for every job that a marker began."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass(frozen=True)
class Sandbox:
    """Names runtimes and opens nothing."""

    name: str = "scripted"
    isolates: bool = True

    def open(self, lodging):
        raise NotImplementedError

    def runtime(self, framework: str) -> str:
        return f"runtime of {framework}"

    def sweep(self, course: str) -> list[str]:
        return []


def make_course(folder: Path, scripts: dict[str, str]) -> Course:
    """A course with an assignment, and a solution for each group that holds its script."""
    (folder / "discs/hidden_tests").mkdir(parents=True)
    (folder / "discs/assignment.toml").write_text(TOML)
    (folder / "discs/brief.md").write_text("Discs.\n")
    (folder / "discs/discs.py").write_text("def discs(n, rng): ...\n")
    (folder / "discs/interface.py").write_text(
        "def fit() -> int: ...\ndef save() -> int: ...\ndef load() -> int: ...\ndef predict() -> int: ...\n"
    )
    (folder / "discs/hidden_tests/test_x.py").write_text(TESTS)
    for group, script in scripts.items():
        (folder / "solutions" / group).mkdir(parents=True)
        (folder / "solutions" / group / "script").write_text(script)
    return Course(folder)


def assignment_of(course: Course) -> Assignment:
    return load(course.folder / "discs")


def submissions_of(course: Course) -> list[Submission]:
    return [
        Submission(
            group=folder.name, members=(), repository="", commit="c" * 40, folder=folder, framework="pytorch",
            tree=f"{folder.name} {(folder / 'script').read_text()}",
        )
        for folder in sorted((course.folder / "solutions").iterdir())
    ]  # fmt: skip


def digests(assignment, secret, remembered) -> list[SetDigests]:
    return [SetDigests("train", "inputs", "truth")]


def grade(course: Course, **changes):
    """`grade_cohort` with the scripted marker."""
    settings = {
        "submissions": submissions_of(course), "assignment": assignment_of(course), "secret": SECRET,
        "sandbox": Sandbox(), "machine": Machine(cpus=2, memory_mb=16000, gpus=0), "run": run, "digests": digests,
        **changes,
    }  # fmt: skip
    with Ledger.open(course.folder / ".medmark/ledger.sqlite") as ledger:
        return grade_cohort(course, ledger=ledger, **settings)


def run(job, journal) -> dict:
    """What a marker does: as the solution's script says."""
    script = (job.solution / "script").read_text()
    course = job.store.parent.parent
    earlier = [call for call in Course(course).calls if call["group"] == job.group]
    call = {"group": job.group, "tests": job.tests, "repeats": job.repeats, "scores": job.scores, "pid": os.getpid()}
    with (course / "calls").open("a") as file:
        file.write(json.dumps({**call, "at": time.time()}) + "\n")
    if script == "die" or (script == "die once" and not earlier):
        os.kill(os.getpid(), signal.SIGKILL)
    if script == "raise":
        raise RuntimeError("a defect of ours")
    if script == "not a number":
        return {"tests": {A: float("nan")}}
    if script == "hang":
        time.sleep(3600)
    if script.startswith("sleep"):
        time.sleep(float(script.split()[1]))
    document = {"tests": {}, "answers": {}, "scores": {}, "runtime": {}, "toolkit_failure": None}
    if script == "engine" or (script == "engine once" and not earlier):
        document["toolkit_failure"] = {"reason": "engine", "evidence": "the daemon went away"}
        return document
    for id in job.tests:
        document["tests"][id] = _passed()
    if script == "half":
        document["toolkit_failure"] = {"reason": "engine", "evidence": "the daemon went away"}
        return document
    if script == "busy":
        document["tests"][A] = {**_passed(), "verdict": "failed", "told": "slow", "flags": ["wall_on_loaded_host"]}
    for repeat in job.repeats:
        name = f"{job.group}-{repeat}.npz"
        np.savez(job.store / name, prob=np.zeros(4, np.float16))
        document["answers"][str(repeat)] = {**_passed(), "file": name, "states": [None] * 4}
    for id in job.scores:
        document["scores"][id] = {
            **_passed(), "score": 0.8, "interval": None, "metric": "auroc", "also": {}, "repeats": [0.8], "cases": [],
            "combine": "median", "false_positives": None, "bootstrap_seed": 0,
        }  # fmt: skip
    with (course / "calls-done").open("a") as file:
        file.write(json.dumps({"group": job.group, "at": time.time()}) + "\n")
    return document


def sleep(seconds, journal) -> dict:
    """A marker that gives no document for a while."""
    time.sleep(seconds)
    return {}


def _passed() -> dict:
    return {"verdict": "passed", "reason": None, "told": "", "evidence": "", "cpu_s": 0.1, "wall_s": 0.2, "flags": []}


def main(folder: str, slots: str = "2") -> int:
    import scripted_cohort  # by its name, so that a marker process finds `run` there

    course = Course(Path(folder))
    try:
        marks = grade(course, run=scripted_cohort.run, jobs=int(slots), command="medmark grade discs",
                      on_progress=lambda step: print(step.what, step.group, flush=True))  # fmt: skip
    except Stopped as stopped:
        print(stopped, flush=True)
        return 130
    except UserError as error:
        print(error, flush=True)
        return 2
    print(json.dumps([[mark.group, str(mark.status), str(mark.points)] for mark in marks]), flush=True)
    return 0


if __name__ == "__main__":
    start_forkserver()
    sys.exit(main(*sys.argv[1:]))
