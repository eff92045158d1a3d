"""Hands an assignment out: only one that stands, as a course sets it. What is written is `assignments.handout`'s."""

from __future__ import annotations

import math
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.folders import find, in_catalogue
from assignments.handout import write_handout
from assignments.load import hidden_tests, load
from graders.asking.allowance import ceiling
from graders.record.standing import standing
from graders.tasks import TASKS
from graders.wall.patience import IDLE_CALL_S, IDLE_S, WALL_LIMITS
from graders.wall.sandboxes.images import locked


def hand_out(named: str, folder: Path, course: Path | None = None) -> tuple[Path, ...]:
    """Write the handout of an assignment, named by id or folder; the files written.

    Raises:
        UserError: a catalogue assignment was not rehearsed as it is now, or work lies in the folder already.
    """
    if course is None:
        assignment = load(find(named, Path()), tasks=TASKS)
    else:
        from graders.course.course import assignment_of, load_course

        assignment = assignment_of(load_course(course), named)
    now = standing(assignment)
    if in_catalogue(assignment.folder) and not now.holds:
        why = "; ".join(now.gaps) if now.fresh else "it changed since, or was never rehearsed"
        raise UserError(f"{assignment.folder}: does not stand ({why}). Prove it: medmark rehearse {assignment.id}")
    packages = [
        f"{framework}: {name}=={version}"
        for framework in assignment.frameworks
        for name, version in locked(framework).items()
    ]
    return write_handout(assignment, folder, packages, limits_text(assignment))


def limits_text(assignment: Assignment) -> str:
    """What a hand-in may use, in Markdown: what marking is told to hold it to."""
    limits, run = assignment.limits, assignment.run
    cost = ceiling(assignment, [test.id for test in hidden_tests(assignment)])
    rows = [
        (f"one hidden test on a model of its own: {limits.test_cpu_s:g} CPU s", True),
        (f"the tests of a file that share a model: {limits.shared_cpu_s:g} CPU s", True),
        (f"one run that trains, or loads, and predicts: {limits.cpu_s:g} CPU s", cost.scored),
        (f"`fit`: {run.budget_cpu_s:g} CPU s", run.mode == "retrain"),
        (f"memory: {limits.memory_mb} MB", True),
        (f"files it writes: {limits.scratch_mb} MB, {limits.scratch_files} of them", True),
        (f"weights: {limits.weights_mb} MB", run.mode == "weights"),
        ("network: none", True),
        ("C++ compiler: none, so `torch.compile` returns the model as it is", "pytorch" in assignment.frameworks),
        ("current folder: an empty one; a file of yours is `Path(__file__).parent / NAME`", True),
    ]
    lines = "\n".join(f"- {text}" for text, holds in rows if holds)
    return (
        f"# What a hand-in to `{assignment.id}` may use\n\n{lines}\n\n"
        f"All together at most {_minutes(cost.cpu_s)} of CPU time, which takes {_minutes(cost.wall_s)} while a core is "
        f"free for it. Who sleeps is not waited for: a call that owes an answer and does nothing for {IDLE_CALL_S} s "
        f"ends, and after {WALL_LIMITS} such ends, or {IDLE_S:g} s of doing nothing in all, nothing more is asked.\n"
    )


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} min"
