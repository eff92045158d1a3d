"""The time of `grade` when nothing has changed, for 12 and for 500 submissions: python benchmarks/regrade.py

A synthetic ledger has every stage of every submission. A fresh interpreter then imports, plans, reads the stages and
computes all marks, as `medmark grade` does. No solution runs, so no sandbox is needed. It does not read repositories.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSIGNMENT = "mlp_classifier"
SECRET = b"a secret of thirty-two bytes ...."[:32]
RUNS = 5


class Sandbox:
    """Knows its runtime and opens nothing."""

    name = "none"
    isolates = True

    def runtime(self, framework: str) -> str:
        return f"sha256 of the {framework} image"


def submissions_of(folder: Path, count: int) -> list:
    from graders.intake.submission import Submission

    return [
        Submission(
            group=f"group{n:03}", members=(), repository=f"https://host/group{n:03}", commit=f"{n:040x}",
            folder=folder, framework=("pytorch", "tensorflow")[n % 2], tree=f"{n:064x}",
        )
        for n in range(count)
    ]  # fmt: skip


def grade(folder: Path, count: int) -> list:
    """The timed work, with its imports."""
    from graders.record.ledger import Ledger
    from graders.runs.cohort import grade_cohort

    with Ledger.open(folder / ".medmark/ledger.sqlite") as ledger:
        return grade_cohort(marking_of(folder, ledger), submissions_of(folder, count))


class Never:
    """An engine that is never used: when nothing has changed, nothing runs."""


def marking_of(folder: Path, ledger):  # type: ignore[no-untyped-def]
    from assignments.load import find, load
    from graders.course.course import Course, CourseAssignment
    from graders.record.in_force import Decisions
    from graders.runs.plan import Marking

    set_here = {ASSIGNMENT: CourseAssignment(source=ASSIGNMENT, deadline=datetime(2026, 11, 20))}
    return Marking(
        course=Course(title="Benchmark", year=2026, assignments=set_here, folder=folder, groups=()),
        assignment=load(find(ASSIGNMENT, folder)), secret=SECRET, sandbox=Sandbox(), ledger=ledger,
        decisions=Decisions(ASSIGNMENT, ()), engine=Never(),
    )  # fmt: skip


def fill(folder: Path, count: int) -> int:
    """Record a final stage under every key; returns the number of stages."""
    from graders.record.documents import AnswersResult, CaseScore, Measured, ScoreResult, TestResult
    from graders.record.ledger import Ledger, Stage
    from graders.runs.plan import plan_cohort

    submissions = submissions_of(folder, count)
    with Ledger.open(folder / ".medmark/ledger.sqlite") as ledger:
        plan = plan_cohort(marking_of(folder, ledger), submissions)
    assignment = plan.assignment
    cases = tuple(
        CaseScore("bodu-kire", "bodu-kire", repeat, None, None, "scored")
        for repeat in range(assignment.run.seeds)
        for _ in range(assignment.data.test)
    )
    auroc = Measured("auroc", 0.9, (0.9,), "median", (0.85, 0.94), cases=cases, case_count=len(cases))
    test = TestResult("passed", evidence="x" * 300)
    answers = AnswersResult("passed", evidence="x" * 300, states=(None,) * assignment.data.test)
    score = ScoreResult("passed", measured=auroc, evidence="x" * 300)
    rows = []
    for submission, keys in zip(submissions, plan.keys, strict=True):
        assert keys is not None
        named = [("test", id, key, test) for id, key in keys.tests.items()]
        named += [("answers", str(n), key, answers) for n, key in keys.answers.items()]
        named += [("score", id, key, score) for id, key in keys.scores.items()]
        rows += [Stage(key, kind, submission.group, assignment.id, submission.commit, name, "final", None, 0.1, 0.1,
                       document) for kind, name, key, document in named]  # fmt: skip
    with Ledger.open(folder / ".medmark/ledger.sqlite") as ledger:
        ledger.add_stages(rows)
    return len(rows)


def main() -> None:
    for count in (12, 500):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            stages = fill(folder, count)
            walls, insides = [], []
            for _ in range(RUNS):
                began = time.perf_counter()
                process = subprocess.run(
                    [sys.executable, __file__, str(folder), str(count)],
                    cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(Path.home())},
                    check=True, capture_output=True,
                )  # fmt: skip
                walls.append(time.perf_counter() - began)
                marked, inside = json.loads(process.stdout)
                assert marked == count, f"{marked} of {count} marks"
                insides.append(inside)
        print(f"{count:4} submissions, {stages:5} stages: {statistics.median(walls):.2f} s wall "
              f"(median of {RUNS}; {min(walls):.2f} to {max(walls):.2f}), "
              f"{statistics.median(insides):.2f} s without imports")  # fmt: skip


def again(folder: str, count: str) -> None:
    import graders.runs.cohort  # noqa: F401  so that the figure without imports is one

    began = time.perf_counter()
    marks = grade(Path(folder), int(count))
    took = time.perf_counter() - began
    print(json.dumps([sum(mark.status in ("marked", "incomplete") for mark in marks), took]))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    again(*sys.argv[1:]) if len(sys.argv) > 1 else main()
