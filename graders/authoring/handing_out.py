"""Hands out an assignment with a valid proof, as a course sets it. `assignments.handout` writes the files."""

from __future__ import annotations

import math
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.folders import in_catalogue
from assignments.handout import write_handout
from assignments.load import hidden_tests
from graders.asking.allowance import ceiling
from graders.authoring.splitting import data_assignment, record_handout
from graders.record.proof_status import proof_status
from graders.wall.patience import IDLE_CALL_S, IDLE_S, WALL_LIMITS
from graders.wall.sandboxes.images import locked


def hand_out(name: str, folder: Path, course: Path | None = None) -> tuple[Path, ...]:
    """Write the handout of an assignment, named by its id or folder; return the files.

    Raises:
        UserError: a catalogue assignment changed since its rehearsal or did not pass it, or the folder holds work.
    """
    assignment = data_assignment(name, course)
    status = proof_status(assignment)
    if in_catalogue(assignment.folder) and not status.holds:
        why = "; ".join(status.gaps) if status.fresh else "it changed since its rehearsal, or was never rehearsed"
        raise UserError(f"{assignment.folder}: is not proven ({why}). Prove it: medmark rehearse {assignment.id}")
    packages = [
        f"{framework}: {name}=={version}"
        for framework in assignment.frameworks
        for name, version in locked(framework).items()
    ]
    written = write_handout(assignment, folder, packages, limits_text(assignment))
    record_handout(assignment)
    return written


def limits_text(assignment: Assignment) -> str:
    """The limits of a submission, in Markdown."""
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
        f"# What a submission to `{assignment.id}` may use\n\n{lines}\n\n"
        f"All together at most {_minutes(cost.cpu_s)} of CPU time, which takes {_minutes(cost.wall_s)} while a core is "
        f"free for it. Marking does not wait for code that sleeps: a call that does nothing for {IDLE_CALL_S} s ends. "
        f"After {WALL_LIMITS} such calls, or {IDLE_S:g} s of doing nothing in all, nothing more is asked.\n"
    )


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} min"
