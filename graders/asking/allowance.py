"""What one submission may cost: CPU and wall time in its containers, CPU and memory of the host. All from its sizes.

The host's part is bounded too because it works on answers: who chooses an answer must not choose what the marking
machine pays. The numbers are generous, several times what the largest honest answers took; who reaches one of them
has sent something else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assignments.assignment import Accuracy, Assignment, Limits
from assignments.data.hidden import HiddenSet, InputSet
from graders.wall.patience import IDLE_S, WALL_FACTOR

MIB = 1 << 20
SLACK_S = 900.0
"""For opening sandboxes, importing the framework, and computing the metrics."""
HOST_MB = 512
REPLIES = 16
"""A test holds an answer as bytes, arrays and float64, and what it computes of it: so many times the largest reply."""
DATA = 8
"""The same for scoring: times the hidden sets."""
VOXEL_BYTES = 300
"""What a distance between two noisy surfaces takes for each voxel of a case."""
QUESTION_CPU_S = 30.0
REPLY_CPU_S = 0.25
"""For each megabyte that a reply may have."""
MEGAVOXEL_CPU_S = 20.0
"""A noisy volume takes one."""
EXPLAIN_CPU_S = 120.0


@dataclass(frozen=True)
class Ceiling:
    """What one submission costs at the most, all its tests and repeats together."""

    cpu_s: float
    wall_s: float
    """While a core is free for it."""
    deadline_s: float
    """Whatever else runs on the machine: its marker is ended then."""
    host_mb: int
    """Memory that its marker may take beside the hidden cases."""
    scored: bool
    """Whether it is asked for the hidden cases at all."""


def ceiling(assignment: Assignment, tests: Collection[str], repeats: int | None = None) -> Ceiling:
    """The most that a submission costs which is asked these tests and so many repeats (all of them: None)."""
    limits = assignment.limits
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    if repeats is None:
        repeats = assignment.run.seeds if scored else 0
    modules = len({id.partition("::")[0] for id in tests})
    cpu_s = len(tests) * limits.test_cpu_s + modules * limits.shared_cpu_s + repeats * limits.cpu_s
    calls = repeats * -(-assignment.data.test // assignment.data.per_call)
    host_s = len(tests) * hidden_test_cpu_s(limits) + calls * REPLY_CPU_S * limits.reply_mb + SLACK_S
    return Ceiling(cpu_s, cpu_s + IDLE_S, WALL_FACTOR * cpu_s + host_s, host_mb(limits), scored)


def host_mb(limits: Limits) -> int:
    """Megabytes that a marker process may take beside its hidden sets."""
    return HOST_MB + REPLIES * limits.reply_mb


def host_bytes(limits: Limits, sets: Sequence[InputSet]) -> int:
    """Bytes that a marker process may take beyond what it has when everything is imported and drawn."""
    given = [arrays for one in sets for arrays in (one.train, one.val or {}, one.inputs)]
    drawn = sum(array.nbytes for arrays in given for array in arrays.values()) + sum(one.truth_bytes for one in sets)
    largest = max((one.case_numbers for one in sets), default=0)
    return host_mb(limits) * MIB + DATA * drawn + VOXEL_BYTES * largest


def kept_bytes(asked: InputSet) -> int:
    """Bytes of one repeat's answers that are kept: four float64 for each number that is shown or known of the cases."""
    shown = sum(array.size for array in asked.inputs.values())
    return 16 * MIB + 4 * 8 * (shown + asked.count * asked.case_numbers)


def reply_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one call of an accuracy run."""
    return QUESTION_CPU_S + REPLY_CPU_S * limits.reply_mb


def hidden_test_cpu_s(limits: Limits) -> float:
    """Host CPU seconds for one hidden test: what its answers take, and for its own part as much as the solution has."""
    return reply_cpu_s(limits) + limits.test_cpu_s


def case_cpu_s(hidden: HiddenSet) -> float:
    """Host CPU seconds for one metric of one case."""
    return QUESTION_CPU_S + MEGAVOXEL_CPU_S * hidden.case_numbers / 1e6


def score_cpu_s(sets: Sequence[HiddenSet]) -> float:
    """Host CPU seconds for what a score takes beside its cases: a metric of a whole set, and the resamples."""
    return EXPLAIN_CPU_S + MEGAVOXEL_CPU_S * sum(len(one.cases) * one.case_numbers for one in sets) / 1e6
