"""Jobs of one solution that lies on this machine, and the store that holds what they name."""

from __future__ import annotations

from pathlib import Path

from assignments.assignment import Assignment
from assignments.load import folder_digest
from graders.asking.job import Job, keys_for
from graders.record.store import Store, travelling

SOLUTION = "tree of the solution"


def job_here(
    assignment: Assignment, solution: Path, kept_in: Path, *, secret: bytes, tests=(), repeats=(), scores=(), **others
) -> tuple[Job, Store]:
    """A job on the local sandbox and in NumPy, where nothing else is said; answers are `kept_in` a folder."""
    named = folder_digest(assignment)
    plain = {"group": "g", "commit": "c0ffee", "framework": "numpy", "sandbox": "local", "answers": {}, **others}
    job = Job(
        assignment=travelling(assignment, named),
        solution=SOLUTION,
        keys=keys_for(assignment, secret, plain["commit"], tests, repeats, scored=bool(scores)),
        tests=tuple(tests),
        repeats=tuple(repeats),
        scores=tuple(scores),
        **plain,
    )
    return job, Store(kept_in, {SOLUTION: solution}).holding(assignment, named)
