"""A course whose engine is scripted: what a job does stands in a file of the solution's folder.

Imported by test_cohort.py, and run by it as a program that can be killed, with marker processes of its own:
`python -m tests.graders.runs.scripted_cohort COURSE [SLOTS]`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.load import load
from graders.course.course import Course, CourseAssignment
from graders.failures import Stopped
from graders.intake.submission import Submission
from graders.record.documents import AnswersResult, JobResult, Trouble
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger
from graders.runs.cohort import grade_cohort
from graders.runs.engines.processes import Processes, start_forkserver
from graders.runs.plan import Marking
from tests.graders.marks.hand_made import check_result, score_result
from tests.graders.runs import scripted_cohort  # by its name, so that a marker process finds `run` there
from tests.graders.runs.engines.scripted import Died, Scripted

TOML = """
id = "discs"
title = "Discs"
task = "classification"
frameworks = ["pytorch", "tensorflow"]
[data]
source = "discs.py"
train = 8
test = 4
per_call = 4
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


DISCS = """
import numpy as np

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "2"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    y = np.arange(n, dtype=np.uint8) % 2
    return {"x": rng.random((n, 2), np.float32), "y": y}
"""
INTERFACE = """
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32
from assignments.interface import Model, Range

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 2"]

class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]

def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""


def calls_of(course: Course) -> list[dict]:
    """One entry for every job that was begun."""
    path = course.folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass(frozen=True)
class Sandbox:
    """Names runtimes and opens nothing."""

    name: str = "scripted"
    isolates: bool = True

    def open(self, spec):
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
    (folder / "discs/discs.py").write_text(DISCS)
    (folder / "discs/interface.py").write_text(INTERFACE)
    (folder / "discs/hidden_tests/test_x.py").write_text(TESTS)
    for group, script in scripts.items():
        (folder / "solutions" / group).mkdir(parents=True)
        (folder / "solutions" / group / "script").write_text(script)
    return course_of(folder)


def course_of(folder: Path) -> Course:
    discs = CourseAssignment(source="discs", deadline=datetime(2026, 11, 20))
    return Course(title="Discs", year=2026, assignments={"discs": discs}, folder=folder, groups=())


def correct_a_label(course: Course) -> None:
    """Change the truth of one hidden case, and nothing of the training cases."""
    (course.folder / "discs/discs.py").write_text(DISCS.replace("    return", "    y[0] ^= n == 4\n    return"))


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


def scripted_engine(**machine) -> Scripted:
    return Scripted(partial(run, die=die_in_words), **machine)


def marking_of(course: Course, ledger: Ledger, engine=None, assignment=None, sandbox=None, command="discs") -> Marking:
    """What marks the course, with the scripted engine."""
    return Marking(
        course=course, assignment=assignment or assignment_of(course), secret=SECRET, sandbox=sandbox or Sandbox(),
        ledger=ledger, decisions=Decisions("discs", ()), engine=engine or scripted_engine(), command=command,
    )  # fmt: skip


def grade(course: Course, *, engine=None, submissions=None, assignment=None, sandbox=None, command="discs", **choices):
    """`grade_cohort` with the scripted engine."""
    with Ledger.open(course.ledger) as ledger:
        marking = marking_of(course, ledger, engine, assignment, sandbox, command)
        return grade_cohort(marking, submissions or submissions_of(course), **choices)


def kill_this_process():
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_words():
    raise Died


def run(job, store, journal, die=kill_this_process) -> JobResult:
    """What a job does: as the solution's script says."""
    script = (store.solution(job.solution) / "script").read_text()
    folder = store.answers.parent.parent
    earlier = [call for call in calls_of(course_of(folder)) if call["group"] == job.group]
    call = {"group": job.group, "tests": job.tests, "repeats": job.repeats, "scores": job.scores, "pid": os.getpid(),
            "data": {repeat: asdict(digests) for repeat, digests in job.data.items()}}  # fmt: skip
    with (folder / "calls").open("a") as file:
        file.write(json.dumps({**call, "at": time.time()}) + "\n")
    if script == "die" or (script == "die once" and not earlier):
        die()
    if script == "raise":
        raise RuntimeError("a defect of the toolkit")
    if script == "not a number":
        return JobResult({A: check_result(evidence="", flags=(float("nan"),))})
    if script == "hang":
        time.sleep(3600)
    if script.startswith("sleep"):
        time.sleep(float(script.split()[1]))
    away = Trouble("engine", "the daemon went away")
    if script == "engine" or (script == "engine once" and not earlier):
        return JobResult(trouble=away)
    tests = {id: check_result() for id in job.tests}
    if script == "half":
        return JobResult(tests, trouble=away)
    if script == "busy":
        tests[A] = check_result("failed", "wall_limit", flags=("wall_on_loaded_host",))
    answers = {}
    for repeat in job.repeats:
        name = f"{job.group}-{repeat}.npz"
        np.savez(store.answers / name, prob=np.zeros(4, np.float16))
        answers[repeat] = AnswersResult("passed", file=name, states=(None,) * 4)
    scores = {id: score_result(0.8, (), metric="auroc", interval=None) for id in job.scores}
    with (folder / "calls-done").open("a") as file:
        file.write(json.dumps({"group": job.group, "at": time.time()}) + "\n")
    return JobResult(tests, answers, scores)


def main(folder: str, slots: str = "2") -> int:
    try:
        marks = grade(course_of(Path(folder)), engine=Processes(scripted_cohort.run), jobs=int(slots),
                      command="medmark grade discs",
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
