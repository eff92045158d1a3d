"""The most that one submission can cost, known before it is marked: in its containers, and on the host."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from assignments.assignment import Accuracy, Assignment
from graders.asking.allowance import PUBLIC_SHARE, REPLY_CPU_S, hidden_test_cpu_s, host_mb
from graders.tasks.public_set import may_have_public_set
from graders.wall.patience import IDLE_S, WALL_FACTOR

SLACK_S = 900.0
"""For opening sandboxes, importing the framework, and computing the metrics."""


@dataclass(frozen=True)
class Ceiling:
    """The most that one submission can cost, with all its tests and repeats."""

    cpu_s: float
    wall_s: float
    """While a core is free for it."""
    deadline_s: float
    """When its marker is ended, whatever else runs on the machine."""
    host_mb: int
    """Memory that its marker may use beside the hidden cases."""
    scored: bool
    """Whether it is asked for the hidden cases at all."""


def ceiling(
    assignment: Assignment, tests: Collection[str], repeats: int | None = None, cases: int | None = None
) -> Ceiling:
    """The most that a submission can cost with these tests and so many repeats (None: all).

    `cases` is the number of hidden cases, which decides the deadline: an endless source draws what its assignment says,
    and of a finite one only who has prepared it knows the number.
    """
    limits = assignment.limits
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    if repeats is None:
        repeats = assignment.run.seeds if scored else 0
    # Contracts have no worker of their file: with all other tests that use it, they share that of the trained model.
    modules = len({id.partition("::")[0] for id in tests if "::" in id}) + (
        bool(tests) and assignment.trained is not None
    )
    cpu_s = len(tests) * limits.test_cpu_s + modules * limits.shared_cpu_s + repeats * limits.cpu_s
    idle_s = IDLE_S
    if repeats and may_have_public_set(assignment):  # where these end the worker, another one begins with a whole limit
        cpu_s += (1 + PUBLIC_SHARE) * limits.cpu_s
        idle_s += IDLE_S
    if cases is None:
        cases = assignment.data.test if isinstance(assignment.data.test, int) else 0
    calls = repeats * -(-cases // assignment.data.per_call)
    host_s = len(tests) * hidden_test_cpu_s(limits) + calls * REPLY_CPU_S * limits.reply_mb + SLACK_S
    return Ceiling(cpu_s, cpu_s + idle_s, WALL_FACTOR * cpu_s + host_s, host_mb(limits), scored)
