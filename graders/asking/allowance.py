"""What one submission may cost: CPU and wall time in its containers, CPU and memory of the host. All from its sizes.

The host's part is bounded too because the host works on answers, and an answer must not choose what the marking machine
pays. The limits are several times what the largest honest answers took: only other answers reach them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assignments.assignment import Accuracy, Assignment, Limits
from assignments.data.columns import held_bytes
from assignments.data.hidden import HiddenSet, InputSet
from graders.tasks.public_set import may_have_public_set
from graders.wall.patience import IDLE_S, WALL_FACTOR
from graders.wall.wire import MIB

SLACK_S = 900.0
"""For opening sandboxes, importing the framework, and computing the metrics."""
HOST_MB = 512
REPLIES = 16
"""Times the largest reply: a test holds an answer as bytes, arrays and float64, and its own results beside it."""
DATA = 8
"""The same for scoring, times the hidden sets."""
VOXEL_BYTES = 300
"""Memory that a distance between two noisy surfaces takes for each voxel of a case."""
QUESTION_CPU_S = 30.0
REPLY_CPU_S = 0.25
"""For each megabyte of the largest reply."""
STORED_CPU_S = 0.02
"""For each megabyte of the largest reply and each case; digest and copy of a megabyte take 0.005 s."""
MEGAVOXEL_CPU_S = 20.0
"""For a million voxels; a noisy volume takes 1 s."""
EXPLAIN_CPU_S = 120.0
PUBLIC_SHARE = 0.25
"""CPU seconds that a model may use for public cases, as a share of a repeat's limit, and beside it."""


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
    modules = len({id.partition("::")[0] for id in tests})
    cpu_s = len(tests) * limits.test_cpu_s + modules * limits.shared_cpu_s + repeats * limits.cpu_s
    if repeats and may_have_public_set(assignment):  # where these end the worker, another one begins with a whole limit
        cpu_s += (1 + PUBLIC_SHARE) * limits.cpu_s
    if cases is None:
        cases = assignment.data.test if isinstance(assignment.data.test, int) else 0
    calls = repeats * -(-cases // assignment.data.per_call)
    host_s = len(tests) * hidden_test_cpu_s(limits) + calls * REPLY_CPU_S * limits.reply_mb + SLACK_S
    return Ceiling(cpu_s, cpu_s + IDLE_S, WALL_FACTOR * cpu_s + host_s, host_mb(limits), scored)


def host_mb(limits: Limits) -> int:
    """Megabytes that a marker process may use beside its hidden sets."""
    return HOST_MB + REPLIES * limits.reply_mb


def host_bytes(limits: Limits, sets: Sequence[InputSet]) -> int:
    """Bytes that a marker process may use beyond those it has when everything is imported and drawn.

    Of cases that are read one at a time, only the largest counts.
    """
    groups = [group for inputs in sets for group in (inputs.train, inputs.val or {}, inputs.inputs)]
    shown = sum(held_bytes(cases) for group in groups for cases in group.values())
    drawn = shown + sum(inputs.truth_bytes for inputs in sets)
    largest = max((inputs.case_numbers for inputs in sets), default=0)
    return host_mb(limits) * MIB + DATA * drawn + VOXEL_BYTES * largest


def stored_bytes(shown: InputSet) -> int:
    """The most bytes of one repeat's answers: four float64 for each number of its inputs, and `case_numbers` a case."""
    numbers = sum(array.size for array in shown.inputs.values())
    return 16 * MIB + 4 * 8 * (numbers + shown.count * shown.case_numbers)


def reply_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one call of an accuracy run."""
    return QUESTION_CPU_S + REPLY_CPU_S * limits.reply_mb


def storing_cpu_s(limits: Limits, shown: InputSet) -> float:
    """Host CPU seconds for storing all answers of one repeat: they are read once for their digest, and copied."""
    return reply_cpu_s(limits) + STORED_CPU_S * limits.reply_mb * shown.count


def public_cpu_s(limits: Limits, public: InputSet, per_call: int) -> float:
    """Host CPU seconds for all public cases together, and for the call that makes their model."""
    calls = -(-public.count // per_call)
    return (1 + calls) * reply_cpu_s(limits) + storing_cpu_s(limits, public)


def hidden_test_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one hidden test: for its answers, and for its own work as many as the solution has."""
    return reply_cpu_s(limits) + limits.test_cpu_s


def case_cpu_s(hidden: HiddenSet) -> float:
    """Host CPU seconds for one metric of one case."""
    return QUESTION_CPU_S + MEGAVOXEL_CPU_S * hidden.case_numbers / 1e6


def score_cpu_s(sets: Sequence[HiddenSet]) -> float:
    """Host CPU seconds for a score beside its cases: a metric of a whole set, and the resamples."""
    return EXPLAIN_CPU_S + MEGAVOXEL_CPU_S * sum(len(hidden.cases) * hidden.case_numbers for hidden in sets) / 1e6
